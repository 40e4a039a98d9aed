use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret, UnixTime};
use tempfile::TempDir;
use testkit::CaptureLog;

use super::*;
use crate::store::TokenType;

const RESOURCE: &str = "https://rs.test/mcp";

fn key(client: &str) -> TokenKey {
    TokenKey::new(
        Issuer::parse("https://as.test").unwrap(),
        ResourceUri::parse(RESOURCE).unwrap(),
        ClientId::parse(client).unwrap(),
    )
}

fn tokens(refresh_token: &str) -> StoredTokens {
    let mut tokens = StoredTokens::new(
        Secret::new("canary-access"),
        TokenType::Dpop,
        ScopeSet::parse("a b").unwrap(),
        UnixTime::from_secs(100),
    );
    tokens.expires_at = Some(UnixTime::from_secs(3_700));
    tokens.refresh_token = Some(Secret::new(refresh_token));
    tokens.dpop_key = Some(Secret::new("canary-key"));
    tokens
}

fn client() -> StoredClient {
    let redirect_uris = vec!["http://127.0.0.1/callback".to_owned()];
    let mut client = StoredClient::new(key("c").issuer, key("c").client, redirect_uris);
    client.client_secret = Some(Secret::new("canary-secret"));
    client.registration_access_token = Some(Secret::new("canary-registration"));
    client
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("tokens");
    (folder, path)
}

async fn put(store: &FileStore, key: &TokenKey, tokens: &StoredTokens) {
    let mut guard = store.exclusive(key).await.unwrap();
    guard.put(tokens).await.unwrap();
}

/// All sealed records.
fn records(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "sealed"))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart_and_gone_after_its_removal() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    assert_eq!(store.tokens(&key("c")).await.unwrap(), None);
    assert!(!path.exists(), "looking makes no folder");
    put(&store, &key("c"), &tokens("one")).await;
    store.put_client(&client()).await.unwrap();

    let store = FileStore::new(&path);
    assert_eq!(store.tokens(&key("c")).await.unwrap(), Some(tokens("one")));
    assert_eq!(
        store.client(&key("c").issuer).await.unwrap(),
        Some(client())
    );
    let listed = store.list().await.unwrap();
    assert_eq!(listed, [(key("c"), tokens("one"))]);

    store
        .exclusive(&key("c"))
        .await
        .unwrap()
        .remove()
        .await
        .unwrap();
    store.forget_client(&key("c").issuer).await.unwrap();
    assert_eq!(FileStore::new(&path).list().await.unwrap(), []);
    assert_eq!(store.client(&key("c").issuer).await.unwrap(), None);
    assert_eq!(records(&path), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn the_newest_tokens_of_a_resource_come_first() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    for (client, at) in [("a", 2), ("b", 3), ("c", 1)] {
        let mut tokens = tokens("one");
        tokens.obtained_at = UnixTime::from_secs(at);
        put(&store, &key(client), &tokens).await;
    }
    let mut elsewhere = key("d");
    elsewhere.resource = ResourceUri::parse("https://rs.test/mcp/").unwrap();
    put(&store, &elsewhere, &tokens("one")).await;
    let found = store.keys_for(&key("a").resource).await.unwrap();
    assert_eq!(found, [key("b"), key("a"), key("c")]);
}

#[tokio::test]
async fn i20_a_record_copied_to_another_entry_or_another_folder_is_not_used() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    let mut keys = vec![key("other client"); 3];
    keys[1].resource = ResourceUri::parse("https://other.test/mcp").unwrap();
    keys[2].issuer = Issuer::parse("https://other-as.test").unwrap();
    put(&store, &key("c"), &tokens("one")).await;
    let [original] = records(&path).try_into().unwrap();
    for key in &keys {
        put(&store, key, &tokens("two")).await;
        let name = format!("{}.sealed", record::name_of_tokens(key));
        fs::copy(&original, path.join(name)).unwrap();
        assert_eq!(store.tokens(key).await.unwrap(), None, "{key:?}");
    }
    assert_eq!(store.list().await.unwrap(), [(key("c"), tokens("one"))]);

    let (_elsewhere, foreign) = place();
    put(&FileStore::new(&foreign), &keys[0], &tokens("three")).await;
    fs::copy(&original, foreign.join(original.file_name().unwrap())).unwrap();
    let found = FileStore::new(&foreign).tokens(&key("c")).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn i20_a_record_that_was_altered_is_not_used_and_the_log_says_so() {
    let log = CaptureLog::global();
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    put(&store, &key("c"), &tokens("one")).await;
    let [file] = records(&path).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    let mut bad: Vec<Vec<u8>> = vec![Vec::new(), good[..20].to_vec(), b"{}".to_vec()];
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        bad.push(flipped);
    }
    bad.push([good.as_slice(), b"\0"].concat());
    for bytes in bad {
        fs::write(&file, &bytes).unwrap();
        assert_eq!(store.tokens(&key("c")).await.unwrap(), None);
        assert_eq!(store.list().await.unwrap(), []);
    }
    fs::write(&file, good).unwrap();
    assert!(store.tokens(&key("c")).await.unwrap().is_some());
    let said = log.text();
    assert!(said.contains("cannot be used"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn records_whose_key_is_gone_are_like_none_and_a_new_login_works() {
    let (_folder, path) = place();
    put(&FileStore::new(&path), &key("c"), &tokens("one")).await;
    fs::remove_file(path.join("key")).unwrap();
    let store = FileStore::new(&path);
    assert_eq!(store.tokens(&key("c")).await.unwrap(), None);
    put(&store, &key("c"), &tokens("two")).await;
    assert_eq!(store.tokens(&key("c")).await.unwrap(), Some(tokens("two")));
}

#[cfg(unix)]
#[tokio::test]
async fn cl_33_nothing_is_kept_in_clear_and_nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    put(&store, &key("canary-client"), &tokens("canary-refresh")).await;
    store.put_client(&client()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o700);
    let mut files = 0;
    for file in fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{file:?}");
        let bytes = fs::read(&file).unwrap();
        for word in ["canary", "as.test", "rs.test"] {
            let found = bytes.windows(word.len()).any(|at| at == word.as_bytes());
            assert!(!found, "{word} in {file:?}");
            assert!(!file.to_string_lossy().contains(word), "{file:?}");
        }
        files += 1;
    }
    // The key, two records, two locks.
    assert_eq!(files, 5);
    assert!(!format!("{store:?}").contains("canary"));
}

#[cfg(unix)]
#[tokio::test]
async fn cl_33_a_folder_that_others_may_write_to_and_a_key_that_they_may_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    put(&FileStore::new(&path), &key("c"), &tokens("one")).await;
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o770, 0o702, 0o777, 0o1777] {
        chmod(&path, mode);
        let store = FileStore::new(&path);
        let said = store.tokens(&key("c")).await.unwrap_err().to_string();
        assert!(said.contains("run chmod 700 on it"), "{said}");
        assert!(store.exclusive(&key("c")).await.is_err());
        assert!(store.list().await.is_err());
    }
    chmod(&path, 0o755);
    for mode in [0o640, 0o604] {
        chmod(&path.join("key"), mode);
        let said = FileStore::new(&path).tokens(&key("c")).await.unwrap_err();
        assert!(said.to_string().contains("run chmod 600 on it"), "{said}");
    }
    chmod(&path.join("key"), 0o600);
    assert!(
        FileStore::new(&path)
            .tokens(&key("c"))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn one_holder_at_a_time_also_for_another_process_and_waiting_ends() {
    let (_folder, path) = place();
    // Two stores share nothing but the files, as two processes.
    let (one, two) = (FileStore::new(&path), FileStore::new(&path));
    let two = two.max_wait(Duration::ZERO);
    let held = one.exclusive(&key("c")).await.unwrap();
    let busy = StoreError::Busy { seconds: 0 };
    assert_eq!(two.exclusive(&key("c")).await.unwrap_err(), busy);
    let one_again = one.clone().max_wait(Duration::ZERO);
    assert_eq!(one_again.exclusive(&key("c")).await.unwrap_err(), busy);
    two.exclusive(&key("another")).await.unwrap();
    drop(held);
    two.exclusive(&key("c")).await.unwrap();
}

#[tokio::test]
async fn tasks_of_one_process_hold_it_in_the_order_in_which_they_came() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    put(&store, &key("c"), &tokens("0")).await;
    let work = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut guard = store.exclusive(&key("c")).await.unwrap();
            let read = guard.tokens().await.unwrap().unwrap();
            let number: u32 = read.refresh_token.unwrap().reveal().parse().unwrap();
            tokio::task::yield_now().await;
            guard.put(&tokens(&(number + 1).to_string())).await.unwrap();
        })
    });
    for done in work.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let kept = store.tokens(&key("c")).await.unwrap().unwrap();
    assert_eq!(kept.refresh_token, Some(Secret::new("20")));
}

#[tokio::test]
async fn cl_34_the_old_refresh_token_is_nowhere_after_rotation_nor_what_a_killed_process_left() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    put(&store, &key("c"), &tokens("one")).await;
    let [file] = records(&path).try_into().unwrap();
    let left = file.with_extension("new");
    fs::write(&left, fs::read(&file).unwrap()).unwrap();
    put(&store, &key("c"), &tokens("two")).await;
    assert!(!left.exists());
    assert_eq!(records(&path), [file]);
    let kept = store.tokens(&key("c")).await.unwrap().unwrap();
    assert_eq!(kept.refresh_token, Some(Secret::new("two")));
}

#[tokio::test]
async fn a_caller_who_gives_up_while_something_is_written_releases_it_afterwards() {
    let (_folder, path) = place();
    let store = FileStore::new(&path);
    put(&store, &key("c"), &tokens("one")).await;
    for number in 0..20 {
        let mut guard = store.exclusive(&key("c")).await.unwrap();
        let next = tokens(&number.to_string());
        // Begun, and dropped before it is done.
        tokio::select! {
            biased;
            _ = guard.put(&next) => {}
            () = std::future::ready(()) => {}
        }
        drop(guard);
        let mut guard = store.exclusive(&key("c")).await.unwrap();
        assert_eq!(guard.tokens().await.unwrap(), Some(next));
    }
}
