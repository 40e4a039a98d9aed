//! Firebase: <https://firebase.google.com/docs/auth/admin/verify-id-tokens>.
//!
//! There is no authorization endpoint: a page of the application logs people in, and
//! only ID tokens exist. The project is their audience; the keys are those of all
//! projects, as a JWK Set and as certificates.

use super::{jwt, route, standard};
use crate::provider::FakeProvider;
use crate::provider::behaviour::{AudienceRule, Behaviour, Endpoint, Service};
use crate::provider::builder::FakeProviderBuilder;
use crate::provider::fact::{Fact, Shape};
use crate::provider::person::SubjectStyle;

const PROJECT: &str = "my-project";
const ISSUER: &str = "https://securetoken.google.com/my-project";

fn behaviour() -> Behaviour {
    Behaviour {
        variables: vec![("project_id", PROJECT)],
        routes: vec![
            route(
                Endpoint::Jwks,
                "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
                Service::Jwks,
            ),
            route(
                Endpoint::Certificates,
                "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com",
                Service::Certificates,
            ),
            route(
                Endpoint::Discovery,
                "https://securetoken.google.com/my-project/.well-known/openid-configuration",
                Service::Metadata,
            ),
        ],
        access_token: jwt(Some("JWT"), claims()),
        id_token: None,
        subject: SubjectStyle::Prefixed("uid-"),
        audience: AudienceRule::Fixed(PROJECT.to_owned()),
        ..standard("firebase", ISSUER)
    }
}

fn claims() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("aud", Fact::Audience),
        ("auth_time", Fact::AuthTime),
        ("user_id", Fact::Subject),
        ("sub", Fact::Subject),
        ("iat", Fact::IssuedAt),
        ("exp", Fact::ExpiresAt),
        ("name", Fact::Name),
        ("email", Fact::Email),
        ("email_verified", Fact::EmailVerified),
        ("firebase/sign_in_provider", Fact::is("password")),
    ]
}

impl FakeProvider {
    /// A project of Firebase. Its tokens come from
    /// [`token_for`](FakeProvider::token_for).
    pub fn firebase() -> FakeProviderBuilder {
        FakeProviderBuilder::new(behaviour())
    }
}
