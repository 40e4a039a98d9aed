//! The suite finds backends that break the contract.

use std::sync::Arc;

use countersign_oauth::{Lifetime, UnixTime};
use countersign_store::contract::{self, CASES};
use countersign_store::{
    CounterKey, Found, GrantId, Hits, Index, Key, Listed, MemoryStore, Page, Sealed, Store,
    StoreFuture, Write,
};

/// How a backend is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It reads, lets others run, and marks later.
    MarksLater,
    /// It writes the successors before it finds out whether they conflict.
    HalfWrites,
    /// It forgets spent records at once.
    ForgetsSpent,
    /// It revokes the grant's own record alone.
    RevokesOne,
    /// It compares text without regard to case.
    FoldsCase,
}

struct Broken(MemoryStore, Fault);

impl Store for Broken {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        if self.1 == Fault::HalfWrites {
            return Box::pin(async move {
                for write in writes {
                    self.0.write(vec![write], now).await?;
                }
                Ok(())
            });
        }
        self.0.write(writes, now)
    }

    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        Box::pin(async move {
            match self.0.get(key, now).await? {
                Found::Spent(_) if self.1 == Fault::ForgetsSpent => Ok(Found::Absent),
                found => Ok(found),
            }
        })
    }

    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        if self.1 != Fault::MarksLater {
            return self.0.redeem(key, writes, receipt, now);
        }
        Box::pin(async move {
            let found = self.0.get(key, now).await?;
            if matches!(found, Found::Live(_)) {
                tokio::task::yield_now().await;
                self.0.redeem(key, Vec::new(), receipt, now).await?;
                self.0.write(writes, now).await?;
            }
            Ok(found)
        })
    }

    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        if self.1 != Fault::RevokesOne {
            return self.0.revoke_grant(grant, now);
        }
        Box::pin(async move {
            let index = Index::Grant(grant.clone());
            let hanging = self.0.list(&index, Page::first(1), now).await?.records;
            if let Some(record) = hanging.first() {
                self.0.redeem(&record.key, Vec::new(), None, now).await?;
            }
            Ok(hanging.len() as u64)
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.0.touch(key, extend_to, now)
    }

    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.0.hit(counter, window, now)
    }

    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        self.0.hits(counter, now)
    }

    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.0.forget_hits(counter)
    }

    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        Box::pin(async move {
            let mut listed = self.0.list(index, page, now).await?;
            if self.1 == Fault::FoldsCase
                && let Index::Subject(kind, subject) = index
            {
                let lower = subject.as_str().to_lowercase().into();
                if lower != *subject {
                    let others = Index::Subject(*kind, lower);
                    let others = self.0.list(&others, page, now).await?;
                    listed.records.extend(others.records);
                }
            }
            Ok(listed)
        })
    }

    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        self.0.count(index, most, now)
    }

    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.0.purge(now)
    }
}

/// The cases that find `fault`.
async fn found_by(fault: Fault) -> Vec<&'static str> {
    let mut found = Vec::new();
    for case in CASES {
        let store = Arc::new(Broken(MemoryStore::new(), fault));
        if (case.run)(store).await.is_err() {
            found.push(case.name);
        }
    }
    found
}

#[tokio::test]
async fn each_fault_is_found_by_the_case_about_it() {
    let expected = [
        (Fault::MarksLater, "of_64_racing_redemptions_one_wins"),
        (Fault::HalfWrites, "several_writes_are_all_or_none"),
        (
            Fault::ForgetsSpent,
            "spent_records_stay_until_their_grant_ends",
        ),
        (
            Fault::RevokesOne,
            "a_revocation_takes_everything_of_the_grant",
        ),
        (Fault::FoldsCase, "hostile_text_is_stored_literally"),
    ];
    for (fault, case) in expected {
        let found = found_by(fault).await;
        assert!(found.contains(&case), "{fault:?} is found by {found:?}");
    }
}

#[tokio::test]
async fn the_whole_suite_names_the_case_that_fails() {
    let new =
        || async { Arc::new(Broken(MemoryStore::new(), Fault::ForgetsSpent)) as Arc<dyn Store> };
    let violation = contract::check(new).await.unwrap_err().to_string();
    let name = violation.split(':').next().unwrap();
    assert!(CASES.iter().any(|case| case.name == name), "{violation}");
    let good = || async { Arc::new(MemoryStore::new()) as Arc<dyn Store> };
    contract::check(good).await.unwrap();
}
