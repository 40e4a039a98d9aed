//! Descope: <https://docs.descope.com/identity-federation/applications/oidc-apps/oidc-endpoints>,
//! <https://docs.descope.com/agentic-identity-hub/mcp-servers>.
//!
//! All projects share one host. Tokens for an MCP server have an issuer of their own,
//! with the keys of the whole project.

use super::{
    bearer, id_token, id_token_claims, joined, jwt, profile_claims, revocation, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, RevocationRule};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const PROJECT: &str = "P2abcdefghijklmnopqrstuvwxyz";
const ISSUER: &str = "https://api.descope.com/P2abcdefghijklmnopqrstuvwxyz";
const OF_SERVER: &str = "https://api.descope.com/v1/apps/agentic/P2abcdefghijklmnopqrstuvwxyz/MS35d1Xw1Yo6zozsW7n8BU6xLmnAs";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("https://api.descope.com{path}");
    let mut routes = routes(
        &at("/oauth2/v1/authorize"),
        &at("/oauth2/v1/token"),
        &format!("{ISSUER}/.well-known/openid-configuration"),
        &format!("{ISSUER}/.well-known/jwks.json"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/oauth2/v1/userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims()]),
        ),
        revocation(&at("/oauth2/v1/revoke"), RevocationRule::Standard),
    ]);
    Behaviour {
        variables: vec![
            ("project_id", PROJECT),
            ("mcp_server_id", "MS35d1Xw1Yo6zozsW7n8BU6xLmnAs"),
        ],
        routes,
        access_token: jwt(Some("JWT"), access_token(Fact::Issuer)),
        id_token: id_token(joined([id_token_claims(), profile_claims()])),
        subject: SubjectStyle::Prefixed("U2"),
        audience: AudienceRule::Parameter("resource", Some(PROJECT.to_owned())),
        ..standard("descope", ISSUER)
    }
}

fn access_token(issuer: Fact) -> Shape {
    vec![
        ("iss", issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::Audiences),
        ("azp", Fact::ClientId),
        ("scope", Fact::Scopes(" ")),
        ("jti", Fact::TokenId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
    ]
}

impl FakeProvider {
    /// A project of Descope as a login.
    pub fn descope() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }

    /// The same with access tokens for an MCP server.
    pub fn descope_of_server() -> FakeProviderBuilder {
        Self::descope().behaving(|behaviour| {
            behaviour.access_token = jwt(Some("JWT"), access_token(Fact::At(OF_SERVER)));
        })
    }
}
