//! Slack: <https://docs.slack.dev/authentication/sign-in-with-slack/> and, for apps
//! that ask for scopes of a person, <https://docs.slack.dev/authentication/installing-with-oauth>.
//!
//! Failures have the status 200 and `ok: false`. The token methods know no proof key.
//! Tokens last until they are revoked, by themselves. The older flow answers with the
//! token of the person inside `authed_user` and separates scopes by commas.

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, joined, profile_claims, route, routes,
    standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AudienceRule, Behaviour, Endpoint, ErrorStyle, PkceRule, RefreshRule,
    ScopeRule, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ORIGIN: &str = "https://slack.com";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let mut routes = routes(
        &at("/openid/connect/authorize"),
        &at("/api/openid.connect.token"),
        &at("/.well-known/openid-configuration"),
        &at("/openid/connect/keys"),
    );
    let userinfo = joined([
        vec![("ok", Fact::is(true)), ("sub", Fact::Subject)],
        team(),
        profile_claims(),
    ]);
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/api/openid.connect.userInfo"),
            userinfo,
        ),
        route(
            Endpoint::Revocation,
            &at("/api/auth.revoke"),
            Service::RevocationByBearer,
        ),
        bearer(
            Endpoint::Api,
            &at("/api/auth.test"),
            vec![
                ("ok", Fact::is(true)),
                ("user_id", Fact::Subject),
                ("team_id", Fact::Team),
            ],
        ),
    ]);
    Behaviour {
        routes,
        client_authentication: vec!["client_secret_post", "client_secret_basic"],
        pkce: PkceRule::Unknown,
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email"],
            default: None,
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Opaque("xoxp-"),
        access_seconds: None,
        id_token: id_token(joined([id_token_claims(), team(), profile_claims()])),
        refresh: RefreshRule::Never,
        token_response: vec![
            ("ok", Fact::is(true)),
            ("access_token", Fact::AccessToken),
            ("token_type", Fact::is("Bearer")),
            ("id_token", Fact::IdToken),
        ],
        errors: ErrorStyle::OkFalse,
        subject: SubjectStyle::Prefixed("U"),
        ..standard("slack", ORIGIN)
    }
}

fn team() -> Shape {
    vec![
        ("https:~1~1slack.com~1user_id", Fact::Subject),
        ("https:~1~1slack.com~1team_id", Fact::Team),
    ]
}

/// The older flow with `user_scope`.
fn nested() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let identity = Service::Bearer {
        answer: Fact::Object(vec![
            ("ok", Fact::is(true)),
            ("user/id", Fact::Subject),
            ("user/name", Fact::Name),
            ("user/email", if_scope("identity.email", Fact::Email)),
            ("team/id", Fact::Team),
        ]),
        scope: Some("identity.basic"),
    };
    Behaviour {
        routes: vec![
            route(
                Endpoint::Authorization,
                &at("/oauth/v2/authorize"),
                Service::Authorization,
            ),
            route(Endpoint::Token, &at("/api/oauth.v2.access"), Service::Token),
            route(Endpoint::Userinfo, &at("/api/users.identity"), identity),
            route(
                Endpoint::Revocation,
                &at("/api/auth.revoke"),
                Service::RevocationByBearer,
            ),
        ],
        issuer: None,
        scopes: ScopeRule {
            separators: vec![',', ' '],
            parameter: "user_scope",
            default: None,
            ..any_scopes()
        },
        id_token: None,
        token_response: vec![
            ("ok", Fact::is(true)),
            ("app_id", Fact::is("A0001")),
            ("team/id", Fact::Team),
            ("authed_user/id", Fact::Subject),
            ("authed_user/scope", Fact::Scopes(",")),
            ("authed_user/access_token", Fact::AccessToken),
            ("authed_user/token_type", Fact::is("user")),
        ],
        audience: AudienceRule::Nobody,
        ..behaviour()
    }
}

impl FakeProvider {
    /// "Sign in with Slack".
    pub fn slack() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }

    /// Slack's flow for apps, whose answer has the token of the person inside
    /// `authed_user`.
    pub fn slack_nested() -> FakeProviderBuilder {
        FakeProviderBuilder::new(nested())
    }
}
