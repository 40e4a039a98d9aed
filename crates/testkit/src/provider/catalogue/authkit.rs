//! WorkOS: <https://workos.com/docs/reference/workos-connect/token> and, for MCP
//! servers that take its tokens, <https://workos.com/docs/authkit/mcp>.
//!
//! Access tokens are JWTs for five minutes. `aud` is the client id of the environment,
//! which is not the application, or the `resource` that was asked for. The secret is
//! posted.

use super::{
    any_scopes, bearer, id_token, id_token_claims, introspection, introspection_members, joined,
    jwt, profile_claims, route, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, Rotation, ScopeRule, Service};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ISSUER: &str = "https://example.authkit.app";

fn behaviour(name: &'static str) -> Behaviour {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut routes = routes(
        &at("/oauth2/authorize"),
        &at("/oauth2/token"),
        &at("/.well-known/openid-configuration"),
        &at("/oauth2/jwks"),
    );
    routes.extend([
        route(
            Endpoint::Discovery,
            &at("/.well-known/oauth-authorization-server"),
            Service::Metadata,
        ),
        bearer(
            Endpoint::Userinfo,
            &at("/oauth2/userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims()]),
        ),
        introspection(&at("/oauth2/introspection"), introspection_members()),
    ]);
    Behaviour {
        variables: vec![("authkit_domain", "example.authkit.app")],
        routes,
        client_authentication: vec!["client_secret_post", "none"],
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email", "offline_access"],
            ..any_scopes()
        },
        access_token: jwt(None, access_token()),
        access_seconds: Some(300),
        id_token: id_token(joined([id_token_claims(), profile_claims()])),
        rotation: Rotation::Replaced,
        subject: SubjectStyle::Prefixed("user_"),
        audience: AudienceRule::Parameter("resource", Some("client_of_the_environment".to_owned())),
        ..standard(name, ISSUER)
    }
}

fn access_token() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("aud", Fact::Audience),
        ("sub", Fact::Subject),
        ("client_id", Fact::ClientId),
        ("org_id", Fact::Domain),
        ("sid", Fact::is("app_consent_01")),
        ("scope", Fact::Scopes(" ")),
        ("jti", Fact::TokenId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
    ]
}

impl FakeProvider {
    /// WorkOS as a login.
    pub fn workos() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour("workos"))
    }

    /// AuthKit as the authorization server of an MCP server.
    pub fn authkit() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour("authkit"))
    }
}
