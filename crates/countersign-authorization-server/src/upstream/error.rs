//! What can go wrong at a provider.

use countersign_oauth::Lifetime;
use countersign_oauth::received_tokens::is_error_code;
use countersign_resource_server::Unavailable;
use thiserror::Error;

/// How long a provider that failed is left alone.
const RETRY_AFTER: Lifetime = Lifetime::from_secs(5);

/// What the codes become that the provider's file counts among them.
pub(super) const INVALID_GRANT: &str = "invalid_grant";

/// Why a provider did not do what was asked. The text is for the log: it never contains
/// a secret or a part of an answer, except for an error code.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The provider does not answer; later it may. The answer is 503.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The provider answers something that is no answer, or cannot be reached by the
    /// rules for outbound requests. The answer is 502.
    #[error("{0}")]
    BadAnswer(String),
    /// The provider refuses, with this error code (RFC 6749 §5.2); a code of its own that
    /// means `invalid_grant` has become that.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// It is not certain who logged in. The answer is 403.
    #[error("{0}")]
    Identity(String),
    /// The person logged in and may not in by the rules of the operator. The answer is 403.
    #[error("{0}")]
    NotAllowed(&'static str),
}

impl UpstreamError {
    /// `what` does not answer.
    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        Self::unavailable_for(what, RETRY_AFTER)
    }

    /// `what` wants to be left alone for as long as `wait`.
    pub(super) fn unavailable_for(what: impl Into<String>, wait: Lifetime) -> Self {
        Self::Unavailable(Unavailable::new(what, wait))
    }

    /// After how long it makes sense to try again, if it does.
    pub(crate) const fn retry_after(&self) -> Option<Lifetime> {
        match self {
            Self::Unavailable(unavailable) => Some(unavailable.retry_after),
            _ => None,
        }
    }

    /// A refusal with the code that the provider sent. What does not fit the characters
    /// of RFC 6749 §5.2 is no code.
    pub(super) fn refused(code: &str) -> Self {
        if is_error_code(code) {
            Self::Refused(code.to_owned())
        } else {
            Self::BadAnswer("the provider refuses with something that is no error code".to_owned())
        }
    }

    /// Whether the code or the refresh token is good no more (RFC 6749 §5.2).
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Refused(code) if code == INVALID_GRANT)
    }
}
