//! The contract of a backend.
//!
//! Single use (RFC 6749 §4.1.2, §10.5), rotation with detection of reuse (RFC 9700
//! §4.14.2) and revocation of a whole grant (RFC 7009 §2.1) are verbs here, because a
//! read followed by a write is a race however it is written.

use std::pin::Pin;
use std::sync::Arc;

use countersign_oauth::{Lifetime, UnixTime};

use crate::{
    CounterKey, GrantId, Hits, Index, Key, Listed, Page, Record, Sealed, StoreError, Write,
};

/// The answer of a store, on its way.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What is under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that does not look at Spent misses a replay"
)]
pub enum Found {
    /// A record that can be used.
    Live(Record),
    /// A record that was used up or revoked; its status says which. It stays until its
    /// grant expires, so that a replay is seen.
    Spent(Record),
    /// Nothing, or a record that expired without being used.
    Absent,
}

impl Found {
    /// The record, if it can be used.
    pub fn live(self) -> Option<Record> {
        match self {
            Self::Live(record) => Some(record),
            Self::Spent(_) | Self::Absent => None,
        }
    }

    /// Judges `record` at `now`.
    pub fn judge(record: Option<Record>, now: UnixTime) -> Self {
        match record {
            None => Self::Absent,
            Some(record) if record.is_live(now) => Self::Live(record),
            Some(record) if record.status != crate::Status::Live => Self::Spent(record),
            Some(_) => Self::Absent,
        }
    }
}

/// All durable state. Each method is atomic: it happens wholly or not at all, and two
/// calls that race happen one after the other. An answer `Ok` is a promise: what was
/// written survives the death of the process.
///
/// The same in all methods:
///
/// - `now` is the time by which expiry is judged. Nothing that is spent comes back to
///   life when it goes backwards. Times beyond 2^63 - 1 seconds may be kept as that.
/// - Text is stored literally, NUL and all, and compared byte for byte.
/// - A future that is dropped leaves either nothing or the whole change.
/// - A backend never answers with a record that it is not sure of: what is damaged is
///   [`StoreError::Corrupt`], and what cannot be read is [`StoreError::Unavailable`],
///   never [`Found::Absent`].
///
/// The suite behind the feature `contract` is this text as tests.
pub trait Store: Send + Sync + 'static {
    /// Applies all of `writes` in their order, or none.
    ///
    /// A record that hangs on a grant can be written only while that grant is live and
    /// expires no earlier, so nothing can join a grant after it was revoked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] as each [`Write`] says; [`StoreError::Invalid`] for a
    /// record that breaks a rule of [`Record::check`].
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()>;

    /// Adds one record: [`Write::Insert`] alone.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    fn insert(&self, record: Record, now: UnixTime) -> StoreFuture<'_, ()> {
        self.write(vec![Write::Insert(record)], now)
    }

    /// Replaces one record: [`Write::Replace`] alone.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    fn replace(&self, record: Record, now: UnixTime) -> StoreFuture<'_, ()> {
        self.write(vec![Write::Replace(record)], now)
    }

    /// Takes one record away: [`Write::Remove`] alone.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    fn remove(&self, key: Key, now: UnixTime) -> StoreFuture<'_, ()> {
        self.write(vec![Write::Remove(key)], now)
    }

    /// What is under `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found>;

    /// Uses up a live record, leaves `receipt` on it and applies `writes`, or does
    /// nothing of it. Answers what was there before: of two calls that race, one sees
    /// [`Found::Live`] and the other [`Found::Spent`]. `writes` are applied in the
    /// first case alone.
    ///
    /// Without `writes` it withdraws a single record.
    ///
    /// # Errors
    ///
    /// As [`Store::write`]; the record then stays live. A grant cannot be redeemed.
    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found>;

    /// Revokes a grant and everything that hangs on it, used records and receipts
    /// included. Answers how many live or expired records it took, the grant's own
    /// among them; 0 if there was nothing left to revoke.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64>;

    /// Notes that a live record was used at `now`, and moves its end to `extend_to` if
    /// that is later, though never beyond the end of its grant. Neither time moves
    /// backwards, and the version stays. False if the record is not live.
    ///
    /// This is the one change of a record that may be lost when the machine loses
    /// power.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool>;

    /// Counts a hit. The first one opens a window of length `window`; a hit at its end
    /// or later opens the next. A clock that goes backwards opens none, and from the next
    /// hit on no window ends later than `window` after it.
    ///
    /// Hits may be lost when the machine loses power.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits>;

    /// What the counter says at `now`, without counting; nothing without a window.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>>;

    /// Forgets the counter, as after a login that succeeded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()>;

    /// One page of the records of `index`, oldest first. A record that is there from
    /// the first page to the last is listed exactly once, whatever is added and removed
    /// in between.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed>;

    /// How many live records `index` has, counting to `most` at most.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64>;

    /// Takes away what nobody will ask for: records that expired unused; spent records
    /// when they, or the grant they hang on, have expired; grants that have expired
    /// when nothing hangs on them; windows that have ended. Answers how many records.
    ///
    /// A backend may do it in several steps, each of them atomic.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        (**self).write(writes, now)
    }

    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        (**self).get(key, now)
    }

    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        (**self).redeem(key, writes, receipt, now)
    }

    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        (**self).revoke_grant(grant, now)
    }

    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        (**self).touch(key, extend_to, now)
    }

    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        (**self).hit(counter, window, now)
    }

    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        (**self).hits(counter, now)
    }

    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        (**self).forget_hits(counter)
    }

    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        (**self).list(index, page, now)
    }

    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        (**self).count(index, most, now)
    }

    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        (**self).purge(now)
    }
}
