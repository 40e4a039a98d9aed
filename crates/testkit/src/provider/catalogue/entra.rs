//! Microsoft Entra ID, version 2.0 of its endpoints:
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc>,
//! <https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference>.
//!
//! Scopes of one's own API are named `api://{client_id}/name` and are told without
//! the prefix in `scp`. Without such a scope the access token is for Microsoft's own
//! API and cannot be verified by anybody else. `resource` is refused. Tokens of
//! version 1.0 have another issuer. Keys name whose tokens they sign. The document of all tenants names an issuer that
//! no token has.

use serde_json::json;

use super::{
    any_scopes, bearer, id_token, id_token_claims, if_scope, joined, route, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AccessTokenFormat, Behaviour, Endpoint, ErrorStyle, JwtFormat, Rotation, ScopeRule, Service,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::HOME_TENANT;

const GRAPH: &str = "https://graph.microsoft.com/User.Read";

/// `whose` is a tenant or `common`.
fn behaviour(name: &'static str, whose: &str) -> Behaviour {
    let at = |path: &str| format!("https://login.microsoftonline.com/{whose}{path}");
    let mut routes = routes(
        &at("/oauth2/v2.0/authorize"),
        &at("/oauth2/v2.0/token"),
        &at("/v2.0/.well-known/openid-configuration"),
        &at("/discovery/v2.0/keys"),
    );
    let me = Service::Bearer {
        answer: Fact::Object(vec![
            ("displayName", Fact::Name),
            ("mail", Fact::Email),
            ("id", Fact::Subject),
        ]),
        scope: Some(GRAPH),
    };
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            "https://graph.microsoft.com/oidc/userinfo",
            vec![("sub", Fact::TokenId), ("name", Fact::Name)],
        ),
        route(Endpoint::Api, "https://graph.microsoft.com/v1.0/me", me),
    ]);
    Behaviour {
        routes,
        metadata: vec![(
            "scopes_supported",
            json!(["openid", "profile", "email", "offline_access"]),
        )],
        client_authentication: vec![
            "client_secret_post",
            "client_secret_basic",
            "private_key_jwt",
        ],
        scopes: ScopeRule {
            known: vec!["openid", "profile", "email", "offline_access", GRAPH],
            default: None,
            silent: vec!["offline_access"],
            api_prefix: Some("api://{client_id}/"),
            ..any_scopes()
        },
        refused_parameters: vec![(
            "resource",
            "AADSTS901002: The 'resource' request parameter isn't supported.",
        )],
        answer_parameters: vec![("session_state", Fact::is("00000000-session"))],
        access_token: AccessTokenFormat::JwtForApiScope(JwtFormat {
            typ: Some("JWT"),
            key: "r1",
            claims: access_token(),
        }),
        access_seconds: Some(4000),
        id_token: id_token(joined([id_token_claims(), person()])),
        rotation: Rotation::Added,
        errors: ErrorStyle::Numbered,
        token_response: vec![
            ("token_type", Fact::is("Bearer")),
            ("scope", Fact::Scopes(" ")),
            ("expires_in", Fact::ExpiresIn),
            ("ext_expires_in", Fact::ExpiresIn),
            ("access_token", Fact::AccessToken),
            ("refresh_token", Fact::RefreshToken),
            ("id_token", Fact::IdToken),
        ],
        ..standard(name, "https://login.microsoftonline.com/{tenant}/v2.0")
    }
}

fn person() -> Shape {
    vec![
        ("oid", Fact::Subject),
        ("tid", Fact::Tenant),
        ("ver", Fact::is("2.0")),
        ("preferred_username", if_scope("profile", Fact::Email)),
        ("name", if_scope("profile", Fact::Name)),
        // There is no email_verified.
        ("email", if_scope("email", Fact::Email)),
        ("groups", Fact::Groups),
    ]
}

fn access_token() -> Shape {
    vec![
        ("aud", Fact::ClientId),
        ("iss", Fact::Issuer),
        ("iat", Fact::IssuedAt),
        ("nbf", Fact::IssuedAt),
        ("exp", Fact::ExpiresAt),
        ("azp", Fact::ClientId),
        ("azpacr", Fact::is("1")),
        ("oid", Fact::Subject),
        ("sub", Fact::TokenId),
        ("scp", Fact::ApiScopes),
        ("tid", Fact::Tenant),
        ("ver", Fact::is("2.0")),
    ]
}

/// What an API gets that has not asked for version 2.0 in its manifest.
fn access_token_v1() -> Shape {
    vec![
        ("aud", Fact::At("api://{client_id}")),
        ("iss", Fact::At("https://sts.windows.net/{tenant}/")),
        ("iat", Fact::IssuedAt),
        ("nbf", Fact::IssuedAt),
        ("exp", Fact::ExpiresAt),
        ("appid", Fact::ClientId),
        ("appidacr", Fact::is("1")),
        ("oid", Fact::Subject),
        ("sub", Fact::TokenId),
        ("scp", Fact::ApiScopes),
        ("tid", Fact::Tenant),
        ("ver", Fact::is("1.0")),
    ]
}

impl FakeProvider {
    /// The tenant [`HOME_TENANT`]; people of other ones get a page with AADSTS50020.
    pub fn entra() -> FakeProviderBuilder {
        let of_tenant = format!("https://login.microsoftonline.com/{HOME_TENANT}/v2.0");
        FakeProviderBuilder::new(Behaviour {
            variables: vec![("tenant", HOME_TENANT)],
            metadata_issuer: Some(of_tenant.clone()),
            key_issuer: Some(of_tenant),
            tenant: Some(HOME_TENANT),
            ..behaviour("entra", HOME_TENANT)
        })
    }

    /// The same with an API whose access tokens have version 1.0.
    pub fn entra_v1() -> FakeProviderBuilder {
        Self::entra().behaving(|behaviour| {
            behaviour.access_token = AccessTokenFormat::JwtForApiScope(JwtFormat {
                typ: Some("JWT"),
                key: "r1",
                claims: access_token_v1(),
            });
        })
    }

    /// `common`: people of all tenants. The metadata document has the literal text
    /// `{tenantid}` in its issuer.
    pub fn microsoft() -> FakeProviderBuilder {
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        FakeProviderBuilder::new(Behaviour {
            metadata_issuer: Some(template.to_owned()),
            key_issuer: Some(template.to_owned()),
            ..behaviour("microsoft", "common")
        })
    }
}
