//! Providers that are named after what they speak.

use serde_json::json;

use super::{
    access_token_claims, bearer, id_token, id_token_claims, if_scope, joined, jwt, profile_claims,
    revocation, route, routes, standard,
};
use crate::issuer::AUDIENCE;
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, RevocationRule, Service};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};

/// The origin that stands for no provider in particular.
const ISSUER: &str = "https://idp.example.com";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut routes = routes(
        &at("/authorize"),
        &at("/token"),
        &at("/.well-known/openid-configuration"),
        &at("/jwks"),
    );
    let userinfo = joined([vec![("sub", Fact::Subject)], profile_claims(), groups()]);
    routes.extend([
        route(
            Endpoint::Userinfo,
            &at("/userinfo"),
            Service::Bearer {
                answer: Fact::Object(userinfo),
                scope: Some("openid"),
            },
        ),
        revocation(&at("/revoke"), RevocationRule::Standard),
        bearer(
            Endpoint::Api,
            &at("/api/notes"),
            vec![("owner", Fact::Login)],
        ),
    ]);
    Behaviour {
        variables: vec![("issuer", ISSUER), ("audience", AUDIENCE)],
        routes,
        metadata: vec![(
            "scopes_supported",
            json!(["openid", "profile", "email", "groups", "offline_access"]),
        )],
        client_authentication: vec![
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        sends_iss: true,
        code_seconds: 60,
        access_token: jwt(Some("at+jwt"), access_token_claims()),
        id_token: id_token(joined([id_token_claims(), profile_claims(), groups()])),
        audience: AudienceRule::Parameter("resource", None),
        ..standard("oidc", ISSUER)
    }
}

fn groups() -> Shape {
    vec![("groups", if_scope("groups", Fact::Groups))]
}

impl FakeProvider {
    /// OpenID Connect by the book: JWT access tokens (RFC 9068) for the `resource`,
    /// refresh tokens for `offline_access` that rotate, `iss` in answers (RFC 9207),
    /// groups for the scope `groups`.
    pub fn oidc() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
