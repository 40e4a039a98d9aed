//! Discord: <https://docs.discord.com/developers/topics/oauth2>.
//!
//! Opaque tokens; `/oauth2/@me` names the application and, with `identify`, the
//! person. Refresh tokens come always and are replaced when they are used.

use super::{any_scopes, bearer, if_scope, revocation, route, routes, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AudienceRule, Behaviour, Endpoint, RefreshRule, RevocationRule, Rotation,
    ScopeRule, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const API: &str = "https://discord.com/api";

fn behaviour() -> Behaviour {
    let api = |path: &str| format!("{API}{path}");
    let mut routes = routes(
        "https://discord.com/oauth2/authorize",
        &api("/oauth2/token"),
        "https://discord.com/.well-known/openid-configuration",
        &api("/oauth2/keys"),
    );
    routes.retain(|route| matches!(route.endpoint, Endpoint::Authorization | Endpoint::Token));
    let guilds = Service::Bearer {
        answer: Fact::EachGroup(vec![
            ("id", Fact::GroupNumberText),
            ("name", Fact::GroupName),
            ("owner", Fact::is(false)),
        ]),
        scope: Some("guilds"),
    };
    let me = Service::Bearer {
        answer: Fact::Object(user()),
        scope: Some("identify"),
    };
    routes.extend([
        bearer(Endpoint::Userinfo, &api("/oauth2/@me"), authorization()),
        revocation(&api("/oauth2/token/revoke"), RevocationRule::Standard),
        route(Endpoint::Api, &api("/users/@me"), me),
        route(Endpoint::Api, &api("/users/@me/guilds"), guilds),
    ]);
    Behaviour {
        routes,
        issuer: None,
        scopes: ScopeRule {
            known: vec!["identify", "email", "guilds", "openid"],
            default: None,
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Opaque(""),
        access_seconds: Some(604_800),
        id_token: None,
        refresh: RefreshRule::Always,
        rotation: Rotation::Replaced,
        subject: SubjectStyle::Digits(18),
        audience: AudienceRule::Nobody,
        ..standard("discord", API)
    }
}

/// <https://docs.discord.com/developers/topics/oauth2#get-current-authorization-information>.
fn authorization() -> Shape {
    vec![
        ("application/id", Fact::ClientId),
        ("application/name", Fact::is("An application")),
        ("application/bot_public", Fact::is(true)),
        ("scopes", Fact::ScopeList),
        ("expires", Fact::ExpiresAtDate),
        ("user", if_scope("identify", Fact::Object(user()))),
    ]
}

fn user() -> Shape {
    vec![
        ("id", Fact::Subject),
        ("username", Fact::Login),
        ("global_name", Fact::Name),
        ("discriminator", Fact::is("0")),
        ("email", if_scope("email", Fact::Email)),
        ("verified", if_scope("email", Fact::EmailVerified)),
    ]
}

impl FakeProvider {
    /// Discord.
    pub fn discord() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
