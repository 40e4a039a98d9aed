//! Several processes, or stores, on one file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::contract::{self, CASES, STANDARD_NOW, access_token, code, grant};
use countersign_store::{Found, Key, Record, SqliteOptions, SqliteStore, Store, StoreError, Write};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    (folder, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_two_stores_on_one_file_redeem_a_code_once() {
    let (_folder, path) = place();
    let stores = [
        Arc::new(SqliteStore::open(&path).await.unwrap()),
        Arc::new(SqliteStore::open(&path).await.unwrap()),
    ];
    stores[0].insert(grant("g"), STANDARD_NOW).await.unwrap();
    for round in 0..20 {
        let first = code(&format!("code {round}"), "g");
        stores[1].insert(first.clone(), STANDARD_NOW).await.unwrap();
        let calls: Vec<_> = (0..16)
            .map(|racer| {
                let store = Arc::clone(&stores[racer % 2]);
                let key = first.key.clone();
                let token = access_token(&format!("{round} {racer}"), "g");
                tokio::spawn(async move {
                    let writes = vec![Write::Insert(token)];
                    store.redeem(&key, writes, None, STANDARD_NOW).await
                })
            })
            .collect();
        let mut winners = 0;
        for call in calls {
            winners += u32::from(matches!(call.await.unwrap().unwrap(), Found::Live(_)));
        }
        assert_eq!(winners, 1, "round {round}");
    }
    for store in stores {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_many_writers_beside_a_long_reader_are_not_told_of_locks() {
    let (_folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let mut reader = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM records")
        .execute(&mut reader)
        .await
        .unwrap();
    let calls: Vec<_> = (0..64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 0..20 {
                    let key = Key::client(&format!("{writer} {number}").into());
                    store
                        .insert(Record::new(key, STANDARD_NOW), STANDARD_NOW)
                        .await?;
                }
                Ok::<(), StoreError>(())
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    reader.close().await.unwrap();
    // The log is cut back once nobody reads from it.
    for number in 0..1100 {
        let key = Key::client(&format!("after {number}").into());
        let mut record = Record::new(key, STANDARD_NOW);
        record.body = format!("\"{}\"", "x".repeat(20_000));
        store.insert(record, STANDARD_NOW).await.unwrap();
    }
    let log = std::fs::metadata(path.with_extension("db-wal"))
        .unwrap()
        .len();
    assert!(log <= 20 * 1024 * 1024, "the log has {log} bytes");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_lock_that_is_held_too_long_is_an_error_after_a_bounded_wait() {
    let (_folder, path) = place();
    let options = SqliteOptions::new(&path).busy_timeout(Duration::from_millis(50));
    let store = Arc::new(SqliteStore::open_with(options.clone()).await.unwrap());
    let mut other = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let insert = |id: usize| {
        let store = Arc::clone(&store);
        async move {
            let key = Key::client(&format!("c{id}").into());
            store
                .insert(Record::new(key, STANDARD_NOW), STANDARD_NOW)
                .await
        }
    };
    let calls: Vec<_> = (0..300).map(|id| tokio::spawn(insert(id))).collect();
    for call in calls {
        let refused = call.await.unwrap();
        assert!(
            matches!(&refused, Err(StoreError::Unavailable(reason)) if reason.contains("locked")),
            "{refused:?}"
        );
    }
    let found = store.get(&Key::client(&"c1".into()), STANDARD_NOW).await;
    assert_eq!(found.unwrap(), Found::Absent);
    let refused = SqliteStore::open_with(options).await;
    assert!(
        refused.is_ok(),
        "a writer elsewhere does not stop an opening"
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    insert(1).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_while_another_store_writes_to_the_same_file() {
    for case in CASES.iter().filter(|case| case.name.contains("racing")) {
        let (_folder, path) = place();
        let other = SqliteStore::open(&path).await.unwrap();
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let busy = tokio::spawn(async move {
            for number in 0..50 {
                let key = Key::account(&format!("{number}").into());
                other
                    .insert(Record::new(key, STANDARD_NOW), STANDARD_NOW)
                    .await
                    .unwrap();
            }
            other.close().await;
        });
        let result: Result<(), contract::Violation> = (case.run)(store).await;
        result.unwrap();
        busy.await.unwrap();
    }
}
