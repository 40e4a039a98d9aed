//! A store in memory that fails when it is told to, and writes down what it is asked.

use std::sync::{Arc, Mutex};

use countersign_authorization_server::oauth::{Lifetime, UnixTime};
use countersign_authorization_server::store::store::StoreFuture;
use countersign_authorization_server::store::{
    CounterKey, Found, GrantId, Hits, Index, Key, Listed, MemoryStore, Page, Sealed, Store,
    StoreError, Write,
};

/// How the store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    Good,
    Down,
    /// Only the verb with this name fails.
    FailsTo(&'static str),
    Damaged,
}

pub(crate) struct WatchedStore {
    inner: MemoryStore,
    health: Mutex<Health>,
    /// The verbs, each with the kind of record if there is one key.
    asked: Mutex<Vec<String>>,
}

impl WatchedStore {
    pub(crate) fn new(health: Health) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            health: Mutex::new(health),
            asked: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn is(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn ask<'a, T: Send + 'a>(
        &self,
        verb: &'static str,
        about: &str,
        answer: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        self.asked
            .lock()
            .unwrap()
            .push(format!("{verb} {about}").trim_end().to_owned());
        let error = match *self.health.lock().unwrap() {
            Health::Good => return answer(),
            Health::FailsTo(failing) if failing != verb => return answer(),
            Health::Damaged => StoreError::Corrupt("the disk is on fire".to_owned()),
            Health::Down | Health::FailsTo(_) => {
                StoreError::Unavailable("the disk is on fire".to_owned())
            }
        };
        Box::pin(async move { Err(error) })
    }
}

impl Store for WatchedStore {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        self.ask("write", "", || self.inner.write(writes, now))
    }
    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        self.ask("get", key.kind().as_str(), || self.inner.get(key, now))
    }
    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        let answer = || self.inner.redeem(key, writes, receipt, now);
        self.ask("redeem", key.kind().as_str(), answer)
    }
    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        self.ask("revoke_grant", "", || self.inner.revoke_grant(grant, now))
    }
    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        let answer = || self.inner.touch(key, extend_to, now);
        self.ask("touch", key.kind().as_str(), answer)
    }
    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.ask("hit", "", || self.inner.hit(counter, window, now))
    }
    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        self.ask("hits", "", || self.inner.hits(counter, now))
    }
    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.ask("forget_hits", "", || self.inner.forget_hits(counter))
    }
    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        self.ask("list", "", || self.inner.list(index, page, now))
    }
    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        self.ask("count", "", || self.inner.count(index, most, now))
    }
    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.ask("purge", "", || self.inner.purge(now))
    }
}
