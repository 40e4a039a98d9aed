//! The same server over a file, with requests on several threads and restarts.

use std::path::Path;
use std::sync::Arc;

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Store as _;
use countersign_authorization_server::store::sqlite::SqliteStore;
use http::StatusCode;

use crate::fixture::*;

async fn open(path: &Path) -> World {
    let store = SqliteStore::open(path).await.unwrap();
    bare_world(Arc::new(store), settings(), |builder| builder)
}

/// All of `count` requests that `request` makes, on the threads of the runtime.
async fn at_once<F>(count: usize, request: impl Fn() -> F) -> Vec<Seen>
where
    F: Future<Output = Seen> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(request())).collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c10_c27_of_parallel_redemptions_and_refreshes_one_wins_on_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(open(&folder.path().join("data/as.db")).await);
    world.add_clients().await;
    for _ in 0..3 {
        let code = world.code("C1").await;
        let seen = at_once(16, || {
            let (world, code) = (world.clone(), code.clone());
            async move { world.redeem(&code, &[]).await }
        })
        .await;
        let won: Vec<_> = seen
            .iter()
            .filter(|seen| seen.status == StatusCode::OK)
            .collect();
        assert_eq!(won.len(), 1);
        // The losers had the proof, so that the code was used twice.
        let (access, _) = tokens_of(won[0]);
        assert!(!world.is_active(&access).await);

        let (_, refresh) = world.tokens().await;
        let seen = at_once(16, || {
            let (world, refresh) = (world.clone(), refresh.clone());
            async move { world.refresh(&refresh, &[]).await }
        })
        .await;
        let mut successors: Vec<_> = seen.iter().map(tokens_of).collect();
        successors.sort();
        successors.dedup();
        assert_eq!(successors.len(), 1);
        tokens_of(&world.refresh(&successors[0].1, &[]).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f1_after_a_restart_everything_that_was_issued_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let before = open(&path).await;
    before.add_clients().await;
    let (access, refresh) = before.tokens().await;
    let (_, revoked) = before.tokens().await;
    before
        .post("/revoke", &[("token", &revoked), ("client_id", "C1")])
        .await;
    let code = before.code("C1").await;
    let keys = before.get("/jwks").await.body;
    drop(before);

    let after = open(&path).await;
    assert_eq!(after.get("/jwks").await.body, keys);
    assert!(after.is_active(&access).await);
    after
        .refresh(&revoked, &[])
        .await
        .assert_tok("invalid_grant");
    tokens_of(&after.redeem(&code, &[]).await);
    let next = tokens_of(&after.refresh(&refresh, &[]).await);
    drop(after);

    // Also the kept answer of a refresh, and then its end.
    let later = open(&path).await;
    assert_eq!(tokens_of(&later.refresh(&refresh, &[]).await), next);
    later.clock.advance(Lifetime::from_secs(60));
    later
        .refresh(&refresh, &[])
        .await
        .assert_tok("invalid_grant");
    later
        .refresh(&next.1, &[])
        .await
        .assert_tok("invalid_grant");
    assert!(later.store.purge(later.clock.now()).await.is_ok());
}
