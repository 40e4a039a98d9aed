//! Supabase as an OAuth server: <https://supabase.com/docs/guides/auth/oauth-server/oauth-flows>,
//! <https://supabase.com/docs/guides/auth/oauth-server/token-security>.
//!
//! ES256 for all tokens. Every access token of a project has the audience
//! `authenticated`, whoever asked for it.

use super::{any_scopes, bearer, id_token_claims, joined, profile_claims, routes, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, AudienceRule, Behaviour, Endpoint, JwtFormat, PkceRule, RefreshRule,
    Rotation, ScopeRule,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};

const ISSUER: &str = "https://abcdefghijklmnop.supabase.co/auth/v1";

fn behaviour() -> Behaviour {
    let at = |path: &str| format!("{ISSUER}{path}");
    let mut routes = routes(
        &at("/oauth/authorize"),
        &at("/oauth/token"),
        &at("/.well-known/openid-configuration"),
        &at("/.well-known/jwks.json"),
    );
    routes.push(bearer(
        Endpoint::Userinfo,
        &at("/oauth/userinfo"),
        joined([vec![("sub", Fact::Subject)], profile_claims()]),
    ));
    let signed = |claims| JwtFormat {
        typ: Some("JWT"),
        key: "e1",
        claims,
    };
    Behaviour {
        variables: vec![("project_ref", "abcdefghijklmnop")],
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post", "none"],
        pkce: PkceRule::Required,
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email", "phone"],
            default: Some(vec!["email"]),
            ..any_scopes()
        },
        access_token: AccessTokenFormat::Jwt(signed(access_token())),
        id_token: Some(signed(joined([id_token_claims(), profile_claims()]))),
        refresh: RefreshRule::Always,
        rotation: Rotation::Replaced,
        audience: AudienceRule::Fixed("authenticated".to_owned()),
        ..standard("supabase", ISSUER)
    }
}

fn access_token() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::Audience),
        ("role", Fact::is("authenticated")),
        ("user_id", Fact::Subject),
        ("client_id", Fact::ClientId),
        ("email", Fact::Email),
        ("session_id", Fact::TokenId),
        ("aal", Fact::is("aal1")),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
    ]
}

impl FakeProvider {
    /// A project of Supabase with its OAuth server.
    pub fn supabase() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
