//! Oracle Cloud, identity domains:
//! <https://docs.oracle.com/en-us/iaas/Content/Identity/api-getstarted/AccessToken.htm>.
//!
//! All domains share the issuer `https://identity.oraclecloud.com/`, but not their
//! keys; `tok_type` tells access tokens (`AT`) from ID tokens (`IT`).

use super::{
    bearer, id_token, id_token_claims, introspection, joined, jwt, profile_claims, revocation,
    routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, RevocationRule};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};

const DOMAIN: &str = "https://idcs-0123456789abcdef.identity.oraclecloud.com";
const ISSUER: &str = "https://identity.oraclecloud.com/";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{DOMAIN}{path}");
    let mut routes = routes(
        &at("/oauth2/v1/authorize"),
        &at("/oauth2/v1/token"),
        &at("/.well-known/openid-configuration"),
        &at("/admin/v1/SigningCert/jwk"),
    );
    let mut introspected = access_token();
    introspected.insert(0, ("active", Fact::is(true)));
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/oauth2/v1/userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims()]),
        ),
        introspection(&at("/oauth2/v1/introspect"), introspected),
        revocation(&at("/oauth2/v1/revoke"), RevocationRule::Standard),
    ]);
    Behaviour {
        variables: vec![
            ("domain_url", DOMAIN),
            ("issuer", ISSUER),
            ("audience", "https://mcp.example.com/"),
        ],
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post"],
        access_token: jwt(Some("JWT"), access_token()),
        id_token: id_token(joined([
            id_token_claims(),
            vec![("tok_type", Fact::is("IT")), ("user_id", Fact::Subject)],
            profile_claims(),
        ])),
        audience: AudienceRule::Fixed("https://mcp.example.com/".to_owned()),
        ..standard("oci", ISSUER)
    }
}

fn access_token() -> Shape {
    vec![
        ("tok_type", Fact::is("AT")),
        ("iss", Fact::Issuer),
        ("sub", Fact::Login),
        ("sub_type", Fact::is("user")),
        ("user_id", Fact::Subject),
        ("aud", Fact::Audiences),
        ("client_id", Fact::ClientId),
        ("scope", Fact::Scopes(" ")),
        ("jti", Fact::TokenId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
    ]
}

impl FakeProvider {
    /// An identity domain of Oracle Cloud.
    pub fn oci() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
