//! Finding the record of a token that somebody asks about.

use countersign_oauth::Secret;
use countersign_store::{Found, Key, Record, SecretHash};

use crate::server::Inner;
use crate::unavailable::Unavailable;

/// A token of ours.
pub(super) enum StoredToken {
    Access(Found),
    Refresh(Found),
    /// Not of ours, or forgotten.
    Unknown,
}

impl StoredToken {
    /// The record, whatever its status.
    pub(super) const fn record(&self) -> Option<&Record> {
        match self {
            Self::Access(Found::Live(record) | Found::Spent(record))
            | Self::Refresh(Found::Live(record) | Found::Spent(record)) => Some(record),
            Self::Access(Found::Absent) | Self::Refresh(Found::Absent) | Self::Unknown => None,
        }
    }
}

impl Inner {
    /// What is known about `token`. The hint of the client is not needed: a token is
    /// looked for under both kinds.
    pub(super) async fn find_token(&self, token: &Secret) -> Result<StoredToken, Unavailable> {
        let now = self.now();
        let hash = SecretHash::of(token);
        let found = self.store.get(&Key::refresh_token(hash), now).await?;
        if found != Found::Absent {
            return Ok(StoredToken::Refresh(found));
        }
        match self.store.get(&Key::access_token(hash), now).await? {
            Found::Absent => Ok(StoredToken::Unknown),
            found => Ok(StoredToken::Access(found)),
        }
    }
}
