//! AWS Cognito:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>,
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>.
//!
//! Access tokens have no `aud`; `client_id` names the application and `token_use`
//! tells them from ID tokens, which have the same keys and issuer. Issuer and login
//! page have different hosts. Refresh tokens come always and stay as they are; only
//! they can be revoked.

use super::{
    any_scopes, bearer, id_token_claims, if_scope, joined, jwt, revocation, routes, standard,
};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{
    AudienceRule, Behaviour, Endpoint, JwtFormat, RefreshRule, RevocationRule, Rotation, ScopeRule,
};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};

const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";
const DOMAIN: &str = "https://example.auth.eu-central-1.amazoncognito.com";

fn behaviour() -> Behaviour {
    let page = |path: &str| format!("{DOMAIN}{path}");
    let mut routes = routes(
        &page("/oauth2/authorize"),
        &page("/oauth2/token"),
        &format!("{ISSUER}/.well-known/openid-configuration"),
        &format!("{ISSUER}/.well-known/jwks.json"),
    );
    routes.extend([
        bearer(
            Endpoint::Userinfo,
            &page("/oauth2/userInfo"),
            vec![
                ("sub", Fact::Subject),
                ("username", Fact::Login),
                ("email", if_scope("email", Fact::Email)),
                ("email_verified", if_scope("email", Fact::EmailVerifiedText)),
            ],
        ),
        revocation(&page("/oauth2/revoke"), RevocationRule::RefreshTokensAlone),
    ]);
    Behaviour {
        variables: vec![
            ("region", "eu-central-1"),
            ("user_pool_id", "eu-central-1_AbCdEfGhI"),
        ],
        routes,
        client_authentication: vec!["client_secret_basic", "client_secret_post", "none"],
        scopes: ScopeRule {
            known: vec!["openid", "email", "profile", "phone", "api/read"],
            ..any_scopes()
        },
        access_token: jwt(None, access_token()),
        id_token: Some(JwtFormat {
            typ: None,
            key: "r1",
            claims: joined([id_token_claims(), person()]),
        }),
        refresh: RefreshRule::Always,
        rotation: Rotation::Kept,
        token_response: vec![
            ("id_token", Fact::IdToken),
            ("access_token", Fact::AccessToken),
            ("refresh_token", Fact::RefreshToken),
            ("expires_in", Fact::ExpiresIn),
            ("token_type", Fact::is("Bearer")),
        ],
        audience: AudienceRule::Nobody,
        ..standard("cognito", ISSUER)
    }
}

fn person() -> Shape {
    vec![
        ("token_use", Fact::is("id")),
        ("cognito:username", Fact::Login),
        ("cognito:groups", Fact::Groups),
        ("email", if_scope("email", Fact::Email)),
        ("email_verified", if_scope("email", Fact::EmailVerified)),
        ("jti", Fact::TokenId),
    ]
}

fn access_token() -> Shape {
    vec![
        ("sub", Fact::Subject),
        ("iss", Fact::Issuer),
        ("version", Fact::is(2)),
        ("client_id", Fact::ClientId),
        ("token_use", Fact::is("access")),
        ("scope", Fact::Scopes(" ")),
        ("auth_time", Fact::AuthTime),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
        ("jti", Fact::TokenId),
        ("username", Fact::Login),
        ("cognito:groups", Fact::Groups),
    ]
}

impl FakeProvider {
    /// A user pool of AWS Cognito.
    pub fn cognito() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
