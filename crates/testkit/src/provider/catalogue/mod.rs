//! How each provider behaves: one constructor, no code of its own. What is not
//! said is as in [`standard`]: OpenID Connect by the book.
//!
//! Each file names where its facts are documented.

mod auth0;
mod authkit;
mod clerk;
mod cognito;
mod descope;
mod discord;
mod entra;
mod firebase;
mod github;
mod gitlab;
mod google;
mod huggingface;
mod keycloak;
mod oci;
mod oidc;
mod okta;
mod opaque;
mod propelauth;
mod scalekit;
mod slack;
mod supabase;

use super::behaviour::{
    AccessTokenFormat, AnswerFormat, AudienceRule, Behaviour, Endpoint, ErrorStyle, JwtFormat,
    PkceRule, RedirectRule, RefreshRule, RevocationRule, Rotation, Route, ScopeRule, Service,
};
use super::fact::{Fact, Shape};
use super::person::SubjectStyle;

/// A provider by the book: OpenID Connect with RS256, opaque access tokens for an
/// hour, PKCE checked, rotating refresh tokens for `offline_access`.
fn standard(name: &'static str, issuer: &str) -> Behaviour {
    Behaviour {
        name,
        variables: Vec::new(),
        routes: Vec::new(),
        issuer: Some(issuer.to_owned()),
        metadata_issuer: None,
        key_issuer: None,
        metadata: Vec::new(),
        client_authentication: vec!["client_secret_basic", "client_secret_post"],
        redirect: RedirectRule::Exact,
        pkce: PkceRule::Checked,
        sends_iss: false,
        scopes: any_scopes(),
        refused_parameters: Vec::new(),
        required_parameters: Vec::new(),
        known_audiences: Vec::new(),
        refuses_on_page: false,
        tenant: None,
        answer_parameters: Shape::new(),
        code_seconds: 300,
        access_token: AccessTokenFormat::Opaque(""),
        access_seconds: Some(3600),
        id_token: Some(JwtFormat {
            typ: Some("JWT"),
            key: "r1",
            claims: joined([id_token_claims(), profile_claims()]),
        }),
        id_token_scope: Some("openid"),
        refresh: RefreshRule::WithScope("offline_access"),
        rotation: Rotation::ReplacedOrEnded,
        token_response: token_response(),
        answer_format: AnswerFormat::Json,
        errors: ErrorStyle::Standard,
        subject: SubjectStyle::Uuid,
        audience: AudienceRule::Client,
    }
}

/// An access token that is a JWT, signed with RS256.
fn jwt(typ: Option<&'static str>, claims: Shape) -> AccessTokenFormat {
    AccessTokenFormat::Jwt(JwtFormat {
        typ,
        key: "r1",
        claims,
    })
}

/// An ID token with these claims, signed with RS256.
fn id_token(claims: Shape) -> Option<JwtFormat> {
    Some(JwtFormat {
        typ: Some("JWT"),
        key: "r1",
        claims,
    })
}

/// An endpoint that answers an object to whoever has a token.
fn bearer(endpoint: Endpoint, url: &str, shape: Shape) -> Route {
    let service = Service::Bearer {
        answer: Fact::Object(shape),
        scope: None,
    };
    route(endpoint, url, service)
}

/// The usual addresses: authorization, token, metadata document and keys.
fn routes(authorization: &str, token: &str, metadata: &str, jwks: &str) -> Vec<Route> {
    vec![
        route(
            Endpoint::Authorization,
            authorization,
            Service::Authorization,
        ),
        route(Endpoint::Token, token, Service::Token),
        route(Endpoint::Discovery, metadata, Service::Metadata),
        route(Endpoint::Jwks, jwks, Service::Jwks),
    ]
}

/// A revocation endpoint.
fn revocation(url: &str, rule: RevocationRule) -> Route {
    route(Endpoint::Revocation, url, Service::Revocation(rule))
}

/// An introspection endpoint that tells an application about its own tokens.
fn introspection(url: &str, shape: Shape) -> Route {
    let service = Service::Introspection {
        shape,
        foreign_tokens: false,
    };
    route(Endpoint::Introspection, url, service)
}

/// A route without header lines of its own.
fn route(endpoint: Endpoint, url: &str, service: Service) -> Route {
    Route {
        endpoint,
        url: url.to_owned(),
        service,
        headers: Shape::new(),
    }
}

/// Scopes between blanks, any text being one.
fn any_scopes() -> ScopeRule {
    ScopeRule {
        separators: vec![' '],
        parameter: "scope",
        known: Vec::new(),
        aliases: Vec::new(),
        default: Some(Vec::new()),
        silent: Vec::new(),
        contained: Vec::new(),
        api_prefix: None,
    }
}

/// The answer of RFC 6749 §5.1 and OpenID Connect Core §3.1.3.3.
fn token_response() -> Shape {
    vec![
        ("access_token", Fact::AccessToken),
        ("token_type", Fact::is("Bearer")),
        ("expires_in", Fact::ExpiresIn),
        ("refresh_token", Fact::RefreshToken),
        ("id_token", Fact::IdToken),
        ("scope", Fact::Scopes(" ")),
    ]
}

/// The claims that OpenID Connect Core §2 asks of every ID token.
fn id_token_claims() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::ClientId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
        ("auth_time", Fact::AuthTime),
        ("nonce", Fact::Nonce),
        ("at_hash", Fact::AccessTokenHash),
    ]
}

/// Name and address, as the scopes `profile` and `email` ask for them
/// (OpenID Connect Core §5.4).
fn profile_claims() -> Shape {
    let of = |scope, fact| Fact::IfScope(scope, Box::new(fact));
    vec![
        ("name", of("profile", Fact::Name)),
        ("email", of("email", Fact::Email)),
        ("email_verified", of("email", Fact::EmailVerified)),
    ]
}

/// The claims of `shapes`, one after the other.
fn joined<const N: usize>(shapes: [Shape; N]) -> Shape {
    shapes.into_iter().flatten().collect()
}

/// A claim that is there if a scope was granted.
fn if_scope(scope: &'static str, fact: Fact) -> Fact {
    Fact::IfScope(scope, Box::new(fact))
}

/// The claims of RFC 9068 §2.2.
fn access_token_claims() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::Audience),
        ("client_id", Fact::ClientId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
        ("jti", Fact::TokenId),
        ("scope", Fact::Scopes(" ")),
    ]
}

/// What RFC 7662 §2.2 says about a live token.
fn introspection_members() -> Shape {
    let mut members = vec![
        ("active", Fact::is(true)),
        ("token_type", Fact::is("Bearer")),
        ("username", Fact::Login),
    ];
    members.extend(access_token_claims());
    members
}
