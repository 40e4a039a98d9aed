//! What is opened, and what is refused with a sentence.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use countersign_store::contract::STANDARD_NOW;
use countersign_store::sqlite::{Folder, IfMissing};
use countersign_store::{Found, Key, Record, SqliteOptions, SqliteStore, Store, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    (folder, path)
}

async fn refusal(path: &Path) -> String {
    match SqliteStore::open(path).await {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

async fn run(path: &Path, statements: &[&str]) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe((*statement).to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn h7_new_files_and_folders_are_for_their_owner_alone() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    store
        .insert(
            Record::new(Key::client(&"c".into()), STANDARD_NOW),
            STANDARD_NOW,
        )
        .await
        .unwrap();
    assert_eq!(mode_of(path.parent().unwrap()), 0o700);
    let mut seen = 0;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode_of(&file.unwrap().path()), 0o600);
        seen += 1;
    }
    assert!(seen >= 2, "the database and its log");
    store.close().await;
}

#[tokio::test]
async fn h7_f5_what_others_may_use_or_have_put_there_is_refused() {
    let (_folder, path) = place();
    let data = path.parent().unwrap().to_owned();
    SqliteStore::open(&path).await.unwrap().close().await;

    for loose in [0o640, 0o604, 0o660, 0o602] {
        mode(&path, loose);
        let refused = refusal(&path).await;
        assert!(refused.contains("chmod 600"), "{refused}");
    }
    mode(&path, 0o400);
    assert!(refusal(&path).await.contains("read-only"));
    mode(&path, 0o600);
    for loose in [0o755, 0o701, 0o770] {
        mode(&data, loose);
        let refused = refusal(&path).await;
        assert!(refused.contains("chmod 700"), "{refused}");
    }
    let shared = SqliteOptions::new(&path).folder(Folder::OwnerWrites);
    for (folder_mode, opens) in [
        (0o755, true),
        (0o775, false),
        (0o757, false),
        (0o1777, false),
    ] {
        mode(&data, folder_mode);
        let opened = SqliteStore::open_with(shared.clone()).await;
        assert_eq!(opened.is_ok(), opens, "{folder_mode:o}");
        if let Ok(store) = opened {
            store.close().await;
        }
    }
    mode(&data, 0o700);

    let link = data.join("link.db");
    symlink(&path, &link).unwrap();
    assert!(refusal(&link).await.contains("symbolic link"));
    let second_name = data.join("second.db");
    fs::hard_link(&path, &second_name).unwrap();
    assert!(refusal(&path).await.contains("hard link"));
    fs::remove_file(second_name).unwrap();
    let log = data.join("store.db-wal");
    symlink("/dev/null", &log).unwrap();
    assert!(refusal(&path).await.contains("symbolic link"));
    fs::remove_file(log).unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn f5_what_is_no_database_of_ours_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let data = path.parent().unwrap();
    fs::create_dir_all(data.join("inner")).unwrap();
    mode(data, 0o700);
    assert!(
        refusal(&data.join("inner"))
            .await
            .contains("it is a folder")
    );
    let write = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        mode(&path, 0o600);
    };
    for content in [&b"x"[..], &[b'x'; 4096], b"SQLite format 3\0"] {
        write(content);
        let refused = refusal(&path).await;
        assert!(refused.contains("not an SQLite database"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    fs::remove_file(&path).unwrap();
    run(&path, &["CREATE TABLE theirs (a)"]).await;
    mode(&path, 0o600);
    let before = fs::read(&path).unwrap();
    assert!(refusal(&path).await.contains("another program"));
    run(&path, &["PRAGMA application_id = 7"]).await;
    assert!(refusal(&path).await.contains("another program"));
    assert_eq!(before.len(), fs::read(&path).unwrap().len());

    assert!(refusal(&path.join("below")).await.contains("not a folder"));
}

#[tokio::test]
async fn f5_a_missing_database_is_not_made_where_it_must_exist() {
    let (_folder, path) = place();
    let existing = SqliteOptions::new(&path).if_missing(IfMissing::Refuse);
    assert!(SqliteStore::open_with(existing.clone()).await.is_err());
    assert!(!path.parent().unwrap().exists());
    SqliteStore::open(&path).await.unwrap().close().await;
    SqliteStore::open_with(existing.clone())
        .await
        .unwrap()
        .close()
        .await;
    fs::write(&path, b"").unwrap();
    let error = SqliteStore::open_with(existing).await.unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
}

#[tokio::test]
async fn f5_a_file_that_is_deleted_or_replaced_is_noticed_by_every_call() {
    let now = STANDARD_NOW;
    let key = Key::client(&"c".into());
    for replaced in [false, true] {
        let (_folder, path) = place();
        let store = SqliteStore::open(&path).await.unwrap();
        store
            .insert(Record::new(key.clone(), now), now)
            .await
            .unwrap();
        fs::rename(&path, path.with_extension("away")).unwrap();
        if replaced {
            fs::write(&path, b"").unwrap();
        }
        let get = store.get(&key, now).await;
        assert!(matches!(get, Err(StoreError::Unavailable(_))), "{get:?}");
        let redeemed = store.redeem(&key, Vec::new(), None, now).await;
        assert!(matches!(redeemed, Err(StoreError::Unavailable(_))));
        // It comes back: nothing was lost, and nothing was done meanwhile.
        fs::rename(path.with_extension("away"), &path).unwrap();
        assert!(matches!(store.get(&key, now).await, Ok(Found::Live(_))));
        store.close().await;
    }
}

#[tokio::test]
async fn f8_a_database_of_a_newer_release_is_refused_and_left_alone() {
    let (_folder, path) = place();
    SqliteStore::open(&path).await.unwrap().close().await;
    run(&path, &["PRAGMA user_version = 99"]).await;
    let before = fs::read(&path).unwrap();
    let refused = refusal(&path).await;
    assert!(refused.contains("newer release (schema 99"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_store_that_was_closed_answers_that_it_is() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    store.close().await;
    store.close().await;
    let key = Key::client(&"c".into());
    let (get, remove) = (
        store.get(&key, STANDARD_NOW).await,
        store.remove(key.clone(), STANDARD_NOW).await,
    );
    assert!(matches!(get, Err(StoreError::Unavailable(_))), "{get:?}");
    assert!(
        matches!(remove, Err(StoreError::Unavailable(_))),
        "{remove:?}"
    );
}
