//! Which scopes are asked for, and how often.

use countersign_oauth_client::Next;
use countersign_oauth_client::oauth::Lifetime;
use serde_json::json;

use crate::world::*;

fn scope(scene: &Scene) -> Option<String> {
    parameter(scene.person.seen().last().unwrap(), "scope")
}

fn insufficient(scope: &str) -> String {
    format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
}

#[tokio::test]
async fn i11_cl_29_endless_challenges_ask_the_person_three_times_at_most() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    let mut rounds = 0;
    for attempt in 0..10 {
        let challenge = insufficient(&format!("scope-{attempt}"));
        match refuse(&oauth, 403, &challenge, attempt).await.unwrap() {
            Next::Again => rounds += 1,
            _ => break,
        }
    }
    assert_eq!(rounds, 3);
    assert_eq!(scene.person.seen().len(), 1 + 3);
    // Another operation has its own rounds; and later this one has some again.
    let challenge = insufficient("other");
    let next = refuse_operation(&oauth, "tools/call y", 403, &challenge, 0).await;
    assert_eq!(next.unwrap(), Next::Again);
    let next = refuse(&oauth, 403, &insufficient("late"), 0).await;
    assert_eq!(next.unwrap(), Next::GiveUp);
    scene.clock.advance(Lifetime::from_mins(10));
    let next = refuse(&oauth, 403, &insufficient("late"), 0).await;
    assert_eq!(next.unwrap(), Next::Again);
}

#[tokio::test]
async fn i11_cl_29_endless_refusals_of_every_token_ask_three_times_at_most() {
    let scene = Scene::new();
    let oauth = scene.client();
    let mut rounds = 0;
    for attempt in 0..20 {
        match refuse(&oauth, 401, r#"Bearer error="invalid_token""#, attempt).await {
            Ok(Next::Again) => rounds += 1,
            _ => break,
        }
    }
    assert_eq!(scene.person.seen().len(), 3);
    assert!(rounds <= 4, "{rounds}");
}

#[tokio::test]
async fn i11_the_same_challenge_after_it_was_met_is_the_answer() {
    let scene = Scene::new();
    let oauth = scene.client();
    refuse(&oauth, 401, r#"Bearer scope="admin""#, 0)
        .await
        .unwrap();
    let next = refuse(&oauth, 403, &insufficient("admin"), 1)
        .await
        .unwrap();
    assert_eq!(next, Next::GiveUp);
    assert_eq!(scene.person.seen().len(), 1);
}

#[tokio::test]
async fn a_403_that_is_about_something_else_is_the_answer() {
    for challenge in [
        "",
        "Bearer",
        r#"Bearer error="invalid_token""#,
        r#"Bearer scope="a""#,
    ] {
        let scene = Scene::new();
        let oauth = scene.client();
        oauth.login().await.unwrap();
        let next = refuse(&oauth, 403, challenge, 0).await.unwrap();
        assert_eq!(next, Next::GiveUp, "{challenge}");
    }
}

#[tokio::test]
async fn cl_25_cl_26_the_scopes_of_the_challenge_come_before_those_of_the_metadata() {
    for (challenge, supported, asked) in [
        (r#"Bearer scope="b a""#, json!(["x"]), Some("a b")),
        ("Bearer", json!(["y", "x"]), Some("x y")),
        ("Bearer", json!(null), None),
        ("Bearer", json!([]), None),
    ] {
        let scene = Scene::new();
        let change = json!({ "scopes_supported": supported });
        scene.world.amend(RESOURCE_METADATA, &change);
        refuse(&scene.client(), 401, challenge, 0).await.unwrap();
        assert_eq!(scope(&scene).as_deref(), asked, "{challenge}");
    }
}

#[tokio::test]
async fn cl_26_the_challenge_may_name_scopes_that_the_metadata_does_not() {
    let scene = Scene::new();
    let change = json!({ "scopes_supported": ["read"] });
    scene.world.amend(RESOURCE_METADATA, &change);
    let oauth = scene.client();
    oauth.login().await.unwrap();
    refuse(&oauth, 403, &insufficient("hidden:write"), 0)
        .await
        .unwrap();
    assert_eq!(scope(&scene).as_deref(), Some("hidden:write read"));
}

#[tokio::test]
async fn cl_27_cl_28_a_step_up_asks_for_what_was_granted_and_what_is_needed() {
    let scene = Scene::new();
    scene.world.play(TOKEN, |asked| {
        // The person granted less than was asked for.
        let code = asked.field("code").is_some();
        Reply::json(&json!({
            "access_token": if code { "got" } else { "refreshed" },
            "token_type": "Bearer",
            "scope": "granted",
        }))
    });
    let oauth = scene.client();
    refuse(&oauth, 401, r#"Bearer scope="granted refused""#, 0)
        .await
        .unwrap();
    let next = refuse_operation(&oauth, "tools/call w", 403, &insufficient("write"), 0).await;
    assert_eq!(next.unwrap(), Next::Again);
    assert_eq!(scope(&scene).as_deref(), Some("granted write"));
}

#[tokio::test]
async fn scopes_of_the_settings_are_asked_for_in_any_case() {
    let scene = Scene::new();
    let change = json!({ "scopes_supported": ["all"] });
    scene.world.amend(RESOURCE_METADATA, &change);
    let oauth = scene.builder().scopes(["mine"]).build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(scope(&scene).as_deref(), Some("mine"));
    refuse(&oauth, 403, &insufficient("theirs"), 0)
        .await
        .unwrap();
    assert_eq!(scope(&scene).as_deref(), Some("mine theirs"));
}

#[tokio::test]
async fn cl_32_offline_access_is_asked_for_only_where_the_server_lists_it() {
    for (listed, asked) in [
        (
            json!(["read", "offline_access"]),
            Some("offline_access read"),
        ),
        (json!(["read"]), Some("read")),
        (json!(null), Some("read")),
    ] {
        let scene = Scene::new();
        let change = json!({ "scopes_supported": listed });
        scene.world.amend(SERVER_METADATA, &change);
        refuse(&scene.client(), 401, r#"Bearer scope="read""#, 0)
            .await
            .unwrap();
        assert_eq!(scope(&scene).as_deref(), asked);
    }
}

#[tokio::test]
async fn many_refused_requests_ask_the_person_once() {
    let scene = Scene::new();
    let oauth = scene.client();
    let requests = (0..20).map(|number| {
        let oauth = oauth.clone();
        tokio::spawn(async move {
            let operation = format!("tools/call {number}");
            refuse_operation(&oauth, &operation, 401, "Bearer", 0).await
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap().unwrap(), Next::Again);
    }
    assert_eq!(scene.person.seen().len(), 1);
}
