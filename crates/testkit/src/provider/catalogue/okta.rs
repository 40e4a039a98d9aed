//! Okta with a custom authorization server:
//! <https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/>.
//!
//! Access tokens have the application in `cid`, the person in `uid` and the login
//! name, which can change, in `sub`; `scp` is a list. `state` is required. Refresh
//! tokens stay as they are and are told again.

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, introspection, joined, jwt,
    profile_claims, revocation, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AudienceRule, Behaviour, Endpoint, RevocationRule, Rotation, ScopeRule,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ISSUER: &str = "https://example.okta.com/oauth2/default";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut routes = routes(
        &at("/v1/authorize"),
        &at("/v1/token"),
        &at("/.well-known/openid-configuration"),
        &at("/v1/keys"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/v1/userinfo"),
            joined([vec![("sub", Fact::Subject)], profile_claims(), groups()]),
        ),
        introspection(
            &at("/v1/introspect"),
            joined([
                vec![
                    ("active", Fact::is(true)),
                    ("token_type", Fact::is("Bearer")),
                    ("client_id", Fact::ClientId),
                    ("username", Fact::Email),
                    ("scope", Fact::Scopes(" ")),
                ],
                access_token(),
            ]),
        ),
        revocation(&at("/v1/revoke"), RevocationRule::Standard),
    ]);
    Behaviour {
        variables: vec![("issuer", ISSUER), ("audience", "api://default")],
        routes,
        client_authentication: vec![
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        scopes: ScopeRule {
            known: vec![
                "openid",
                "profile",
                "email",
                "offline_access",
                "groups",
                "notes",
            ],
            default: None,
            ..any_scopes()
        },
        required_parameters: vec!["state"],
        access_token: jwt(None, access_token()),
        id_token: id_token(joined([
            id_token_claims(),
            vec![
                ("ver", Fact::is(1)),
                ("preferred_username", if_scope("profile", Fact::Email)),
            ],
            profile_claims(),
            groups(),
        ])),
        rotation: Rotation::Repeated,
        subject: SubjectStyle::Prefixed("00u"),
        audience: AudienceRule::Fixed("api://default".to_owned()),
        ..standard("okta", ISSUER)
    }
}

fn groups() -> Shape {
    vec![("groups", if_scope("groups", Fact::Groups))]
}

fn access_token() -> Shape {
    vec![
        ("ver", Fact::is(1)),
        ("jti", Fact::TokenId),
        ("iss", Fact::Issuer),
        ("aud", Fact::Audience),
        ("iat", Fact::IssuedAt),
        ("exp", Fact::ExpiresAt),
        ("cid", Fact::ClientId),
        ("uid", Fact::Subject),
        ("scp", Fact::ScopeList),
        ("auth_time", Fact::AuthTime),
        ("sub", Fact::Email),
    ]
}

impl FakeProvider {
    /// An organisation at Okta with the authorization server `default`.
    pub fn okta() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
