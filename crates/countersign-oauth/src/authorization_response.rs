//! The answer of the authorization endpoint: RFC 6749 §4.1.2 and §4.1.2.1, RFC 9207 §2.
//!
//! An answer is a code or an error, never both, and it goes to a
//! [`VerifiedRedirect`] or nowhere. Parameters of our answer that the
//! registered URI has already are replaced: a client that reads the first of
//! two `code` or `iss` must not read one that we did not write.

use std::fmt;

use crate::authorization_error::AuthorizationErrorCode;
use crate::form;
use crate::redirect_uri::VerifiedRedirect;
use crate::{Issuer, Secret};

/// The parameters of an answer, which a registered query may not preset.
const OURS: [&str; 6] = [
    "code",
    "error",
    "error_description",
    "error_uri",
    "state",
    "iss",
];

/// What the client is told.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum AuthorizationAnswer {
    /// RFC 6749 §4.1.2.
    Code(Secret),
    /// RFC 6749 §4.1.2.1, with a fixed sentence of ours.
    Error(AuthorizationErrorCode, &'static str),
}

/// One answer for one client.
#[derive(Clone)]
pub struct AuthorizationResponse<'a> {
    redirect: &'a VerifiedRedirect,
    state: Option<&'a str>,
    issuer: &'a Issuer,
    answer: AuthorizationAnswer,
}

impl<'a> AuthorizationResponse<'a> {
    /// An answer to `redirect` by `issuer`. `state` is what the client sent,
    /// decoded; it is returned unchanged (RFC 6749 §4.1.2).
    pub const fn new(
        redirect: &'a VerifiedRedirect,
        state: Option<&'a str>,
        issuer: &'a Issuer,
        answer: AuthorizationAnswer,
    ) -> Self {
        Self {
            redirect,
            state,
            issuer,
            answer,
        }
    }

    /// The value of the `Location` header: the registered URI with its query
    /// retained (RFC 6749 §3.1.2) and the parameters of the answer, each once.
    /// Send it with 303 (RFC 9700 §4.12).
    pub fn location(&self) -> String {
        let uri = self.redirect.uri().as_str();
        let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !is_ours(pair))
            .map(str::to_owned)
            .collect();
        let mut add = |name: &str, value: &str| {
            pairs.push(format!("{name}={}", form::encode(value)));
        };
        match &self.answer {
            AuthorizationAnswer::Code(code) => add("code", code.reveal()),
            AuthorizationAnswer::Error(error, description) => {
                add("error", error.as_str());
                add("error_description", description);
            }
        }
        if let Some(state) = self.state {
            add("state", state);
        }
        // RFC 9207 §2: "MUST return the 'iss' parameter", also in errors.
        add("iss", self.issuer.as_str());
        format!("{base}?{}", pairs.join("&"))
    }
}

/// The address without the code and the state, which are secrets.
impl fmt::Debug for AuthorizationResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationResponse")
            .field("redirect", self.redirect)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

fn is_ours(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    url::form_urlencoded::parse(name.as_bytes()).any(|(name, _)| OURS.contains(&name.as_ref()))
}
