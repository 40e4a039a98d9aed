//! Row F21: requests that are dropped half-way, and handlers that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_authorization_server::exchange::{Answer, Incoming};
use countersign_authorization_server::interaction::InteractionFuture;
use countersign_authorization_server::oauth::{ClientId, Lifetime, ScopeSet};
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::store::sqlite::SqliteStore;
use countersign_authorization_server::{Approval, AuthorizationServer, Interaction, Step, Waiting};

use super::Asked;
use crate::fixture::*;

/// Begins `request`, lets it run for `turns` turns of the scheduler, and drops it.
async fn drop_after<F>(turns: usize, request: F)
where
    F: Future<Output = Seen> + Send + 'static,
{
    let task = tokio::spawn(request);
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    task.abort();
    drop(task.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_a_request_that_is_dropped_happened_wholly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data/as.db"))
        .await
        .unwrap();
    let world = Arc::new(bare_world(Arc::new(store), settings(), |builder| builder));
    world.add_clients().await;
    for round in 0..60 {
        let turns = round * 3;
        // A redemption: the code is whole, or its tokens exist.
        let code = world.code("C1").await;
        let before = world.count(Kind::AccessToken).await;
        let (here, sent) = (world.clone(), code.clone());
        drop_after(turns, async move { here.redeem(&sent, &[]).await }).await;
        let again = world.redeem(&code, &[]).await;
        let tokens = world.count(Kind::AccessToken).await - before;
        match again.status.as_u16() {
            200 => assert_eq!(tokens, 1, "round {round}"),
            // It was used, and coming again with the proof revoked it.
            _ => {
                again.assert_tok("invalid_grant");
                assert_eq!(tokens, 0, "round {round}");
            }
        }
        // A refresh: the same token yields the one successor.
        let (_, refresh) = world.tokens().await;
        let (here, sent) = (world.clone(), refresh.clone());
        drop_after(turns, async move { here.refresh(&sent, &[]).await }).await;
        let first = tokens_of(&world.refresh(&refresh, &[]).await);
        assert_eq!(tokens_of(&world.refresh(&refresh, &[]).await), first);
        tokens_of(&world.refresh(&first.1, &[]).await);
        // A revocation: asked again it is done.
        let (here, sent) = (world.clone(), first.1.clone());
        let revoke = async move {
            let parameters = [("token", sent.as_str()), ("client_id", "C1")];
            here.post("/revoke", &parameters).await
        };
        drop_after(turns, revoke).await;
        let parameters = [("token", first.1.as_str()), ("client_id", "C1")];
        assert_eq!(world.post("/revoke", &parameters).await.status, 200);
        assert!(!world.is_active(&first.0).await, "round {round}");
        world.clock.advance(Lifetime::from_secs(1));
    }
}

/// Somebody else's code, which panics while it is told to.
#[derive(Debug)]
struct Panicking(AtomicBool);

impl Panicking {
    fn turn(&self) {
        assert!(!self.0.load(Ordering::SeqCst), "the canary of the handler");
    }
}

impl Interaction for Panicking {
    fn begin<'a>(&'a self, waiting: Waiting<'a>) -> InteractionFuture<'a, Step> {
        Box::pin(async move {
            self.turn();
            let scope: ScopeSet = waiting.authorization.scope.clone();
            Ok(Step::Approve(Approval::new("alice", scope)))
        })
    }

    fn paths(&self) -> Vec<String> {
        vec!["/account".to_owned()]
    }

    fn respond<'a>(
        &'a self,
        _: &'a Incoming,
        _: &'a AuthorizationServer,
    ) -> InteractionFuture<'a, Option<Answer>> {
        Box::pin(async {
            self.turn();
            Ok(None)
        })
    }

    fn still_allows<'a>(&'a self, _: &'a str, _: &'a ClientId) -> InteractionFuture<'a, bool> {
        Box::pin(async {
            self.turn();
            Ok(true)
        })
    }
}

#[tokio::test]
async fn f21_a_handler_that_panics_fails_its_own_request_only() {
    let panicking = Arc::new(Panicking(AtomicBool::new(false)));
    let handler = panicking.clone();
    let world = Arc::new(world_with(settings(), |builder| builder.interaction(handler)).await);
    let code = world.code("C1").await;
    let (access, refresh) = world.tokens().await;
    for _ in 0..3 {
        panicking.0.store(true, Ordering::SeqCst);
        let here = world.clone();
        assert!(
            tokio::spawn(async move { Asked::good().get(&here).await })
                .await
                .is_err()
        );
        let here = world.clone();
        assert!(
            tokio::spawn(async move { here.get("/account").await })
                .await
                .is_err()
        );
        let (here, sent) = (world.clone(), code.clone());
        assert!(
            tokio::spawn(async move { here.redeem(&sent, &[]).await })
                .await
                .is_err()
        );
        let (here, sent) = (world.clone(), refresh.clone());
        assert!(
            tokio::spawn(async move { here.refresh(&sent, &[]).await })
                .await
                .is_err()
        );
        panicking.0.store(false, Ordering::SeqCst);
        assert!(world.is_active(&access).await);
        tokens_of(&world.redeem(&world.code("C1").await, &[]).await);
    }
    // None of them used anything up.
    tokens_of(&world.redeem(&code, &[]).await);
    tokens_of(&world.refresh(&refresh, &[]).await);
}
