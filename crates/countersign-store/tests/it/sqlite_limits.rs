//! Full disks, dropped calls and the end of the process.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use countersign_oauth::UnixTime;
use countersign_store::contract::{STANDARD_NOW, access_token, code, grant};
use countersign_store::{
    Found, Index, Key, Kind, Record, SqliteOptions, SqliteStore, Store, StoreError, Write,
};
use tempfile::TempDir;

const LATER: UnixTime = UnixTime::from_secs(STANDARD_NOW.as_secs() + 100);

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    (folder, path)
}

fn padded(number: u32) -> Record {
    let mut record =
        Record::new(Key::client(&format!("c{number}").into()), STANDARD_NOW).expiring(LATER);
    record.body = format!("\"{}\"", "x".repeat(8000));
    record
}

#[tokio::test]
async fn f4_a_full_database_refuses_writes_wholly_and_heals_without_a_restart() {
    let (_folder, path) = place();
    let options = SqliteOptions::new(&path).largest(512 * 1024);
    let store = SqliteStore::open_with(options).await.unwrap();
    let first = code("code", "g");
    let writes = vec![Write::Insert(grant("g")), Write::Insert(first.clone())];
    store.write(writes, STANDARD_NOW).await.unwrap();

    let mut kept = 0;
    let full = loop {
        match store.insert(padded(kept), STANDARD_NOW).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "the limit is not kept");
    };
    assert!(matches!(full, StoreError::Unavailable(_)), "{full:?}");
    assert!(full.to_string().contains("full"), "{full}");
    assert!(kept > 10, "only {kept} records fit");

    // Neither half happens, reading goes on, and nothing that was kept is gone.
    let large = vec![
        Write::Insert(access_token("token", "g")),
        Write::Insert(padded(kept)),
    ];
    let redeemed = store.redeem(&first.key, large, None, STANDARD_NOW).await;
    assert!(matches!(redeemed, Err(StoreError::Unavailable(_))));
    let found = store.get(&first.key, STANDARD_NOW).await.unwrap();
    assert!(matches!(found, Found::Live(_)), "{found:?}");
    let token = store
        .get(&access_token("token", "g").key, STANDARD_NOW)
        .await
        .unwrap();
    assert_eq!(token, Found::Absent);
    let count = store
        .count(&Index::Kind(Kind::Client), 1000, STANDARD_NOW)
        .await
        .unwrap();
    assert_eq!(count, u64::from(kept));

    assert_eq!(store.purge(LATER).await.unwrap(), u64::from(kept) + 1);
    store.insert(padded(kept), STANDARD_NOW).await.unwrap();
    store.check_integrity().await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_a_call_that_is_dropped_leaves_nothing_or_all() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    store.insert(grant("g"), STANDARD_NOW).await.unwrap();
    for round in 0..200 {
        let first = code(&format!("code {round}"), "g");
        let token = access_token(&format!("token {round}"), "g");
        store.insert(first.clone(), STANDARD_NOW).await.unwrap();
        let writes = vec![Write::Insert(token.clone())];
        let mut call = store.redeem(&first.key, writes, None, STANDARD_NOW);
        // Polled a few times, in other rounds more often, and then dropped.
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..round % 4 {
            if let Poll::Ready(found) = call.as_mut().poll(&mut context) {
                found.unwrap();
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        // What was queued before is done before what is asked now.
        let touched = store.touch(&grant("g").key, None, STANDARD_NOW).await;
        assert!(touched.unwrap());
        let used = matches!(
            store.get(&first.key, STANDARD_NOW).await.unwrap(),
            Found::Spent(_)
        );
        let followed = store.get(&token.key, STANDARD_NOW).await.unwrap() != Found::Absent;
        assert_eq!(used, followed, "round {round}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f22_closing_finishes_what_was_begun_and_refuses_the_rest() {
    let (_folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    store.insert(grant("g"), STANDARD_NOW).await.unwrap();
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let token = access_token(&format!("token {number}"), "g");
                let key = token.key.clone();
                (key, store.insert(token, STANDARD_NOW).await)
            })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    for call in calls {
        match call.await.unwrap() {
            (key, Ok(())) => acknowledged.push(key),
            (key, Err(StoreError::Unavailable(_))) => refused.push(key),
            (_, Err(error)) => panic!("{error:?}"),
        }
    }
    let store = SqliteStore::open(&path).await.unwrap();
    for key in acknowledged {
        let found = store.get(&key, STANDARD_NOW).await.unwrap();
        assert!(matches!(found, Found::Live(_)), "{found:?}");
    }
    for key in refused {
        assert_eq!(store.get(&key, STANDARD_NOW).await.unwrap(), Found::Absent);
    }
    store.close().await;
}
