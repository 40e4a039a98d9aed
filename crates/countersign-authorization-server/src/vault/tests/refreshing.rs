//! Rows of C34 and what belongs to them: refreshing, alone and with others.

use std::sync::Arc;
use std::time::Duration;

use countersign_oauth::Lifetime;
use countersign_store::{GrantId, SqliteOptions, SqliteStore};
use tokio::time::{Instant, advance, timeout};

use super::*;
use crate::vault::Trouble;

#[tokio::test(start_paused = true)]
async fn c34_a_provider_that_refuses_ends_the_grant() {
    let world = world();
    let granted = world.log_in("g").await;
    world.provider.is(Mood::Refuses);
    assert_eq!(world.vault.ask_behind(&granted).await, Ok(()));
    world.pass(LIFE);
    let asked = world.vault.ask_behind(&granted).await;
    assert_eq!(asked, Err(Trouble::LogInAgain));
    assert!(!world.is_live(&granted).await);
    assert!(world.saw("upstream_ended"));
    // It is not asked again.
    assert_eq!(
        world.token(&granted).await.unwrap_err(),
        Trouble::NotConnected
    );
    assert_eq!(world.provider.refreshes(), ["upstream-refresh-0"]);
}

#[tokio::test(start_paused = true)]
async fn c34_a_provider_that_fails_or_hangs_costs_nothing_and_frees_the_lease() {
    for mood in [Mood::Fails, Mood::Hangs] {
        let world = world();
        let granted = world.log_in("g").await;
        world.provider.is(mood);
        // About to end, and good until then.
        world.pass(LIFE - 30);
        let renewal = world.token(&granted).await;
        assert_eq!(access_token(&renewal), "upstream-access-0", "{mood:?}");
        assert_eq!(world.vault.ask_behind(&granted).await, Ok(()), "{mood:?}");
        world.pass(30);
        let asked = world.vault.ask_behind(&granted).await;
        assert_eq!(asked, Err(Trouble::ProviderDown(PAUSE)), "{mood:?}");
        assert!(world.is_live(&granted).await, "{mood:?}");
        let stored = ("upstream-refresh-0".to_owned(), false);
        assert_eq!(world.stored(&granted).await, stored, "{mood:?}");
        world.provider.is(Mood::Rotates);
        assert_eq!(world.vault.ask_behind(&granted).await, Ok(()), "{mood:?}");
        let stored = ("upstream-refresh-4".to_owned(), false);
        assert_eq!(world.stored(&granted).await, stored, "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn c34_a_rotated_token_whose_commit_fails_goes_on_working_and_is_committed_later() {
    let world = world();
    let granted = world.log_in("g").await;
    world.pass(LIFE);
    // The lease, and nothing after it.
    world.store.takes(1);
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-1");
    let stored = ("upstream-refresh-0".to_owned(), true);
    assert_eq!(world.stored(&granted).await, stored);
    // The provider is not asked again with the token that it has spent.
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-1");
    assert_eq!(world.vault.ask_behind(&granted).await, Ok(()));
    assert_eq!(world.provider.refreshes(), ["upstream-refresh-0"]);
    world.store.takes(usize::MAX);
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-1");
    let stored = ("upstream-refresh-1".to_owned(), false);
    assert_eq!(world.stored(&granted).await, stored);
    // Whoever starts anew goes on from there.
    let restarted = world_over(world.store.inner.clone(), &world.provider);
    restarted.pass(LIFE);
    let renewal = restarted.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-2");
    let shown = ["upstream-refresh-0", "upstream-refresh-1"];
    assert_eq!(world.provider.refreshes(), shown);
}

#[tokio::test(start_paused = true)]
async fn c34_what_is_kept_is_committed_without_anybody_asking() {
    for by_housekeeping in [false, true] {
        let world = world();
        let granted = world.log_in("g").await;
        world.pass(LIFE);
        world.store.takes(1);
        world.token(&granted).await.unwrap();
        if by_housekeeping {
            // Long after the task that tries has given up.
            advance(Duration::from_secs(60)).await;
            sleep(Duration::from_secs(60)).await;
            world.store.takes(usize::MAX);
            world.vault.keep_house().await.unwrap();
        } else {
            world.store.takes(usize::MAX);
            sleep(Duration::from_secs(60)).await;
        }
        let stored = ("upstream-refresh-1".to_owned(), false);
        assert_eq!(world.stored(&granted).await, stored, "{by_housekeeping}");
    }
}

#[tokio::test(start_paused = true)]
async fn c34_a_store_that_takes_no_writes_is_noticed_before_a_token_is_spent() {
    let world = world();
    let granted = world.log_in("g").await;
    world.pass(LIFE);
    world.store.takes(0);
    let asked = world.vault.ask_behind(&granted).await;
    assert_eq!(asked, Err(Trouble::StoreDown));
    assert!(world.provider.refreshes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn c34_a_caller_who_hangs_up_in_the_middle_loses_nothing() {
    let world = world();
    let granted = world.log_in("g").await;
    world.pass(LIFE);
    let call = timeout(Duration::from_millis(5), world.token(&granted));
    assert!(call.await.is_err(), "it takes longer");
    assert_eq!(world.provider.refreshes().len(), 1);
    sleep(Duration::from_millis(100)).await;
    let stored = ("upstream-refresh-1".to_owned(), false);
    assert_eq!(world.stored(&granted).await, stored);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_ends_during_a_refresh_gives_the_new_tokens_back() {
    let world = world();
    let granted = world.log_in("g").await;
    world.pass(LIFE);
    let revoking = async {
        sleep(Duration::from_millis(10)).await;
        let now = world.now();
        world.store.revoke_grant(&granted.id, now).await.unwrap();
        world.vault.grant_ended(&granted.id);
    };
    let (renewal, ()) = tokio::join!(world.token(&granted), revoking);
    assert_eq!(renewal.unwrap_err(), Trouble::NotConnected);
    let newest = (
        "upstream-access-1".to_owned(),
        Some("upstream-refresh-1".to_owned()),
    );
    assert_eq!(world.provider.revocations().last(), Some(&newest));
    assert_eq!(world.vault.keep_house().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_refresh_token_is_used_to_its_end_and_no_further() {
    let world = world();
    let mut tokens = Provider::tokens(0, world.now());
    tokens.refresh_token = None;
    let granted = world.log_in_with("g", tokens).await;
    world.pass(LIFE - 1);
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-0");
    world.pass(1);
    // There is nobody to ask about the grant, and nothing that it is needed for.
    assert_eq!(world.vault.ask_behind(&granted).await, Ok(()));
    assert!(world.is_live(&granted).await);
    let renewal = world.token(&granted).await;
    assert_eq!(renewal.unwrap_err(), Trouble::LogInAgain);
    assert!(!world.is_live(&granted).await);
    assert!(world.provider.refreshes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_end_is_not_known_is_never_refreshed() {
    let world = world();
    let mut tokens = Provider::tokens(0, world.now());
    tokens.expires_at = None;
    let granted = world.log_in_with("g", tokens).await;
    world.pass(9 * 24 * 3600);
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-0");
    assert!(world.provider.refreshes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_rotate_is_shown_the_same_token_again() {
    let world = world();
    let granted = world.log_in("g").await;
    world.provider.is(Mood::Renews);
    for number in 1..=3 {
        world.pass(LIFE);
        let renewal = world.token(&granted).await;
        assert_eq!(access_token(&renewal), format!("upstream-access-{number}"));
    }
    assert_eq!(world.provider.refreshes(), ["upstream-refresh-0"; 3]);
}

#[tokio::test(start_paused = true)]
async fn of_sixty_four_calls_at_once_one_refreshes_also_when_it_fails() {
    for mood in [Mood::Rotates, Mood::Fails] {
        let world = Arc::new(world());
        let granted = Arc::new(world.log_in("g").await);
        world.provider.is(mood);
        world.pass(LIFE);
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let (world, granted) = (Arc::clone(&world), Arc::clone(&granted));
                tokio::spawn(async move { world.token(&granted).await })
            })
            .collect();
        for call in calls {
            let renewal = call.await.unwrap();
            match mood {
                Mood::Rotates => assert_eq!(access_token(&renewal), "upstream-access-1"),
                _ => assert_eq!(renewal.unwrap_err(), Trouble::ProviderDown(PAUSE)),
            }
        }
        assert_eq!(
            world.provider.refreshes(),
            ["upstream-refresh-0"],
            "{mood:?}"
        );
    }
}

#[tokio::test]
async fn of_two_servers_over_one_database_one_refreshes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    let clock = TestClock::new();
    let provider = provider(&clock);
    let mut worlds = Vec::new();
    for _ in 0..2 {
        let store = SqliteStore::open_with(SqliteOptions::new(&path)).await;
        worlds.push(Arc::new(world_over(Arc::new(store.unwrap()), &provider)));
    }
    for round in 1..=5 {
        let id = format!("g{round}");
        let granted = Arc::new(worlds[0].log_in(&id).await);
        worlds[0].pass(LIFE);
        let calls: Vec<_> = (0..64)
            .map(|number| {
                let world = Arc::clone(&worlds[number % 2]);
                let granted = Arc::clone(&granted);
                tokio::spawn(async move { world.token(&granted).await })
            })
            .collect();
        for call in calls {
            let renewal = call.await.unwrap();
            assert_eq!(access_token(&renewal), format!("upstream-access-{round}"));
        }
        assert_eq!(provider.refreshes().len(), round, "one for each grant");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_process_that_died_gives_up_and_takes_over_when_its_lease_ends() {
    let world = world();
    let granted = world.log_in("g").await;
    world.pass(LIFE);
    // Another process takes the lease and dies.
    let other = world_over(world.store.inner.clone(), &world.provider);
    other.provider.is(Mood::Hangs);
    let place = other.place(&granted);
    let vault = Arc::clone(&other.vault);
    let dying = tokio::spawn(async move { vault.renew(&place, None).await });
    sleep(Duration::from_millis(100)).await;
    dying.abort();
    world.provider.is(Mood::Rotates);
    let begun = Instant::now();
    assert_eq!(world.token(&granted).await.unwrap_err(), Trouble::Busy);
    assert!(begun.elapsed() < Duration::from_secs(15));
    world.pass(30);
    let renewal = world.token(&granted).await;
    assert_eq!(access_token(&renewal), "upstream-access-2");
}

#[tokio::test(start_paused = true)]
async fn somebody_else_s_grant_and_one_of_another_way_have_no_tokens() {
    let world = world();
    world.log_in("g").await;
    for id in ["other", ""] {
        let mut granted = granted(id, world.now());
        assert_eq!(
            world.token(&granted).await.unwrap_err(),
            Trouble::NotConnected
        );
        let asked = world.vault.ask_behind(&granted).await;
        assert_eq!(asked, Err(Trouble::NotConnected), "its tokens are gone");
        granted.upstream = None;
        assert_eq!(world.vault.ask_behind(&granted).await, Ok(()));
        let kept = world
            .vault
            .keep(&granted, &Provider::tokens(0, world.now()));
        assert!(kept.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn short_lived_tokens_are_not_refreshed_all_the_time() {
    let world = world();
    let mut tokens = Provider::tokens(0, world.now());
    tokens.expires_at = Some(world.now().saturating_add(Lifetime::from_secs(60)));
    let granted = world.log_in_with("g", tokens).await;
    world.pass(53);
    world.token(&granted).await.unwrap();
    assert!(world.provider.refreshes().is_empty());
    world.pass(1);
    world.token(&granted).await.unwrap();
    assert_eq!(world.provider.refreshes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_tokens_is_stored_or_shown_in_clear() {
    let world = world();
    let granted = world.log_in("g").await;
    let place = world.place(&granted);
    let found = world.store.get(&place.key, world.now()).await.unwrap();
    let record = found.live().unwrap();
    let renewal = world.token(&granted).await;
    let client = world.access(&granted).client("hub", None).await.unwrap();
    let bytes = record.sealed.as_ref().unwrap().as_bytes();
    let sealed = String::from_utf8_lossy(bytes);
    let shown = [
        format!("{record:?} {} {sealed}", record.body),
        format!("{:?} {:?} {client:?}", world.vault, renewal),
        format!("{:?} {:?}", world.access(&granted), world.vault.kept),
    ];
    for text in shown {
        assert!(!text.contains("upstream-access"), "{text}");
        assert!(!text.contains("upstream-refresh"), "{text}");
    }
    // Sealed for its row: it does not open in another one.
    let other = Record::new(Key::upstream_tokens(&GrantId::new("x"), "hub"), world.now());
    let moved = other.with_sealed(record.sealed.clone().unwrap());
    let body = Vault::read_body(&record).unwrap();
    assert!(world.vault.open(&moved, &body).is_err());
}
