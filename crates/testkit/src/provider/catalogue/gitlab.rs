//! GitLab: <https://docs.gitlab.com/integration/openid_connect_provider/>,
//! <https://docs.gitlab.com/api/oauth2/>.
//!
//! Opaque access tokens for two hours; refresh tokens come always and are replaced.
//! `/oauth/token/info` names the application. Groups are told by path.

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, joined, profile_claims, revocation,
    route, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, Behaviour, Endpoint, RefreshRule, RevocationRule, Rotation, ScopeRule,
    Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ORIGIN: &str = "https://gitlab.com";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ORIGIN}{path}");
    let mut routes = routes(
        &at("/oauth/authorize"),
        &at("/oauth/token"),
        &at("/.well-known/openid-configuration"),
        &at("/oauth/discovery/keys"),
    );
    let user = Service::Bearer {
        answer: Fact::Object(vec![("id", Fact::Number), ("username", Fact::Login)]),
        scope: Some("read_user"),
    };
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &at("/oauth/userinfo"),
            joined([
                vec![("sub", Fact::Subject), ("groups", Fact::Groups)],
                person(),
            ]),
        ),
        bearer(
            Endpoint::Application,
            &at("/oauth/token/info"),
            vec![
                ("resource_owner_id", Fact::Number),
                ("scope", Fact::ScopeList),
                ("expires_in", Fact::ExpiresIn),
                ("application/uid", Fact::ClientId),
                ("created_at", Fact::IssuedAt),
            ],
        ),
        revocation(&at("/oauth/revoke"), RevocationRule::Standard),
        route(Endpoint::Api, &at("/api/v4/user"), user),
    ]);
    let mut token_response = super::token_response();
    token_response.push(("created_at", Fact::IssuedAt));
    Behaviour {
        variables: vec![("base_url", ORIGIN)],
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post", "none"],
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email", "read_user", "read_api", "api"],
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Opaque(""),
        access_seconds: Some(7200),
        id_token: id_token(joined([
            id_token_claims(),
            vec![("groups_direct", Fact::Groups)],
            person(),
        ])),
        refresh: RefreshRule::Always,
        rotation: Rotation::Replaced,
        token_response,
        subject: SubjectStyle::Digits(8),
        ..standard("gitlab", ORIGIN)
    }
}

fn person() -> Shape {
    joined([
        vec![
            ("nickname", if_scope("profile", Fact::Login)),
            ("preferred_username", if_scope("profile", Fact::Login)),
        ],
        profile_claims(),
    ])
}

impl FakeProvider {
    /// GitLab.
    pub fn gitlab() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
