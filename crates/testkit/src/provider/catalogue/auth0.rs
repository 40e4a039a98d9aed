//! Auth0: <https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>,
//! <https://auth0.com/docs/authenticate/login/oidc-conformant-authentication>.
//!
//! Access tokens are JWTs if `audience` named a known API, else opaque; with `openid`
//! their `aud` is a list. `permissions` are those of the person. The issuer ends with
//! a slash. Only refresh tokens can be revoked.

use super::{bearer, id_token_claims, joined, profile_claims, revocation, routes, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AudienceRule, Behaviour, Endpoint, JwtFormat, RevocationRule,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ISSUER: &str = "https://example.eu.auth0.com/";
const API: &str = "https://api.example.com/";
const RESOURCE: &str = "https://rs.test/mcp";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut routes = routes(
        &at("authorize"),
        &at("oauth/token"),
        &at(".well-known/openid-configuration"),
        &at(".well-known/jwks.json"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims()]),
        ),
        revocation(&at("oauth/revoke"), RevocationRule::RefreshTokensAlone),
    ]);
    Behaviour {
        variables: vec![("domain", "example.eu.auth0.com"), ("audience", API)],
        routes,
        client_authentication: vec![
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        known_audiences: vec![API, RESOURCE],
        access_token: AccessTokenFormat::JwtForNamedAudience(JwtFormat {
            typ: Some("JWT"),
            key: "r1",
            claims: access_token(),
        }),
        access_seconds: Some(86_400),
        id_token: Some(JwtFormat {
            typ: Some("JWT"),
            key: "r1",
            claims: joined([
                id_token_claims(),
                profile_claims(),
                vec![("org_id", Fact::Domain)],
            ]),
        }),
        subject: SubjectStyle::Prefixed("auth0|"),
        audience: AudienceRule::Parameter("audience", None),
        ..standard("auth0", ISSUER)
    }
}

fn access_token() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::AudiencesAndUserinfo),
        ("iat", Fact::IssuedAt),
        ("exp", Fact::ExpiresAt),
        ("scope", Fact::Scopes(" ")),
        ("azp", Fact::ClientId),
        ("permissions", Fact::Permissions),
    ]
}

impl FakeProvider {
    /// A tenant of Auth0 with the APIs `https://api.example.com/` and
    /// [`AUDIENCE`](crate::AUDIENCE).
    pub fn auth0() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
