//! Keycloak: <https://www.keycloak.org/securing-apps/oidc-layers>.
//!
//! Access and ID tokens have the same keys and issuer; the claim `typ` tells them
//! apart. Without an audience mapper `aud` is `account`. Refresh tokens come always;
//! here the realm revokes them when they are used.

use serde_json::json;

use super::{
    bearer, id_token, id_token_claims, introspection, joined, jwt, profile_claims, revocation,
    routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AudienceRule, Behaviour, Endpoint, RefreshRule, RevocationRule, Rotation,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};

const REALM: &str = "https://sso.example.com/realms/main";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{REALM}/protocol/openid-connect{path}");
    let mut routes = routes(
        &at("/auth"),
        &at("/token"),
        &format!("{REALM}/.well-known/openid-configuration"),
        &at("/certs"),
    );
    let userinfo = joined([vec![("sub", Fact::Subject)], person()]);
    let introspected = joined([
        vec![
            ("active", Fact::is(true)),
            ("client_id", Fact::ClientId),
            ("username", Fact::Login),
            ("token_type", Fact::is("Bearer")),
        ],
        access_token(),
    ]);
    routes.extend([
        bearer(Endpoint::Userinfo, &at("/userinfo"), userinfo),
        introspection(&at("/token/introspect"), introspected),
        revocation(&at("/revoke"), RevocationRule::Standard),
    ]);
    Behaviour {
        variables: vec![("realm_url", REALM), ("audience", "account")],
        routes,
        client_authentication: vec![
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        sends_iss: true,
        answer_parameters: vec![("session_state", Fact::is("b1946ac9-session"))],
        code_seconds: 60,
        access_token: jwt(Some("JWT"), access_token()),
        access_seconds: Some(300),
        id_token: id_token(joined([
            id_token_claims(),
            vec![("typ", Fact::is("ID")), ("azp", Fact::ClientId)],
            person(),
        ])),
        refresh: RefreshRule::Always,
        rotation: Rotation::Replaced,
        token_response: vec![
            ("access_token", Fact::AccessToken),
            ("expires_in", Fact::ExpiresIn),
            ("refresh_expires_in", Fact::is(1800)),
            ("refresh_token", Fact::RefreshToken),
            ("token_type", Fact::is("Bearer")),
            ("id_token", Fact::IdToken),
            ("not-before-policy", Fact::is(0)),
            ("session_state", Fact::is("b1946ac9-session")),
            ("scope", Fact::Scopes(" ")),
        ],
        audience: AudienceRule::Fixed("account".to_owned()),
        ..standard("keycloak", REALM)
    }
}

fn person() -> Shape {
    joined([
        vec![
            ("preferred_username", Fact::Login),
            ("groups", Fact::Groups),
        ],
        profile_claims(),
    ])
}

fn access_token() -> Shape {
    joined([
        vec![
            ("exp", Fact::ExpiresAt),
            ("iat", Fact::IssuedAt),
            ("auth_time", Fact::AuthTime),
            ("jti", Fact::TokenId),
            ("iss", Fact::Issuer),
            ("aud", Fact::Audience),
            ("sub", Fact::Subject),
            ("typ", Fact::is("Bearer")),
            ("azp", Fact::ClientId),
            ("sid", Fact::is("b1946ac9-session")),
            (
                "realm_access",
                Fact::Is(json!({ "roles": ["offline_access"] })),
            ),
            ("scope", Fact::Scopes(" ")),
        ],
        person(),
    ])
}

impl FakeProvider {
    /// A realm of Keycloak that revokes refresh tokens when they are used.
    pub fn keycloak() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
