//! A store that is opened after everything that was said about its server was judged.

use std::sync::{Arc, OnceLock};

use countersign_oauth::{Lifetime, UnixTime};
use countersign_store::{
    CounterKey, Found, GrantId, Hits, Index, Key, Listed, Page, Sealed, Store, StoreError,
    StoreFuture, Write,
};

/// A store that is not there yet. It answers that it is unavailable until it is.
#[derive(Default)]
pub(crate) struct LateStore(OnceLock<Arc<dyn Store>>);

impl LateStore {
    /// From now on it is `store`; the first one counts.
    pub(crate) fn open(&self, store: Arc<dyn Store>) {
        let _ = self.0.set(store);
    }

    fn there<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a dyn Store) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        match self.0.get() {
            Some(store) => call(&**store),
            None => Box::pin(std::future::ready(Err(StoreError::Unavailable(
                "the storage is not open yet".to_owned(),
            )))),
        }
    }
}

impl Store for LateStore {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        self.there(|store| store.write(writes, now))
    }

    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        self.there(|store| store.get(key, now))
    }

    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        self.there(|store| store.redeem(key, writes, receipt, now))
    }

    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        self.there(|store| store.revoke_grant(grant, now))
    }

    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.there(|store| store.touch(key, extend_to, now))
    }

    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.there(|store| store.hit(counter, window, now))
    }

    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        self.there(|store| store.hits(counter, now))
    }

    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.there(|store| store.forget_hits(counter))
    }

    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        self.there(|store| store.list(index, page, now))
    }

    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        self.there(|store| store.count(index, most, now))
    }

    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.there(|store| store.purge(now))
    }
}
