//! The rows of the attack corpus at the endpoints, each with the answer it must get
//! and the standing checks.

mod assertions;
mod clocks;
mod documents;
mod interrupted;
mod likeness;
mod loopback;
mod profile;
mod redirects;
mod registrations;
mod repeats;
mod requests;
mod rivals;
mod standing;
mod token_requests;

use countersign_authorization_server::oauth::form::encode;
use countersign_authorization_server::oauth::pkce::CodeVerifier;

use crate::fixture::*;

/// The parameters of an authorization request, to be changed one by one.
#[derive(Clone)]
pub(crate) struct Asked(Vec<(String, String)>);

impl Asked {
    /// A good request of C1.
    pub(crate) fn good() -> Self {
        let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
        let parameters = [
            ("response_type", "code"),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("state", "s"),
        ];
        Self(
            parameters
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
        )
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self
    }

    /// With one `name` alone.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With one more `name`.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn first(mut self, name: &str, value: &str) -> Self {
        self.0.insert(0, (name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    pub(crate) async fn get(&self, world: &World) -> Seen {
        world.get(&format!("/authorize?{}", self.text())).await
    }
}

/// Outcome RED(e): told to the client at its address, with state and issuer.
pub(crate) fn assert_red(row: &str, seen: &Seen, error: &str) {
    let told = seen.redirect();
    let location = seen.header("location").unwrap();
    assert!(
        location.starts_with(&format!("{CALLBACK}?")),
        "{row}: {location}"
    );
    assert_eq!(told["error"], error, "{row}: {location}");
    assert_eq!(told.get("code"), None, "{row}");
    assert_eq!(seen.header("set-cookie"), None, "{row}");
    assert_eq!(seen.header("referrer-policy"), Some("no-referrer"), "{row}");
}
