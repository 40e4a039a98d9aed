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
    #[error("{what} does not answer; try again later")]
    Unreachable {
        /// Who does not answer.
        what: String,
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

fn described(description: Option<&str>) -> String {
    description.map_or_else(String::new, |text| format!(" ({text})"))
}

impl OAuthError {
    /// `what` does not answer.
    pub(crate) fn unreachable(what: impl Into<String>) -> Self {
        Self::Unreachable {
            what: what.into(),
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
