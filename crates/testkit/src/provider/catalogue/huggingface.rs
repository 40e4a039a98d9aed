//! Hugging Face: <https://huggingface.co/docs/hub/oauth>.
//!
//! Opaque access tokens for eight hours, no refresh tokens. Public applications are
//! possible, with a proof key. Organisations are told by the userinfo endpoint.

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, joined, profile_claims, routes,
    standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AccessTokenFormat, Behaviour, Endpoint, RefreshRule, ScopeRule};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ORIGIN: &str = "https://huggingface.co";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let mut routes = routes(
        &at("/oauth/authorize"),
        &at("/oauth/token"),
        &at("/.well-known/openid-configuration"),
        &at("/oauth/jwks"),
    );
    let organisations = Fact::EachGroup(vec![
        ("sub", Fact::GroupNumberText),
        ("name", Fact::GroupName),
        ("preferred_username", Fact::GroupName),
        ("isEnterprise", Fact::is(false)),
    ]);
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/oauth/userinfo"),
            joined([
                vec![("sub", Fact::Subject), ("isPro", Fact::is(false))],
                person(),
                vec![("orgs", organisations)],
            ]),
        ),
        bearer(
            Endpoint::Api,
            &at("/api/whoami-v2"),
            vec![
                ("type", Fact::is("user")),
                ("id", Fact::Subject),
                ("name", Fact::Login),
            ],
        ),
    ]);
    Behaviour {
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post", "none"],
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email", "read-repos", "inference-api"],
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Opaque("hf_oauth_"),
        access_seconds: Some(28_800),
        id_token: id_token(joined([id_token_claims(), person()])),
        refresh: RefreshRule::Never,
        subject: SubjectStyle::Prefixed(""),
        ..standard("huggingface", ORIGIN)
    }
}

fn person() -> Shape {
    joined([
        vec![
            ("preferred_username", if_scope("profile", Fact::Login)),
            (
                "profile",
                if_scope("profile", Fact::At("https://huggingface.co/someone")),
            ),
        ],
        profile_claims(),
    ])
}

impl FakeProvider {
    /// Hugging Face.
    pub fn huggingface() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
