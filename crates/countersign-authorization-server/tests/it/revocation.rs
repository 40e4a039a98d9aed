//! Revocation and introspection: rows C28, C38 and C39 of the attack corpus.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use crate::codes::join_all;
use crate::fixture::*;

#[tokio::test]
async fn as_42_c38_a_token_of_another_client_is_not_revoked() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    for token in [&access, &refresh] {
        for other in [
            vec![("token", token.as_str()), ("client_id", "C2")],
            vec![
                ("token", token),
                ("client_id", "C3"),
                ("client_secret", SECRET),
            ],
        ] {
            world
                .post("/revoke", &other)
                .await
                .assert_tok("invalid_grant");
        }
    }
    assert!(world.is_active(&access).await);
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[tokio::test]
async fn as_42_c38_a_revocation_without_a_client_is_refused() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    for parameters in [
        vec![("token", access.as_str())],
        vec![("token", &access), ("client_id", "unknown")],
        vec![("token", &access), ("client_id", "C3")],
        vec![
            ("token", &access),
            ("client_id", "C3"),
            ("client_secret", "wrong"),
        ],
    ] {
        world
            .post("/revoke", &parameters)
            .await
            .assert_tok("invalid_client");
    }
    world
        .post("/revoke", &[("client_id", "C1")])
        .await
        .assert_tok("invalid_request");
    assert_eq!(
        world.get("/revoke").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert!(world.is_active(&access).await);
}

#[tokio::test]
async fn as_42_revoking_a_refresh_token_ends_everything_of_its_grant() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let (other_access, other_refresh) = world.tokens().await;
    for hint in ["refresh_token", "access_token", "junk"] {
        let parameters = [
            ("token", refresh.as_str()),
            ("client_id", "C1"),
            ("token_type_hint", hint),
        ];
        assert_eq!(
            world.post("/revoke", &parameters).await.status,
            StatusCode::OK
        );
    }
    assert!(!world.is_active(&access).await);
    world
        .refresh(&refresh, &[])
        .await
        .assert_tok("invalid_grant");
    // And nothing of another grant.
    assert!(world.is_active(&other_access).await);
    tokens_of(&world.refresh(&other_refresh, &[]).await);
}

#[tokio::test]
async fn as_42_revoking_an_access_token_ends_that_token() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let parameters = [("token", access.as_str()), ("client_id", "C1")];
    assert_eq!(
        world.post("/revoke", &parameters).await.status,
        StatusCode::OK
    );
    assert!(!world.is_active(&access).await);
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[tokio::test]
async fn as_42_c38_unknown_and_malformed_tokens_are_revoked_as_if_they_were_known() {
    let world = world().await;
    for token in ["unknown", "a.b.c", "\0", "\u{e9}", &"x".repeat(10_000)] {
        let seen = world
            .post("/revoke", &[("token", token), ("client_id", "C1")])
            .await;
        assert_eq!(
            (seen.status, seen.body.as_str()),
            (StatusCode::OK, ""),
            "{token}"
        );
    }
}

#[tokio::test]
async fn c28_after_a_revocation_no_descendant_is_valid() {
    let world = world().await;
    for _ in 0..20 {
        let (_, refresh) = world.tokens().await;
        let parameters = [("token", refresh.as_str()), ("client_id", "C1")];
        let refreshes = (0..4).map(|_| world.refresh(&refresh, &[]));
        let (seen, revoked) = {
            let all = join_all(refreshes);
            let revoke = world.post("/revoke", &parameters);
            tokio::join!(all, revoke)
        };
        assert_eq!(revoked.status, StatusCode::OK);
        for seen in seen.iter().filter(|seen| seen.status == StatusCode::OK) {
            let (access, next) = tokens_of(seen);
            assert!(!world.is_active(&access).await);
            world.refresh(&next, &[]).await.assert_tok("invalid_grant");
        }
    }
}

#[tokio::test]
async fn as_43_c39_introspection_needs_a_client_that_proves_who_it_is() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    for parameters in [
        vec![("token", access.as_str())],
        vec![("token", &access), ("client_id", "C1")],
        vec![
            ("token", &access),
            ("client_id", "C3"),
            ("client_secret", "wrong"),
        ],
    ] {
        world
            .post("/introspect", &parameters)
            .await
            .assert_tok("invalid_client");
    }
}

#[tokio::test]
async fn as_43_c39_nothing_is_said_about_tokens_that_are_not_active_or_not_for_the_caller() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    // C3 serves no resource.
    let parameters = [
        ("token", access.as_str()),
        ("client_id", "C3"),
        ("client_secret", SECRET),
    ];
    let foreign = world.post("/introspect", &parameters).await;
    assert_eq!(foreign.body, r#"{"active":false}"#);
    let authorization = basic("S", SECRET);
    let garbage = "x".repeat(60_000);
    for token in [
        refresh.as_str(),
        "garbage",
        "a.b.c",
        &garbage,
        &format!("{access}x"),
    ] {
        let seen = world
            .post_with("/introspect", Some(&authorization), &[("token", token)])
            .await;
        assert_eq!(
            (seen.status, seen.body.as_str()),
            (StatusCode::OK, r#"{"active":false}"#)
        );
    }
    assert!(world.is_active(&access).await);
    world.clock.advance(Lifetime::from_hours(1));
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn as_43_an_active_token_is_described_to_its_resource() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let authorization = basic("S", SECRET);
    let seen = world
        .post_with("/introspect", Some(&authorization), &[("token", &access)])
        .await;
    let answer = seen.json();
    for (name, value) in [
        ("sub", "alice"),
        ("client_id", "C1"),
        ("scope", "read write"),
        ("aud", RESOURCE),
        ("iss", ISSUER),
        ("token_type", "Bearer"),
    ] {
        assert_eq!(answer[name], value, "{name}");
    }
}
