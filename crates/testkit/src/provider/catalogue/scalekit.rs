//! Scalekit: <https://docs.scalekit.com/authenticate/mcp/quickstart/>.
//!
//! Tokens for an MCP server have the environment as issuer, or the resource within
//! it, depending on when it was registered. `aud` is a list with the id of the
//! resource; `scopes` is a list.

use super::{
    bearer, id_token, id_token_claims, joined, jwt, profile_claims, revocation, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, RevocationRule};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ENVIRONMENT: &str = "https://example.scalekit.com";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ENVIRONMENT}{path}");
    let mut routes = routes(
        &at("/oauth/authorize"),
        &at("/oauth/token"),
        &at("/.well-known/openid-configuration"),
        &at("/keys"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims()]),
        ),
        revocation(&at("/revoke"), RevocationRule::Standard),
    ]);
    Behaviour {
        variables: vec![
            ("environment_url", ENVIRONMENT),
            ("resource_id", "res_123456789"),
        ],
        routes,
        access_token: jwt(Some("JWT"), access_token(Fact::Issuer)),
        id_token: id_token(joined([id_token_claims(), profile_claims()])),
        subject: SubjectStyle::Prefixed("usr_"),
        audience: AudienceRule::Parameter("resource", Some("res_123456789".to_owned())),
        ..standard("scalekit", ENVIRONMENT)
    }
}

fn access_token(issuer: Fact) -> Shape {
    vec![
        ("iss", issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::Audiences),
        ("client_id", Fact::ClientId),
        ("scopes", Fact::ScopeList),
        ("scope", Fact::Scopes(" ")),
        ("jti", Fact::TokenId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
        ("nbf", Fact::IssuedAt),
    ]
}

impl FakeProvider {
    /// An environment of Scalekit whose tokens name the environment as issuer.
    pub fn scalekit() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }

    /// The same with tokens that name the resource as issuer.
    pub fn scalekit_of_resource() -> FakeProviderBuilder {
        Self::scalekit().behaving(|behaviour| {
            let issuer = Fact::At("https://example.scalekit.com/resources/res_123456789");
            behaviour.access_token = jwt(Some("JWT"), access_token(issuer));
        })
    }
}
