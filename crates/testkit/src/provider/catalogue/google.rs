//! Google: <https://developers.google.com/identity/openid-connect/reference>,
//! <https://developers.google.com/identity/protocols/oauth2/web-server>.
//!
//! Opaque access tokens; `tokeninfo` names the application. A refresh token comes
//! with `access_type=offline` once, or each time with `prompt=consent`, and never
//! changes. Answers write `email` and `profile` as long names. Wrong requests get a
//! page.

use serde_json::json;

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, joined, revocation, route, routes,
    standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, Behaviour, Endpoint, RefreshRule, RevocationRule, Rotation, ScopeRule,
    Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const ISSUER: &str = "https://accounts.google.com";
const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";
const DRIVE: &str = "https://www.googleapis.com/auth/drive.readonly";

fn behaviour() -> Behaviour {
    let mut routes = routes(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/.well-known/openid-configuration",
        "https://www.googleapis.com/oauth2/v3/certs",
    );
    let files = Service::Bearer {
        answer: Fact::Object(vec![
            ("kind", Fact::is("drive#fileList")),
            ("files", Fact::List(vec![("name", Fact::Login)])),
        ]),
        scope: Some(DRIVE),
    };
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            "https://openidconnect.googleapis.com/v1/userinfo",
            joined([vec![("sub", Fact::Subject)], profile()]),
        ),
        route(
            Endpoint::Application,
            "https://oauth2.googleapis.com/tokeninfo",
            Service::TokenInQuery { shape: tokeninfo() },
        ),
        revocation(
            "https://oauth2.googleapis.com/revoke",
            RevocationRule::Unauthenticated,
        ),
        route(
            Endpoint::Api,
            "https://www.googleapis.com/drive/v3/files",
            files,
        ),
    ]);
    Behaviour {
        routes,
        metadata: vec![("scopes_supported", json!(["openid", "email", "profile"]))],
        client_authentication: vec!["client_secret_post", "client_secret_basic"],
        scopes: ScopeRule {
            known: vec!["openid", EMAIL, PROFILE, DRIVE],
            aliases: vec![("email", EMAIL), ("profile", PROFILE)],
            default: None,
            ..any_scopes()
        },
        refused_parameters: vec![(
            "resource",
            "Parameter not allowed for this message type: resource",
        )],
        refuses_on_page: true,
        answer_parameters: vec![
            ("scope", Fact::Scopes(" ")),
            ("authuser", Fact::is("0")),
            ("hd", Fact::Domain),
            ("prompt", Fact::is("consent")),
        ],
        access_token: AccessTokenFormat::Opaque("ya29."),
        access_seconds: Some(3599),
        id_token: id_token(joined([
            vec![("azp", Fact::ClientId), ("hd", Fact::Domain)],
            id_token_claims(),
            profile(),
        ])),
        refresh: RefreshRule::OnceWithParameter(("access_type", "offline"), ("prompt", "consent")),
        rotation: Rotation::Kept,
        subject: SubjectStyle::Digits(21),
        ..standard("google", ISSUER)
    }
}

fn profile() -> Shape {
    vec![
        ("name", if_scope(PROFILE, Fact::Name)),
        ("email", if_scope(EMAIL, Fact::Email)),
        ("email_verified", if_scope(EMAIL, Fact::EmailVerified)),
    ]
}

/// Numbers and truth values are text here.
fn tokeninfo() -> Shape {
    vec![
        ("azp", Fact::ClientId),
        ("aud", Fact::ClientId),
        ("sub", Fact::Subject),
        ("scope", Fact::Scopes(" ")),
        ("exp", Fact::ExpiresAtText),
        ("expires_in", Fact::ExpiresInText),
        ("email", if_scope(EMAIL, Fact::Email)),
        ("email_verified", if_scope(EMAIL, Fact::EmailVerifiedText)),
        ("access_type", Fact::is("online")),
    ]
}

impl FakeProvider {
    /// Google.
    pub fn google() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
