//! Clerk: <https://clerk.com/docs/guides/configure/auth-strategies/oauth/single-sign-on>.
//!
//! Opaque access tokens that start with `oat_`, for a day; introspection at
//! `/oauth/token_info`; refresh tokens for `offline_access`.

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, introspection, joined, profile_claims,
    routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AccessTokenFormat, Behaviour, Endpoint, ScopeRule};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ORIGIN: &str = "https://verb-noun-00.clerk.accounts.dev";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let mut routes = routes(
        &at("/oauth/authorize"),
        &at("/oauth/token"),
        &at("/.well-known/oauth-authorization-server"),
        &at("/.well-known/jwks.json"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/oauth/userinfo"),
            joined([
                vec![("sub", Fact::Subject), ("user_id", Fact::Subject)],
                person(),
            ]),
        ),
        introspection(
            &at("/oauth/token_info"),
            vec![
                ("active", Fact::is(true)),
                ("client_id", Fact::ClientId),
                ("iat", Fact::IssuedAt),
                ("exp", Fact::ExpiresAt),
                ("scope", Fact::Scopes(" ")),
                ("sub", Fact::Subject),
            ],
        ),
    ]);
    Behaviour {
        variables: vec![("frontend_api", "verb-noun-00.clerk.accounts.dev")],
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post", "none"],
        scopes: ScopeRule {
            known: vec![
                "openid",
                "profile",
                "email",
                "offline_access",
                "user:org:read",
            ],
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Opaque("oat_"),
        access_seconds: Some(86_400),
        id_token: id_token(joined([id_token_claims(), person()])),
        subject: SubjectStyle::Prefixed("user_"),
        ..standard("clerk", ORIGIN)
    }
}

fn person() -> Shape {
    joined([
        vec![
            ("preferred_username", if_scope("profile", Fact::Login)),
            ("org_id", if_scope("user:org:read", Fact::Domain)),
        ],
        profile_claims(),
    ])
}

impl FakeProvider {
    /// An instance of Clerk.
    pub fn clerk() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
