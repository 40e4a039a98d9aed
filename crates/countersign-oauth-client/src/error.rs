//! What can go wrong between a client and its authorization server.

use countersign_oauth::Lifetime;
use countersign_oauth::received_tokens::TokenRefusal;
use thiserror::Error;

use crate::authorizer::AuthorizerError;
use crate::presenter::PresenterError;
use crate::store::StoreError;

/// Why something did not work, as one sentence for people. It never contains a secret, and
/// of what strangers said only what was made printable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// No answer. Nothing is lost: the same may work later.
    #[error("{what}{} {why}{}", at(.host.as_deref()), when(*.why, *.retry_after))]
    Unreachable {
        /// Who does not answer.
        what: String,
        /// Its host and port, if it was asked.
        host: Option<String>,
        /// Why not.
        why: NoAnswer,
        /// After how long it makes sense to ask again, if that is said.
        retry_after: Option<Lifetime>,
    },
    /// An answer that is none, or one that contradicts the specifications.
    #[error("{0}")]
    BadAnswer(String),
    /// A refusal by error code (RFC 6749 §5.2, RFC 7591 §3.2.2).
    #[error("{what} refuses: {code}{}", described(.description.as_deref()))]
    Refused {
        /// Who refuses.
        what: String,
        /// The code.
        code: String,
        /// What it says about it, made printable.
        description: Option<String>,
    },
    /// The authorization server registers no client for us (RFC 7591 §3.2.2).
    #[error(
        "the authorization server {issuer} does not register this client: {reason}; register one \
         there with the redirect URI {redirect_uri} and name it with client_id(…)"
    )]
    NotRegistered {
        /// The authorization server.
        issuer: String,
        /// Its error code, or the HTTP status if it names none, and what it says about it,
        /// made printable.
        reason: String,
        /// Where answers were to go.
        redirect_uri: String,
    },
    /// Something that this client does not do, whoever asks for it.
    #[error("{0}")]
    NotPermitted(String),
    /// Settings that do not go together; says what to set.
    #[error("{0}")]
    Configuration(String),
    /// The person did not agree, or is not there.
    #[error("{0}")]
    Person(String),
    /// What was remembered cannot be read or written.
    #[error("{0}")]
    Store(String),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The name of the host has no address, or nobody can be asked for it.
    #[error("cannot be found: check its name, and the network")]
    Unresolved,
    /// Nobody listens, or the way there is closed.
    #[error("cannot be reached: nobody answers at its address")]
    NoConnection,
    /// No TLS, or no certificate that is trusted.
    #[error(
        "cannot be trusted: its certificate or its TLS is not accepted (SSL_CERT_FILE names a \
         file of certificates to trust)"
    )]
    Untrusted,
    /// The time for an answer was up.
    #[error("did not answer in time")]
    TooSlow,
    /// The connection ended before the answer.
    #[error("broke off before it answered")]
    BrokenOff,
    /// An HTTP status that says that it cannot answer now (RFC 9110 §15.6).
    #[error("has a failure (HTTP {0})")]
    Failed(u16),
    /// An error code that says so (RFC 6749 §4.1.2.1).
    #[error("says that it cannot answer now")]
    Unavailable,
    /// It asked to be left alone (RFC 9110 §10.2.3), and is.
    #[error("asks to be left alone")]
    LeftAlone,
}

fn at(host: Option<&str>) -> String {
    host.map_or_else(String::new, |host| format!(" at {host}"))
}

/// When to try again, where that helps.
fn when(why: NoAnswer, retry_after: Option<Lifetime>) -> String {
    match (why, retry_after) {
        (NoAnswer::Unresolved | NoAnswer::Untrusted, _) => String::new(),
        (_, Some(pause)) => format!("; try again in {} seconds", pause.as_secs()),
        (_, None) => "; try again later".to_owned(),
    }
}

fn described(description: Option<&str>) -> String {
    description.map_or_else(String::new, |text| format!(" ({text})"))
}

impl OAuthError {
    /// `what` does not answer.
    pub(crate) fn unreachable(what: &str, host: Option<&str>, why: NoAnswer) -> Self {
        Self::Unreachable {
            what: what.to_owned(),
            host: host.map(str::to_owned),
            why,
            retry_after: None,
        }
    }

    /// `what` refuses.
    pub(crate) fn refused(what: impl Into<String>, refusal: TokenRefusal) -> Self {
        Self::Refused {
            what: what.into(),
            code: refusal.code,
            description: refusal.description,
        }
    }

    /// Whether the authorization server says that a code or a refresh token is good no
    /// more (RFC 6749 §5.2). Nothing else is a reason to forget one.
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "invalid_grant")
    }

    /// Whether the authorization server knows the client no more (RFC 6749 §5.2).
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "invalid_client")
    }

    /// Whether the same may work later.
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl From<OAuthError> for AuthorizerError {
    fn from(error: OAuthError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<PresenterError> for OAuthError {
    fn from(error: PresenterError) -> Self {
        match error {
            PresenterError::Address => Self::NotPermitted(error.to_string()),
            other => Self::Person(other.to_string()),
        }
    }
}
