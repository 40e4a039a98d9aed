//! Redeeming codes: rows C1 to C11 and C35 to C37 of the attack corpus.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Kind;
use http::StatusCode;
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn as_18_c2_a_code_used_twice_revokes_what_it_was_exchanged_for() {
    for pause in [0, 1, 30] {
        let world = world().await;
        let code = world.code("C1").await;
        let (access, refresh) = tokens_of(&world.redeem(&code, &[]).await);
        assert!(world.is_active(&access).await);
        world.clock.advance(Lifetime::from_secs(pause));
        world.redeem(&code, &[]).await.assert_tok("invalid_grant");
        assert!(!world.is_active(&access).await, "after {pause} s");
        world
            .refresh(&refresh, &[])
            .await
            .assert_tok("invalid_grant");
        assert!(world.saw("replay_detected"));
    }
}

#[tokio::test]
async fn as_18_a_replay_without_the_proof_revokes_nothing() {
    let world = world().await;
    let code = world.code("C1").await;
    let (access, refresh) = tokens_of(&world.redeem(&code, &[]).await);
    let other = "a".repeat(43);
    for changes in [
        vec![("code_verifier", other.as_str())],
        vec![("code_verifier", "")],
        vec![("client_id", "C2")],
        vec![("redirect_uri", "https://good.example/other")],
        vec![("client_id", "C3"), ("client_secret", SECRET)],
    ] {
        world
            .redeem(&code, &changes)
            .await
            .assert_tok("invalid_grant");
        assert!(world.is_active(&access).await, "{changes:?}");
    }
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[tokio::test]
async fn as_18_c3_a_code_lives_for_sixty_seconds() {
    let world = world().await;
    let (late, good) = (world.code("C1").await, world.code("C1").await);
    world.clock.advance(Lifetime::from_secs(59));
    tokens_of(&world.redeem(&good, &[]).await);
    world.clock.advance(Lifetime::from_secs(1));
    world.redeem(&late, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c4_c5_the_code_of_another_client_is_refused_and_its_owner_keeps_it() {
    let world = world().await;
    let code = world.code("C1").await;
    let other = [("client_id", "C3"), ("client_secret", SECRET)];
    world
        .redeem(&code, &other)
        .await
        .assert_tok("invalid_grant");
    tokens_of(&world.redeem(&code, &[]).await);
    let code = world.code("C1").await;
    world.clock.advance(Lifetime::from_secs(61));
    world
        .redeem(&code, &other)
        .await
        .assert_tok("invalid_grant");
}

#[tokio::test]
async fn c6_c7_c8_a_wrong_address_or_proof_is_refused_and_the_code_is_kept() {
    let world = world().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for (changes, error) in [
        ([("redirect_uri", "")], "invalid_grant"),
        (
            [("redirect_uri", "https://good.example/cb/")],
            "invalid_grant",
        ),
        ([("code_verifier", "")], "invalid_grant"),
        ([("code_verifier", challenge)], "invalid_grant"),
        ([("code_verifier", &VERIFIER[..42])], "invalid_request"),
        (
            [(
                "code_verifier",
                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX+",
            )],
            "invalid_request",
        ),
    ] {
        let code = world.code("C1").await;
        world.redeem(&code, &changes).await.assert_tok(error);
        tokens_of(&world.redeem(&code, &[]).await);
    }
}

#[tokio::test]
async fn a_code_survives_two_failures_and_not_three() {
    let world = world().await;
    let wrong = [("code_verifier", "")];
    let code = world.code("C1").await;
    for _ in 0..2 {
        world
            .redeem(&code, &wrong)
            .await
            .assert_tok("invalid_grant");
    }
    tokens_of(&world.redeem(&code, &[]).await);
    let code = world.code("C1").await;
    for _ in 0..3 {
        world
            .redeem(&code, &wrong)
            .await
            .assert_tok("invalid_grant");
    }
    assert!(world.saw("code_withdrawn"));
    world.redeem(&code, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c10_of_sixty_four_parallel_redemptions_one_wins() {
    let world = world().await;
    let code = world.code("C1").await;
    let all = (0..64).map(|_| world.redeem(&code, &[]));
    let seen = join_all(all).await;
    let won = seen
        .iter()
        .filter(|seen| seen.status == StatusCode::OK)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn as_24_as_28_c1_tokens_state_scope_and_resource_and_are_not_stored() {
    let world = world().await;
    let code = world.code("C1").await;
    let seen = world.redeem(&code, &[]).await;
    let answer = seen.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "read write");
    assert_eq!(answer["resource"], RESOURCE);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("pragma"), Some("no-cache"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn as_27_c36_c37_another_resource_is_refused_and_a_wider_scope_is_not_granted() {
    let world = world().await;
    let code = world.code("C1").await;
    for other in ["https://rs.test/mcp2", "https://evil.example", "junk"] {
        let seen = world.redeem(&code, &[("resource", other)]).await;
        seen.assert_tok("invalid_target");
    }
    let more = [("resource", RESOURCE), ("scope", "read write admin")];
    let seen = world.redeem(&code, &more).await;
    assert_eq!(seen.json()["scope"], "read write");
}

#[tokio::test]
async fn c32_a_code_of_a_disabled_account_is_refused() {
    let world = world().await;
    let code = world.code("C1").await;
    *world.person.enabled.lock().unwrap() = false;
    world.redeem(&code, &[]).await.assert_tok("invalid_grant");
    assert_eq!(world.count(Kind::AccessToken).await, 0);
}

#[tokio::test]
async fn as_35_h9_no_code_or_token_is_in_the_store_or_the_events() {
    let world = world().await;
    let code = world.code("C1").await;
    let (access, refresh) = tokens_of(&world.redeem(&code, &[]).await);
    let events = world.events.0.lock().unwrap().join("\n");
    for secret in [&code, &access, &refresh] {
        assert!(secret.len() >= 43, "{secret}");
        assert!(!events.contains(secret.as_str()));
    }
    for kind in Kind::ALL {
        let listed = {
            use countersign_authorization_server::store::{Index, Page, Store as _};
            let page = Page::first(100).with_spent();
            world
                .store
                .list(&Index::Kind(*kind), page, world.clock.now())
                .await
                .unwrap()
        };
        for record in listed.records {
            let text = format!("{}{}", record.key.id(), record.body);
            for secret in [&code, &access, &refresh] {
                assert!(!text.contains(secret.as_str()), "{kind}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    use countersign_authorization_server::oauth::RedirectUri;
    use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
    use countersign_authorization_server::oauth::grant_type::GrantType;
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.grant_types = vec![GrantType::AuthorizationCode];
    world.add("C9", facts(metadata)).await;
    let code = world.code("C9").await;
    let seen = world.redeem(&code, &[("client_id", "C9")]).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.json().get("refresh_token"), None);
    assert_eq!(seen.json()["error"], json!(null));
}

/// All futures at once, in one task.
pub(crate) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running
        .into_iter()
        .map(|(_, output)| output.unwrap())
        .collect()
}
