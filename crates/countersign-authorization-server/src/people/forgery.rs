//! Tokens against forged requests: RFC 6749 §10.12.
//!
//! A token is the HMAC-SHA-256, under the cookie of the browser, of what the form is
//! for: so it is of no use in another browser, for another person, for another request
//! that waits, or for another form; and nothing has to be stored. Logging in again in
//! another tab does not spoil a page on which the same person decides.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Secret;

/// What a form is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'a> {
    /// The login, for the request that waits under this secret if there is one.
    Login(Option<&'a Secret>),
    /// The answer of this subject to the request that waits under this secret.
    Consent(&'a str, &'a Secret),
    /// The answer to the request that waits under this secret, to be given before
    /// logging in at the provider with this name.
    ConsentVia(&'a str, &'a Secret),
    /// The first account, with this link.
    Setup(&'a Secret),
    /// What this subject can do on the account page.
    Account(&'a str),
    /// The page of the application that leads on to this address.
    SignIn(&'a str),
    /// No form: what an ID token for it has to have in it.
    SignInNonce(&'a str),
}

impl Purpose<'_> {
    fn message(self) -> String {
        match self {
            Self::Login(None) => "login".to_owned(),
            Self::Login(Some(transaction)) => format!("login {}", transaction.reveal()),
            Self::Consent(subject, transaction) => {
                format!("consent {} {subject}", transaction.reveal())
            }
            Self::ConsentVia(provider, transaction) => {
                format!("consent via {} {provider}", transaction.reveal())
            }
            Self::Setup(token) => format!("setup {}", token.reveal()),
            Self::Account(subject) => format!("account {subject}"),
            Self::SignIn(return_to) => format!("sign in {return_to}"),
            Self::SignInNonce(return_to) => format!("nonce {return_to}"),
        }
    }
}

/// The token of a form for the browser that has `cookie`.
pub(super) fn token(cookie: &Secret, purpose: Purpose<'_>) -> String {
    let key = Key::new(HMAC_SHA256, cookie.reveal().as_bytes());
    URL_SAFE_NO_PAD.encode(sign(&key, purpose.message().as_bytes()))
}

/// Whether `presented` is that token, in constant time.
pub(super) fn is_genuine(cookie: &Secret, purpose: Purpose<'_>, presented: Option<&str>) -> bool {
    let Some(presented) = presented.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()) else {
        return false;
    };
    let key = Key::new(HMAC_SHA256, cookie.reveal().as_bytes());
    verify(&key, purpose.message().as_bytes(), &presented).is_ok()
}
