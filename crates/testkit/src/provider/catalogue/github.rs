//! GitHub: OAuth without OpenID Connect. Tokens are opaque, failures have the
//! status 200, answers are forms unless JSON is asked for, and the scopes of a
//! token are told in a header.

use serde_json::json;

use super::{any_scopes, route, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AnswerFormat, AudienceRule, Behaviour, Endpoint, ErrorStyle, RedirectRule,
    RefreshRule, Rotation, Route, ScopeRule, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const WEB: &str = "https://github.com";
const API: &str = "https://api.github.com";

fn behaviour() -> Behaviour {
    Behaviour {
        routes: routes(),
        issuer: None,
        client_authentication: vec!["client_secret_post", "client_secret_basic"],
        redirect: RedirectRule::Subfolder,
        scopes: ScopeRule {
            separators: vec![' ', ','],
            contained: vec![
                ("user", "read:user"),
                ("user", "user:email"),
                ("user", "user:follow"),
                ("repo", "public_repo"),
                ("admin:org", "read:org"),
                ("write:org", "read:org"),
            ],
            ..any_scopes()
        },
        code_seconds: 600,
        access_token: AccessTokenFormat::Opaque("gho_"),
        access_seconds: None,
        id_token: None,
        refresh: RefreshRule::Never,
        rotation: Rotation::Replaced,
        token_response: vec![
            ("access_token", Fact::AccessToken),
            ("expires_in", Fact::ExpiresIn),
            ("refresh_token", Fact::RefreshToken),
            ("token_type", Fact::is("bearer")),
            ("scope", Fact::Scopes(",")),
        ],
        answer_format: AnswerFormat::FormUnlessJsonIsAccepted,
        errors: ErrorStyle::Status200,
        subject: SubjectStyle::Number,
        audience: AudienceRule::Nobody,
        ..standard("github", WEB)
    }
}

fn routes() -> Vec<Route> {
    let web = |path: &str| format!("{WEB}{path}");
    let api = |path: &str| format!("{API}{path}");
    let told_scopes = || -> Shape {
        vec![
            ("x-oauth-scopes", Fact::Scopes(", ")),
            ("x-oauth-client-id", Fact::ClientId),
            ("x-github-media-type", Fact::is("github.v3; format=json")),
        ]
    };
    let user = Service::Bearer {
        answer: Fact::Object(user()),
        scope: None,
    };
    let emails = Service::Bearer {
        answer: Fact::List(vec![
            ("email", Fact::Email),
            ("verified", Fact::EmailVerified),
            ("primary", Fact::is(true)),
            ("visibility", Fact::is("private")),
        ]),
        scope: Some("user:email"),
    };
    let organisations = Service::Bearer {
        answer: Fact::EachGroup(vec![("login", Fact::GroupName), ("id", Fact::GroupNumber)]),
        scope: Some("read:org"),
    };
    let check = Service::ApplicationToken {
        shape: checked_token(),
        whole_grant: false,
    };
    let grant = Service::ApplicationToken {
        shape: Shape::new(),
        whole_grant: true,
    };
    let repositories = Service::Bearer {
        answer: Fact::List(vec![
            ("full_name", Fact::Login),
            ("private", Fact::is(false)),
        ]),
        scope: None,
    };
    let mut routes = vec![
        route(
            Endpoint::Authorization,
            &web("/login/oauth/authorize"),
            Service::Authorization,
        ),
        route(
            Endpoint::Token,
            &web("/login/oauth/access_token"),
            Service::Token,
        ),
        route(Endpoint::Userinfo, &api("/user"), user),
        route(Endpoint::Api, &api("/user/repos"), repositories),
        route(Endpoint::Api, &api("/user/emails"), emails),
        route(Endpoint::Api, &api("/user/orgs"), organisations),
    ];
    for route in &mut routes {
        if matches!(route.service, Service::Bearer { .. }) {
            route.headers = told_scopes();
        }
    }
    let application = "/applications/{client_id}";
    let token = api(&format!("{application}/token"));
    routes.push(route(Endpoint::Application, &token, check));
    let whole = api(&format!("{application}/grant"));
    routes.push(route(Endpoint::Revocation, &whole, grant));
    routes
}

/// <https://docs.github.com/en/rest/users/users#get-the-authenticated-user>.
fn user() -> Shape {
    vec![
        ("login", Fact::Login),
        ("id", Fact::Number),
        ("node_id", Fact::is("MDQ6VXNlcjE=")),
        ("type", Fact::is("User")),
        ("site_admin", Fact::is(false)),
        ("name", Fact::Name),
        // Only what the person made public; never whether it is verified.
        ("email", Fact::Email),
        ("company", Fact::is(json!(null))),
    ]
}

/// <https://docs.github.com/en/rest/apps/oauth-applications#check-a-token>.
fn checked_token() -> Shape {
    vec![
        ("id", Fact::is(1)),
        ("scopes", Fact::ScopeList),
        ("app/client_id", Fact::ClientId),
        ("app/name", Fact::is("An application")),
        ("user/login", Fact::Login),
        ("user/id", Fact::Number),
    ]
}

impl FakeProvider {
    /// GitHub with an OAuth app: tokens last until they are revoked, and there
    /// are no refresh tokens.
    pub fn github() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }

    /// GitHub with an app whose tokens expire after eight hours and come with a
    /// refresh token that rotates. When it is used the access token before ends too:
    /// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens>.
    pub fn github_with_expiring_tokens() -> FakeProviderBuilder {
        Self::github().behaving(|behaviour| {
            behaviour.access_token = AccessTokenFormat::Opaque("ghu_");
            behaviour.access_seconds = Some(8 * 3600);
            behaviour.refresh = RefreshRule::Always;
            behaviour.rotation = Rotation::ReplacedWithAccess;
        })
    }
}
