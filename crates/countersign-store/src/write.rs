//! What one atomic call changes.

use countersign_oauth::UnixTime;

use crate::{Key, Record};

/// One change. A list of them is applied in order, all or none.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a backend that skips a kind of change breaks the contract"
)]
pub enum Write {
    /// Adds a record. A key that exists, in whatever status, is a conflict; a grant
    /// that is not live is one too. The record begins live, with version 1.
    Insert(Record),
    /// Puts a record in the place of the live one that was read: its `version` must
    /// still be the stored one. Creation time and status stay; the version grows.
    Replace(Record),
    /// Takes a record away, in whatever status; nothing happens if there is none.
    /// A grant cannot be removed, only revoked.
    Remove(Key),
    /// Notes that a record is used and moves its end, as
    /// [`Store::touch`](crate::Store::touch) does, together with what it is used for;
    /// nothing happens if it is not live.
    Touch {
        /// The record.
        key: Key,
        /// Its end from now on, if that is later.
        extend_to: Option<UnixTime>,
    },
}

impl Write {
    /// The key that is written to.
    pub fn key(&self) -> &Key {
        match self {
            Self::Insert(record) | Self::Replace(record) => &record.key,
            Self::Remove(key) | Self::Touch { key, .. } => key,
        }
    }
}
