//! Sealed copies in a store: whether they open, and moving them to the newest key.

use countersign_oauth::UnixTime;

use super::{Column, FreshNonce, OpenError, SealingKeys};
use crate::index::Page;
use crate::{Conflict, Found, Index, Key, Kind, Record, Store, StoreError};

/// Why the sealed copies in a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredSealError {
    /// A copy does not open with the keys that are given.
    #[error("the {kind} {id:?} cannot be opened: {reason}")]
    Unopened {
        /// What it is.
        kind: Kind,
        /// Its id; the kinds with sealed copies have ids that are no secrets.
        id: String,
        /// Why.
        reason: OpenError,
    },
    /// There are no random bytes to seal with.
    #[error("no random bytes can be drawn")]
    Random,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many records are looked at in one call of the store.
const PAGE: usize = 100;

impl SealingKeys {
    /// Opens every live sealed copy of `kinds` in `store`, so that a server with a wrong
    /// key refuses to start instead of failing later. Answers how many there are.
    ///
    /// # Errors
    ///
    /// [`StoredSealError`] for the first copy that does not open.
    pub async fn check_stored(
        &self,
        store: &dyn Store,
        kinds: &[Kind],
        now: UnixTime,
    ) -> Result<u64, StoredSealError> {
        let mut opened = 0;
        for kind in kinds {
            let mut page = Page::first(PAGE);
            loop {
                let listed = store.list(&Index::Kind(*kind), page, now).await?;
                for record in listed.records {
                    if let Some(sealed) = &record.sealed {
                        self.open(&record.key, Column::Sealed, sealed)
                            .map_err(|reason| unopened(&record.key, reason))?;
                        opened += 1;
                    }
                }
                match listed.next {
                    Some(next) => page = page.after(next),
                    None => break,
                }
            }
        }
        Ok(opened)
    }

    /// Seals every live copy of `kinds` in `store` with the newest key, so that the
    /// older keys can be taken away. Answers how many were moved. Receipts are not
    /// among them: they are of use for seconds, and later only to a client that has lost
    /// an answer.
    ///
    /// `draw` gives fresh bytes of a cryptographic generator, or nothing if it failed.
    ///
    /// # Errors
    ///
    /// [`StoredSealError`]; what was moved before stays moved.
    pub async fn reseal_stored(
        &self,
        store: &dyn Store,
        kinds: &[Kind],
        draw: &(dyn Fn() -> Option<FreshNonce> + Send + Sync),
        now: UnixTime,
    ) -> Result<u64, StoredSealError> {
        let mut moved = 0;
        for kind in kinds {
            let mut page = Page::first(PAGE);
            loop {
                let listed = store.list(&Index::Kind(*kind), page, now).await?;
                for record in listed.records {
                    moved += u64::from(self.reseal_record(store, record, draw, now).await?);
                }
                match listed.next {
                    Some(next) => page = page.after(next),
                    None => break,
                }
            }
        }
        Ok(moved)
    }

    /// Moves one copy; again, if somebody else replaces the record meanwhile.
    async fn reseal_record(
        &self,
        store: &dyn Store,
        mut record: Record,
        draw: &(dyn Fn() -> Option<FreshNonce> + Send + Sync),
        now: UnixTime,
    ) -> Result<bool, StoredSealError> {
        loop {
            let Some(sealed) = record.sealed.take() else {
                return Ok(false);
            };
            let nonce = draw().ok_or(StoredSealError::Random)?;
            let Some(newest) = self
                .reseal(&record.key, Column::Sealed, &sealed, nonce)
                .map_err(|reason| unopened(&record.key, reason))?
            else {
                return Ok(false);
            };
            let key = record.key.clone();
            match store.replace(record.with_sealed(newest), now).await {
                Ok(()) => return Ok(true),
                Err(StoreError::Conflict(Conflict::Changed)) => {}
                Err(error) => return Err(error.into()),
            }
            match store.get(&key, now).await? {
                Found::Live(changed) => record = changed,
                Found::Spent(_) | Found::Absent => return Ok(false),
            }
        }
    }
}

fn unopened(key: &Key, reason: OpenError) -> StoredSealError {
    StoredSealError::Unopened {
        kind: key.kind(),
        id: key.id().chars().take(64).collect(),
        reason,
    }
}
