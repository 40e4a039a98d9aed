//! Providers that are named after what they speak.

use serde_json::json;

use super::{any_scopes, id_token_claims, joined, profile_claims, route, token_response};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AnswerFormat, AudienceRule, Behaviour, Endpoint, ErrorStyle, JwtFormat,
    PkceRule, RedirectRule, RefreshRule, Rotation, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

/// The origin that stands for no provider in particular.
const REAL: &str = "https://idp.example.com";

/// OpenID Connect by the book, with JWT access tokens (RFC 9068).
pub(super) fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{REAL}{path}");
    Behaviour {
        name: "oidc",
        routes: vec![
            route(
                Endpoint::Authorization,
                &at("/authorize"),
                Service::Authorization,
            ),
            route(Endpoint::Token, &at("/token"), Service::Token),
            route(
                Endpoint::Discovery,
                &at("/.well-known/openid-configuration"),
                Service::Metadata,
            ),
            route(Endpoint::Jwks, &at("/jwks"), Service::Jwks),
            route(
                Endpoint::Userinfo,
                &at("/userinfo"),
                Service::Bearer {
                    shape: joined([vec![("sub", Fact::Subject)], profile_claims(), groups()]),
                    scope: Some("openid"),
                },
            ),
            route(
                Endpoint::Revocation,
                &at("/revoke"),
                Service::Revocation {
                    authenticated: true,
                },
            ),
            route(
                Endpoint::Api,
                &at("/api/notes"),
                Service::Bearer {
                    shape: vec![("owner", Fact::Login)],
                    scope: None,
                },
            ),
        ],
        issuer: Some(REAL.to_owned()),
        metadata_issuer: None,
        metadata: vec![(
            "scopes_supported",
            json!(["openid", "profile", "email", "offline_access"]),
        )],
        client_authentication: vec![
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        redirect: RedirectRule::Exact,
        pkce: PkceRule::Checked,
        sends_iss: true,
        scopes: any_scopes(),
        refused_parameters: Vec::new(),
        code_seconds: 60,
        access_token: AccessTokenFormat::Jwt(JwtFormat {
            typ: Some("at+jwt"),
            key: "r1",
            claims: access_token_claims(),
        }),
        access_seconds: Some(3600),
        id_token: Some(JwtFormat {
            typ: Some("JWT"),
            key: "r1",
            claims: joined([id_token_claims(), profile_claims(), groups()]),
        }),
        id_token_scope: Some("openid"),
        refresh: RefreshRule::WithScope("offline_access"),
        rotation: Rotation::ReplacedOrEnded,
        token_response: token_response(),
        answer_format: AnswerFormat::Json,
        errors: ErrorStyle::Standard,
        subject: SubjectStyle::Uuid,
        audience: AudienceRule::Parameter("resource", None),
    }
}

/// RFC 9068 §2.2.
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

fn groups() -> Shape {
    let groups = Fact::IfScope("groups", Box::new(Fact::Groups));
    vec![("groups", groups)]
}

impl FakeProvider {
    /// OpenID Connect by the book: JWT access tokens, refresh tokens for
    /// `offline_access` that rotate, groups for the scope `groups`.
    pub fn oidc() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
