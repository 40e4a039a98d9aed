//! Row F14: clocks that are wrong, go backwards or reach large numbers.

use std::sync::Arc;

use countersign_authorization_server::oauth::{Lifetime, UnixTime};

use crate::fixture::*;

/// 2038-01-19T03:14:07Z, the last second of signed 32 bits.
const END_OF_SIGNED: u64 = 2_147_483_647;
/// 2106-02-07T06:28:15Z, the last second of 32 bits.
const END_OF_UNSIGNED: u64 = 4_294_967_295;
/// 2016-12-31T23:59:59Z, before the last leap second: the clock shows the next one twice.
const LEAP_SECOND: u64 = 1_483_228_799;

/// All of a grant, at the time that the clock of `world` shows.
async fn live_through(world: &World) {
    let start = world.clock.now();
    let code = world.code("C1").await;
    let seen = world.redeem(&code, &[]).await;
    assert_eq!(seen.json()["expires_in"], 3_600, "{start:?}");
    let (access, refresh) = tokens_of(&seen);
    assert!(world.is_active(&access).await, "{start:?}");
    let (late, _) = (world.code("C1").await, world.code("C1").await);
    world.clock.advance(Lifetime::from_secs(60));
    world.redeem(&late, &[]).await.assert_tok("invalid_grant");
    let (renewed, _) = tokens_of(&world.refresh(&refresh, &[]).await);
    world.clock.advance(Lifetime::from_secs(3_539));
    assert!(world.is_active(&access).await, "{start:?}");
    world.clock.advance(Lifetime::from_secs(1));
    assert!(!world.is_active(&access).await, "{start:?}");
    assert!(world.is_active(&renewed).await, "{start:?}");
    world.redeem(&code, &[]).await.assert_tok("invalid_grant");
    assert!(!world.is_active(&renewed).await, "{start:?}");
}

#[tokio::test]
async fn f14_single_use_and_expiry_hold_at_every_time() {
    let now = world().await.clock.now().as_secs();
    for time in [
        now + 300,
        now - 300,
        LEAP_SECOND,
        END_OF_SIGNED - 30,
        END_OF_SIGNED + 1,
        END_OF_UNSIGNED - 30,
        END_OF_UNSIGNED + 1,
    ] {
        let world = world().await;
        world.clock.set(UnixTime::from_secs(time));
        live_through(&world).await;
    }
}

#[tokio::test]
async fn f14_what_was_used_or_revoked_stays_so_when_the_clock_goes_back() {
    for back in [300, 3_600] {
        let world = world().await;
        let start = world.clock.now().as_secs();
        let code = world.code("C1").await;
        let (access, refresh) = tokens_of(&world.redeem(&code, &[]).await);
        let (other, revoked) = world.tokens().await;
        let parameters = [("token", revoked.as_str()), ("client_id", "C1")];
        world.post("/revoke", &parameters).await;
        world.clock.set(UnixTime::from_secs(start - back));
        assert!(!world.is_active(&other).await);
        world
            .refresh(&revoked, &[])
            .await
            .assert_tok("invalid_grant");
        // What is issued now does not live longer because of it.
        let seen = world.refresh(&refresh, &[]).await;
        assert_eq!(seen.json()["expires_in"], 3_600);
        world.redeem(&code, &[]).await.assert_tok("invalid_grant");
        assert!(!world.is_active(&access).await);
    }
}

#[tokio::test]
async fn f14_nodes_with_different_clocks_use_a_code_once() {
    for ahead in [30, 300] {
        let one = world().await;
        let other = bare_world(one.store.clone(), settings(), |builder| builder);
        other.clock.advance(Lifetime::from_secs(ahead));
        let code = one.code("C1").await;
        let there = other.redeem(&code, &[]).await;
        let here = one.redeem(&code, &[]).await;
        // A clock that is ahead ends a code too early, never a second time too late.
        assert_eq!(there.status == 200, ahead < 60, "{there:?}");
        assert_eq!(here.status == 200, ahead >= 60, "{here:?}");
        assert!(Arc::strong_count(&one.store) > 1);
    }
}
