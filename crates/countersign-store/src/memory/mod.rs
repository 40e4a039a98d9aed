//! The reference backend: everything behind one lock, gone with the process.

mod journal;
mod state;

use std::fmt;
use std::future::ready;
use std::sync::{Mutex, PoisonError};

use countersign_oauth::{Lifetime, UnixTime};

use crate::{
    CounterKey, Found, GrantId, Hits, Index, Key, Listed, Page, Sealed, Store, StoreError,
    StoreFuture, Write,
};
use state::State;

/// A store for tests, and for servers whose clients may be asked to log in again.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does `work` under the lock. It undoes what it cannot finish, so the state is
    /// good even after a panic of another thread.
    fn with<'a, T: Send + 'a>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> StoreFuture<'a, T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(work(&mut state)))
    }
}

impl Store for MemoryStore {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        self.with(|state| state.write_all(writes, now))
    }

    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        self.with(|state| Ok(Found::judge(state.find(key).cloned(), now)))
    }

    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        self.with(|state| state.redeem(key, writes, receipt, now))
    }

    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        self.with(|state| Ok(state.revoke_grant(grant, now)))
    }

    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.with(|state| Ok(state.touch(key, extend_to, now)))
    }

    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.with(|state| Ok(state.hit(counter, window, now)))
    }

    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        self.with(|state| Ok(state.hits(counter, now)))
    }

    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.with(|state| {
            state.forget_hits(counter);
            Ok(())
        })
    }

    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        self.with(|state| Ok(state.list(index, page, now)))
    }

    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        self.with(|state| Ok(state.count(index, most, now)))
    }

    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.with(|state| Ok(state.purge(now)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
