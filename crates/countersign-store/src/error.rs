//! Why a store did not do what it was asked.

/// Why a call changed nothing.
///
/// Whatever the variant, an error means that the call wrote nothing, except that
/// after [`StoreError::Unavailable`] it may have been written without being
/// acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state of the store does not allow it; trying again does not help.
    #[error("{0}")]
    Conflict(Conflict),
    /// The call breaks a rule of the contract: a mistake of the caller.
    #[error("the store was asked for something that it must not do: {0}")]
    Invalid(&'static str),
    /// The store cannot be reached, is full, read-only or busy: answer 503.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored is not what was written: answer 503.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// Why the state of the store does not allow a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// There is a record under this key, whatever its status.
    #[error("a record with this key exists")]
    Exists,
    /// The record to replace is gone, used up, or of another version.
    #[error("the record has changed")]
    Changed,
    /// The grant is absent, expired or revoked, so nothing can be added to it.
    #[error("the grant is not live")]
    GrantNotLive,
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}
