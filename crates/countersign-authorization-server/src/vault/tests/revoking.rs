//! What was revoked here is revoked at the provider, and never the other way round.

use countersign_store::Kind;
use countersign_store::sqlite::SqliteStore;

use super::*;

fn tokens_of_login() -> (String, Option<String>) {
    (
        "upstream-access-0".to_owned(),
        Some("upstream-refresh-0".to_owned()),
    )
}

impl World {
    async fn revoke(&self, granted: &Granted) {
        let now = self.now();
        self.store.revoke_grant(&granted.id, now).await.unwrap();
    }

    /// How many records of upstream tokens there are, in whatever status.
    async fn records(&self) -> usize {
        let (index, page) = (Index::Kind(Kind::UpstreamTokens), Page::first(100));
        let beginning = UnixTime::from_secs(0);
        let listed = self.store.list(&index, page.with_spent(), beginning).await;
        listed.unwrap().records.len()
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_here_is_revoked_there_at_once() {
    let world = world();
    let granted = world.log_in("g").await;
    world.log_in("other").await;
    world.revoke(&granted).await;
    world.vault.grant_ended(&granted.id);
    assert!(world.provider.revocations().is_empty(), "nobody waits");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(world.provider.revocations(), [tokens_of_login()]);
    assert!(world.saw("upstream_revoked"));
    assert_eq!(world.records().await, 1, "that of the other grant");
    assert_eq!(world.vault.keep_house().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_told_of_is_found_by_housekeeping() {
    // As when an account is disabled, a family is killed, or another process does either.
    let world = world();
    let granted = world.log_in("g").await;
    world.log_in("other").await;
    assert_eq!(world.vault.keep_house().await.unwrap(), 0);
    world.revoke(&granted).await;
    assert_eq!(world.vault.keep_house().await.unwrap(), 1);
    assert_eq!(world.provider.revocations(), [tokens_of_login()]);
    assert_eq!(world.records().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_expires_is_revoked_there_before_it_is_forgotten() {
    let world = world();
    world.log_in("g").await;
    world.pass(240 * 3600);
    assert_eq!(world.vault.keep_house().await.unwrap(), 1);
    assert_eq!(world.provider.revocations(), [tokens_of_login()]);
    assert_eq!(world.records().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_asked_again_for_a_week_also_when_the_grant_is_forgotten() {
    for expires in [false, true] {
        let world = world();
        let granted = world.log_in("g").await;
        *world.provider.revokes.lock().unwrap() = false;
        if expires {
            world.pass(240 * 3600);
        } else {
            world.pass(239 * 3600);
            world.revoke(&granted).await;
        }
        for _ in 0..3 {
            assert_eq!(world.vault.keep_house().await.unwrap(), 0);
            world.store.purge(world.now()).await.unwrap();
            world.pass(24 * 3600);
        }
        assert!(!world.is_live(&granted).await);
        assert_eq!(world.records().await, 1, "expires: {expires}");
        // What waits to be revoked cannot be used.
        assert!(world.token(&granted).await.is_err());
        *world.provider.revokes.lock().unwrap() = true;
        assert_eq!(world.vault.keep_house().await.unwrap(), 1);
        assert_eq!(world.provider.revocations(), [tokens_of_login()]);
        assert_eq!(world.records().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_week_it_is_given_up_and_noted() {
    for expires in [false, true] {
        let world = world();
        let granted = world.log_in("g").await;
        *world.provider.revokes.lock().unwrap() = false;
        if expires {
            world.pass(240 * 3600);
        } else {
            world.revoke(&granted).await;
        }
        for _ in 0..7 {
            world.vault.keep_house().await.unwrap();
            world.store.purge(world.now()).await.unwrap();
            assert_eq!(world.records().await, 1, "expires: {expires}");
            world.pass(24 * 3600);
        }
        assert!(!world.saw("upstream_not_revoked"));
        world.vault.keep_house().await.unwrap();
        assert!(world.saw("upstream_not_revoked"));
        assert_eq!(world.records().await, 0, "expires: {expires}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_asked_once_in_a_round() {
    let world = world();
    *world.provider.revokes.lock().unwrap() = false;
    for number in 0..5 {
        let granted = world.log_in(&format!("g{number}")).await;
        world.revoke(&granted).await;
    }
    assert_eq!(world.vault.keep_house().await.unwrap(), 0);
    *world.provider.revokes.lock().unwrap() = true;
    assert_eq!(world.vault.keep_house().await.unwrap(), 5);
    assert_eq!(world.provider.revocations().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn where_one_token_stands_for_all_it_is_given_back_with_the_last_grant() {
    let world = world();
    *world.provider.ends_everything.lock().unwrap() = true;
    let (first, last) = (world.log_in("first").await, world.log_in("last").await);
    world.revoke(&first).await;
    world.vault.grant_ended(&first.id);
    sleep(Duration::from_millis(1)).await;
    assert!(world.provider.revocations().is_empty());
    assert_eq!(access_token(&world.token(&last).await), "upstream-access-0");
    assert_eq!(world.records().await, 1);
    world.revoke(&last).await;
    assert_eq!(world.vault.keep_house().await.unwrap(), 1);
    assert_eq!(world.provider.revocations(), [tokens_of_login()]);
    assert_eq!(world.records().await, 0);
}

#[tokio::test]
async fn a_round_reads_what_is_due_and_nothing_that_is_in_use() {
    let clock = TestClock::new();
    let provider = provider(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let file = SqliteStore::open(&path).await.unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(file)];
    for store in stores {
        let world = world_over(store, &provider);
        for number in 0..3 {
            world.log_in(&format!("early {number}")).await;
        }
        world.pass(3600);
        for number in 0..150 {
            world.log_in(&format!("in use {number}")).await;
        }
        let revoked = world.log_in("revoked").await;
        let read = async || {
            world.store.listed.store(0, Ordering::Relaxed);
            let done = world.vault.keep_house().await.unwrap();
            (done, world.store.listed.load(Ordering::Relaxed))
        };
        assert_eq!(read().await, (0, 0));
        world.revoke(&revoked).await;
        assert_eq!(read().await, (1, 1));
        // A provider that is down is asked for what is left in every round, and for
        // nothing else.
        *world.provider.revokes.lock().unwrap() = false;
        world.pass(239 * 3600);
        assert_eq!(read().await.0, 0);
        assert_eq!(read().await, (0, 3));
        *world.provider.revokes.lock().unwrap() = true;
        assert_eq!(read().await, (3, 3));
        assert_eq!(read().await, (0, 0));
        assert_eq!(world.store.purge(world.now()).await.unwrap(), 3);
        let kept = Index::Kind(Kind::UpstreamTokens);
        let kept = world.store.count(&kept, 1_000, world.now()).await.unwrap();
        assert_eq!(kept, 150);
    }
}
