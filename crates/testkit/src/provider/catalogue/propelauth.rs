//! PropelAuth: <https://docs.propelauth.com/reference/api/mcp>,
//! <https://docs.propelauth.com/overview/authentication/oauth2>.
//!
//! People log in at one authorization server, with ID tokens and a userinfo endpoint; MCP
//! clients use another one, whose opaque tokens are introspected and are for a `resource`.

use super::{
    bearer, id_token, id_token_claims, introspection, introspection_members, joined, route,
    standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AudienceRule, Behaviour, Endpoint, RefreshRule, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::Fact;

const ORIGIN: &str = "https://auth.example.com";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    Behaviour {
        variables: vec![("auth_url", ORIGIN)],
        routes: vec![
            route(
                Endpoint::Authorization,
                &at("/propelauth/oauth/authorize"),
                Service::Authorization,
            ),
            route(
                Endpoint::Token,
                &at("/propelauth/oauth/token"),
                Service::Token,
            ),
            bearer(
                Endpoint::Userinfo,
                &at("/propelauth/oauth/userinfo"),
                vec![
                    ("user_id", Fact::Subject),
                    ("email", Fact::Email),
                    ("email_confirmed", Fact::EmailVerified),
                    ("username", Fact::Login),
                    ("first_name", Fact::Name),
                    ("enabled", Fact::is(true)),
                ],
            ),
            route(Endpoint::Jwks, &at("/.well-known/jwks.json"), Service::Jwks),
            introspection(&at("/oauth/2.1/introspect"), introspection_members()),
        ],
        issuer: Some("https://auth.example.com/oauth/2.1".to_owned()),
        client_authentication: vec!["client_secret_basic"],
        required_parameters: vec!["state"],
        access_token: AccessTokenFormat::Opaque(""),
        access_seconds: Some(1800),
        id_token: id_token(joined([
            // Of the login, which has another issuer than what clients use.
            vec![("iss", Fact::is(ORIGIN))],
            id_token_claims()
                .into_iter()
                .filter(|(name, _)| *name != "iss")
                .collect(),
            vec![
                ("first_name", Fact::Name),
                ("email", Fact::Email),
                ("email_verified", Fact::EmailVerified),
            ],
        ])),
        refresh: RefreshRule::Always,
        audience: AudienceRule::Parameter("resource", None),
        ..standard("propelauth", ORIGIN)
    }
}

impl FakeProvider {
    /// A project of PropelAuth.
    pub fn propelauth() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
