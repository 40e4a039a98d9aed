//! Tokens that a provider issued and the store did not take.
//!
//! The old refresh token may be spent, so these are all there is. They are committed at
//! the next chance: by a task that tries for a while, by the next call of the grant, by
//! housekeeping. What gets in here had a lease in the store a moment ago, so that there
//! is little of it even when a store fails.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_store::Key;

use super::record::Body;
use crate::upstream::UpstreamTokens;

/// What is not stored yet.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<Key, Unstored>>);

/// Tokens that follow those of a record.
#[derive(Clone)]
pub(super) struct Unstored {
    pub(super) tokens: Arc<UpstreamTokens>,
    /// The body of the tokens that they follow.
    pub(super) after: Body,
}

impl Kept {
    pub(super) fn keep(&self, key: Key, unstored: Unstored) {
        self.entries().insert(key, unstored);
    }

    pub(super) fn find(&self, key: &Key) -> Option<Unstored> {
        self.entries().get(key).cloned()
    }

    /// Forgets what was stored, unless newer tokens are kept by now.
    pub(super) fn forget(&self, key: &Key, stored: &Unstored) {
        let mut entries = self.entries();
        if entries
            .get(key)
            .is_some_and(|kept| kept.after.generation == stored.after.generation)
        {
            entries.remove(key);
        }
    }

    pub(super) fn all(&self) -> Vec<(Key, Unstored)> {
        let entries = self.entries();
        entries
            .iter()
            .map(|(key, unstored)| (key.clone(), unstored.clone()))
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Unstored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.entries().len())
    }
}
