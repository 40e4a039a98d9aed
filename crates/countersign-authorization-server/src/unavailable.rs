//! What makes a request wait: a dependency that is down, never a decision.

use countersign_oauth::Lifetime;
use countersign_store::{Conflict, StoreError};
use thiserror::Error;

/// How long to wait where nobody says it.
pub(crate) const PAUSE: Lifetime = Lifetime::from_secs(5);

/// Why nothing could be decided. The answer is 503, never a refusal: a refusal
/// would send the client into a login for nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The store, except for the conflicts that are decisions.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The generator of random bytes.
    #[error("no random bytes can be drawn")]
    Random,
    /// No signing key, or one that cannot be opened or used.
    #[error("there is no usable signing key: {0}")]
    SigningKey(&'static str),
    /// Something sealed cannot be opened or made.
    #[error("a sealed value cannot be opened or made")]
    Seal,
    /// What was fetched from elsewhere did not come.
    #[error("another server did not answer")]
    Fetch,
    /// Another server does not answer, or wants to be left alone; trying again makes
    /// sense after this time.
    #[error("another server did not answer")]
    Elsewhere(Lifetime),
    /// An answer was not found in time.
    #[error("the answer took too long")]
    Slow,
    /// The token manager failed, or made something that is no token.
    #[error("there is no token: {0}")]
    TokenManager(&'static str),
    /// The login or consent step failed.
    #[error("the login step is unavailable")]
    Login,
}

impl Unavailable {
    /// Whether the store cannot be asked; not if what it has is damaged.
    pub(crate) const fn is_outage_of_the_store(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_)))
    }

    /// After how long it makes sense to try again.
    pub(crate) const fn retry_after(&self) -> Lifetime {
        match self {
            Self::Elsewhere(wait) => *wait,
            _ => PAUSE,
        }
    }

    /// The conflict behind it, if there is one: the state of the store has
    /// changed since it was read.
    pub(crate) const fn conflict(&self) -> Option<Conflict> {
        match self {
            Self::Store(StoreError::Conflict(conflict)) => Some(*conflict),
            _ => None,
        }
    }
}
