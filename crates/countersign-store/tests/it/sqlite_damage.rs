//! A damaged file never yields a record that was not written.

use std::fs;
use std::path::Path;

use countersign_oauth::UnixTime;
use countersign_store::contract::{STANDARD_NOW, access_token, code, grant, refresh_token};
use countersign_store::{
    Found, GrantId, Index, Key, Kind, Page, Record, SqliteStore, Store, Write,
};
use testkit::random::SeededRandom;

const NOW: UnixTime = UnixTime::from_secs(STANDARD_NOW.as_secs() + 1);

/// A database with records of all statuses, and what is in it.
async fn written(path: &Path) -> Vec<(Key, Found)> {
    let store = SqliteStore::open(path).await.unwrap();
    let mut keys = Vec::new();
    for number in 0..12 {
        let id = format!("grant {number}");
        let subject = format!("subject {number}");
        let records = [
            grant(&id).about(subject.as_str().into()),
            code(&format!("code {number}"), &id),
            access_token(&format!("access {number}"), &id).about(subject.into()),
            refresh_token(&format!("refresh {number}"), &id),
            Record::new(
                Key::client(&format!("client {number}").into()),
                STANDARD_NOW,
            )
            .with_body(&["https://client.example/callback", "none"])
            .unwrap(),
        ];
        keys.extend(records.iter().map(|record| record.key.clone()));
        let used = records[1].key.clone();
        let writes = records.into_iter().map(Write::Insert).collect();
        store.write(writes, STANDARD_NOW).await.unwrap();
        store.redeem(&used, Vec::new(), None, NOW).await.unwrap();
        if number % 3 == 0 {
            store.revoke_grant(&GrantId::new(id), NOW).await.unwrap();
        }
    }
    let mut found = Vec::new();
    for key in keys {
        let record = store.get(&key, NOW).await.unwrap();
        found.push((key, record));
    }
    store.close().await;
    found
}

/// Compares everything that is read from `store` with what was written; true if
/// something could not be read.
async fn compare(store: &SqliteStore, written: &[(Key, Found)], trial: u64) -> bool {
    let mut damaged = false;
    for (key, expected) in written {
        match store.get(key, NOW).await {
            Ok(Found::Absent) | Err(_) => damaged = true,
            Ok(found) => assert_eq!(found, *expected, "trial {trial}"),
        }
    }
    for kind in [Kind::Grant, Kind::AccessToken, Kind::Client] {
        let page = Page::first(100).with_spent();
        match store.list(&Index::Kind(kind), page, NOW).await {
            Err(_) => damaged = true,
            Ok(listed) => {
                for record in listed.records {
                    let expected = written.iter().find(|(key, _)| *key == record.key);
                    let found = Found::judge(Some(record), NOW);
                    assert_eq!(Some(&found), expected.map(|(_, found)| found));
                }
            }
        }
    }
    for (key, expected) in written {
        let used = key.kind() == Kind::AuthorizationCode;
        if used && let Ok(found) = store.redeem(key, Vec::new(), None, NOW).await {
            assert!(
                !matches!(found, Found::Live(_)),
                "trial {trial}: {expected:?}"
            );
        }
    }
    damaged
}

async fn flip_bytes(trials: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    let written = written(&path).await;
    let good = fs::read(&path).unwrap();
    let random = SeededRandom::new(7);
    let mut noticed = 0;
    for trial in 0..trials {
        let mut bytes = good.clone();
        let position = random.next_u64() as usize % bytes.len();
        bytes[position] ^= random.next_u64() as u8 | 1;
        fs::write(&path, bytes).unwrap();
        noticed += u64::from(match SqliteStore::open(&path).await {
            Err(_) => true,
            Ok(store) => {
                let damaged = compare(&store, &written, trial).await;
                store.close().await;
                damaged
            }
        });
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
    assert!(
        noticed > trials / 20,
        "only {noticed} of {trials} were noticed"
    );
}

#[tokio::test]
async fn f7_a_thousand_flipped_bytes_yield_no_wrong_record() {
    flip_bytes(1000).await;
}

#[tokio::test]
async fn f7_a_value_that_was_changed_in_the_database_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    written(&path).await;
    let changes = [
        "UPDATE records SET expires_at = expires_at + 1",
        "UPDATE records SET subject = 'somebody else'",
        "UPDATE records SET client = 'another'",
        "UPDATE records SET body = '[]'",
        "UPDATE records SET state = 'pending' WHERE kind = 'grant'",
        "UPDATE records SET version = version + 1",
        "UPDATE records SET created_at = created_at + 1",
        "UPDATE records SET last_used_at = 1",
        "UPDATE records SET sealed = x'00'",
        "UPDATE records SET status = 'used 1800000001 00000000'",
        "UPDATE records SET kind = 'nothing' WHERE kind <> 'grant'",
        "UPDATE records SET grant_position = NULL",
    ];
    let good = fs::read(&path).unwrap();
    let key = access_token("access 1", "grant 1").key;
    for change in changes {
        fs::write(&path, &good).unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::query(change).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let found = store.get(&key, NOW).await;
        let served = matches!(found, Ok(Found::Live(_) | Found::Spent(_)));
        let grant_alone = change.contains("'grant'") && !change.contains("nothing");
        assert_eq!(served, grant_alone, "{change}: {found:?}");
        if grant_alone {
            let found = store.get(&grant("grant 1").key, NOW).await;
            assert!(found.is_err(), "{change}: {found:?}");
        }
        assert!(store.check_integrity().await.is_err(), "{change}");
        store.close().await;
    }
}
