//! How each provider behaves: one constructor, no code of its own.

mod github;
mod oidc;

use super::behaviour::{Endpoint, Route, ScopeRule, Service};
use super::fact::{Fact, Shape};

/// A route without header lines of its own.
fn route(endpoint: Endpoint, url: &str, service: Service) -> Route {
    Route {
        endpoint,
        url: url.to_owned(),
        service,
        headers: Shape::new(),
    }
}

/// Scopes between blanks, any text being one.
fn any_scopes() -> ScopeRule {
    ScopeRule {
        separators: vec![' '],
        parameter: "scope",
        known: Vec::new(),
        aliases: Vec::new(),
        default: Some(Vec::new()),
        silent: Vec::new(),
        api_prefix: None,
    }
}

/// The answer of RFC 6749 §5.1 and OpenID Connect Core §3.1.3.3.
fn token_response() -> Shape {
    vec![
        ("access_token", Fact::AccessToken),
        ("token_type", Fact::is("Bearer")),
        ("expires_in", Fact::ExpiresIn),
        ("refresh_token", Fact::RefreshToken),
        ("id_token", Fact::IdToken),
        ("scope", Fact::Scopes(" ")),
    ]
}

/// The claims that OpenID Connect Core §2 asks of every ID token.
fn id_token_claims() -> Shape {
    vec![
        ("iss", Fact::Issuer),
        ("sub", Fact::Subject),
        ("aud", Fact::ClientId),
        ("exp", Fact::ExpiresAt),
        ("iat", Fact::IssuedAt),
        ("auth_time", Fact::AuthTime),
        ("nonce", Fact::Nonce),
        ("at_hash", Fact::AccessTokenHash),
    ]
}

/// Name and address, as the scopes `profile` and `email` ask for them
/// (OpenID Connect Core §5.4).
fn profile_claims() -> Shape {
    let of = |scope, fact| Fact::IfScope(scope, Box::new(fact));
    vec![
        ("name", of("profile", Fact::Name)),
        ("email", of("email", Fact::Email)),
        ("email_verified", of("email", Fact::EmailVerified)),
    ]
}

/// The claims of `shapes`, one after the other.
fn joined<const N: usize>(shapes: [Shape; N]) -> Shape {
    shapes.into_iter().flatten().collect()
}
