//! Refreshing: rows C25 to C33 and C35 of the attack corpus.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use crate::codes::join_all;
use crate::fixture::*;

#[tokio::test]
async fn as_30_c26_a_refresh_token_used_twice_revokes_the_grant() {
    let world = world().await;
    let (first_access, first) = world.tokens().await;
    let (access, second) = tokens_of(&world.refresh(&first, &[]).await);
    world.clock.advance(Lifetime::from_secs(10));
    world.refresh(&first, &[]).await.assert_tok("invalid_grant");
    assert!(world.saw("replay_detected"));
    world
        .refresh(&second, &[])
        .await
        .assert_tok("invalid_grant");
    assert!(!world.is_active(&access).await && !world.is_active(&first_access).await);
}

#[tokio::test]
async fn within_the_grace_window_the_same_successor_comes_back() {
    let world = world().await;
    let (_, first) = world.tokens().await;
    let winner = tokens_of(&world.refresh(&first, &[]).await);
    world.clock.advance(Lifetime::from_secs(9));
    assert_eq!(tokens_of(&world.refresh(&first, &[]).await), winner);
    tokens_of(&world.refresh(&winner.1, &[]).await);
    assert!(!world.saw("replay_detected"));
}

#[tokio::test]
async fn as_30_c25_c27_of_sixty_four_parallel_refreshes_one_has_a_successor() {
    let world = world().await;
    let (_, first) = world.tokens().await;
    let all = (0..64).map(|_| world.refresh(&first, &[]));
    let seen = join_all(all).await;
    let mut successors: Vec<_> = seen.iter().map(tokens_of).collect();
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    tokens_of(&world.refresh(&successors[0].1, &[]).await);
}

#[tokio::test]
async fn as_31_c29_a_refresh_token_of_another_client_is_refused_and_kept() {
    let world = world().await;
    let (_, token) = world.tokens().await;
    for other in [
        vec![("client_id", "C2")],
        vec![("client_id", "C3"), ("client_secret", SECRET)],
    ] {
        world
            .refresh(&token, &other)
            .await
            .assert_tok("invalid_grant");
    }
    let (_, next) = tokens_of(&world.refresh(&token, &[]).await);
    // Nor does another client get the kept answer, or revoke the family.
    let other = [("client_id", "C2")];
    world
        .refresh(&token, &other)
        .await
        .assert_tok("invalid_grant");
    world.clock.advance(Lifetime::from_secs(60));
    world
        .refresh(&token, &other)
        .await
        .assert_tok("invalid_grant");
    tokens_of(&world.refresh(&next, &[]).await);
}

#[tokio::test]
async fn as_31_c30_scopes_shrink_for_one_token_and_never_grow() {
    let world = world().await;
    let seen = world.authorize(&[("scope", "read")]).await;
    let code = seen.redirect()["code"].clone();
    let (_, token) = tokens_of(&world.redeem(&code, &[]).await);
    for wider in ["read write", "write", "unknown", "read  write"] {
        let seen = world.refresh(&token, &[("scope", wider)]).await;
        seen.assert_tok("invalid_scope");
    }
    tokens_of(&world.refresh(&token, &[]).await);
    let (_, token) = world.tokens().await;
    let narrow = world.refresh(&token, &[("scope", "read")]).await;
    assert_eq!(narrow.json()["scope"], "read");
    let (_, token) = tokens_of(&narrow);
    let seen = world.refresh(&token, &[("scope", "read write")]).await;
    assert_eq!(seen.json()["scope"], "read write");
}

#[tokio::test]
async fn as_31_c31_another_resource_is_refused_and_the_token_is_kept() {
    let world = world().await;
    let (_, token) = world.tokens().await;
    for other in [
        vec![("resource", "https://rs.test/mcp2")],
        vec![("resource", RESOURCE), ("resource", "https://rs.test/mcp2")],
    ] {
        world
            .refresh(&token, &other)
            .await
            .assert_tok("invalid_target");
    }
    tokens_of(&world.refresh(&token, &[("resource", RESOURCE)]).await);
}

#[tokio::test]
async fn c32_a_refresh_token_of_a_disabled_account_is_refused() {
    let world = world().await;
    let (_, token) = world.tokens().await;
    *world.person.enabled.lock().unwrap() = false;
    world.refresh(&token, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c32_a_disabled_account_gets_no_successor_again_within_the_grace_window() {
    let world = world().await;
    let (_, first) = world.tokens().await;
    let winner = tokens_of(&world.refresh(&first, &[]).await);
    *world.person.enabled.lock().unwrap() = false;
    world.clock.advance(Lifetime::from_secs(5));
    for token in [&first, &winner.1] {
        world.refresh(token, &[]).await.assert_tok("invalid_grant");
    }
    // Asking costs nothing: it is no replay, and nothing was used up.
    assert!(!world.saw("replay_detected"));
    *world.person.enabled.lock().unwrap() = true;
    assert_eq!(tokens_of(&world.refresh(&first, &[]).await), winner);
    tokens_of(&world.refresh(&winner.1, &[]).await);
}

#[tokio::test]
async fn as_31_c33_a_refresh_token_ends_when_it_is_idle_or_its_grant_is_old() {
    let world = world().await;
    let (_, token) = world.tokens().await;
    world.clock.advance(Lifetime::from_hours(30 * 24));
    world.refresh(&token, &[]).await.assert_tok("invalid_grant");
    // Used again and again, the grant ends all the same.
    let (_, mut token) = world.tokens().await;
    for _ in 0..12 {
        world.clock.advance(Lifetime::from_hours(29 * 24));
        token = tokens_of(&world.refresh(&token, &[]).await).1;
    }
    world.clock.advance(Lifetime::from_hours(18 * 24));
    world.refresh(&token, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c35_a_token_is_not_of_another_kind() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    world
        .refresh(&access, &[])
        .await
        .assert_tok("invalid_grant");
    assert!(!world.is_active(&refresh).await);
    world
        .redeem(&refresh, &[])
        .await
        .assert_tok("invalid_grant");
    for junk in ["", "x", "a.b.c", "\0"] {
        let seen = world.refresh(junk, &[]).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    tokens_of(&world.refresh(&refresh, &[]).await);
}
