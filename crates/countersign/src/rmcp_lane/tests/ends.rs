//! How sessions and streams end: E25, E28, E30, TR-26.

use countersign_resource_server::AccessToken;
use http_body_util::BodyExt;
use serde_json::json;

use super::{ALICE, Fixture, MINUTE, settle};

#[tokio::test(start_paused = true)]
async fn e25_tr_26_an_idle_session_ends_after_half_an_hour() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    tokio::time::advance(29 * MINUTE).await;
    settle().await;
    assert_eq!(alice.send("tools/list", json!({})).await.status(), 200);
    tokio::time::advance(29 * MINUTE).await;
    settle().await;
    assert_eq!(alice.send("ping", json!({})).await.status(), 200);
    tokio::time::advance(31 * MINUTE).await;
    settle().await;
    assert_eq!(alice.send("tools/list", json!({})).await.status(), 404);
    assert_eq!(fixture.lane.open_sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_an_open_stream_is_not_idle() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let stream = alice.listen().send().await;
    for _ in 0..4 {
        tokio::time::advance(29 * MINUTE).await;
        settle().await;
    }
    assert_eq!(fixture.lane.open_sessions(), 1);
    drop(stream);
    tokio::time::advance(31 * MINUTE).await;
    settle().await;
    tokio::time::advance(31 * MINUTE).await;
    settle().await;
    assert_eq!(fixture.lane.open_sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn e25_tr_26_after_delete_a_session_is_gone_with_its_streams_and_calls() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut stream = alice.listen().send().await;
    let call = alice.mcp("tools/call", json!({ "name": "wait", "arguments": {} }));
    let call = tokio::spawn(call.send());
    fixture.began.notified().await;
    assert_eq!(alice.delete().send().await.status(), 204);
    fixture.dropped.notified().await;
    assert_eq!(stream.messages().await, Vec::<serde_json::Value>::new());
    call.await.unwrap();
    for request in [alice.mcp("ping", json!({})), alice.listen(), alice.delete()] {
        assert_eq!(request.send().await.status(), 404);
    }
    assert_eq!(fixture.lane.open_sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn e25_e28_revoking_a_principal_ends_its_sessions_and_streams_at_once() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let other = fixture.session("https:as/alice/other/read/").await;
    let bob = fixture.session("https:as/bob/app/read/").await;
    let mut stream = alice.listen().send().await;
    let owner = super::caller(alice.delete().build().headers());
    let principal = owner.access_token().map(AccessToken::principal).unwrap();
    assert_eq!(fixture.lane.end_sessions_of(principal), 1);
    assert!(stream.messages().await.is_empty());
    assert_eq!(alice.send("ping", json!({})).await.status(), 404);
    assert_eq!(other.send("ping", json!({})).await.status(), 200);
    assert_eq!(fixture.lane.end_sessions_of_subject("https:as", "alice"), 1);
    assert_eq!(other.send("ping", json!({})).await.status(), 404);
    assert_eq!(bob.send("ping", json!({})).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e28_a_stream_ends_when_the_token_that_opened_it_expires() {
    let fixture = Fixture::new();
    let alice = fixture.session("https:as/alice/app/read/1000300").await;
    let start = tokio::time::Instant::now();
    let mut stream = alice.listen().send().await;
    assert!(stream.messages().await.is_empty());
    assert_eq!(start.elapsed().as_secs(), 300);
    // The session itself goes on with a new token.
    let id = alice.session().unwrap();
    let refreshed = fixture
        .client("https:as/alice/app/read/1000900")
        .with_session(Some(id));
    assert_eq!(refreshed.send("ping", json!({})).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e28_the_stream_of_a_running_call_ends_with_the_token_too() {
    let fixture = Fixture::new();
    let alice = fixture.session("https:as/alice/app/read/1000300").await;
    let start = tokio::time::Instant::now();
    let call = json!({ "name": "wait", "arguments": {} });
    let mut answer = alice.send("tools/call", call).await;
    assert!(answer.is_event_stream());
    assert!(answer.messages().await.is_empty());
    // It opened after the patience of ten seconds; the clock of the test stood still.
    assert_eq!(start.elapsed().as_secs(), 310);
}

#[tokio::test(start_paused = true)]
async fn e28_a_stream_without_a_session_ends_with_the_token() {
    let fixture = Fixture::new();
    let listen = super::subscriptions::listen("https:as/alice/app/read/1000300", &fixture);
    let start = tokio::time::Instant::now();
    let mut stream = listen.send().await;
    assert!(stream.is_event_stream(), "{stream:?}");
    assert_eq!(stream.messages().await.len(), 1);
    assert_eq!(start.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn e30_refused_initializes_leave_no_session() {
    let fixture = Fixture::new();
    let client = fixture.client(ALICE);
    for body in [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize" }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": [] }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params":
            { "protocolVersion": 7, "capabilities": {}, "clientInfo": {} } }),
        json!({ "jsonrpc": "2.0", "id": 1.5, "method": "initialize", "params": {} }),
        json!({ "jsonrpc": "2.0", "method": "initialize", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }),
        json!([]),
    ] {
        for _ in 0..1_250 {
            let answer = client.with_body(&body).send().await;
            assert_eq!(answer.status(), 400, "{body}");
            assert_eq!(answer.header("mcp-session-id"), None);
        }
        assert_eq!(fixture.lane.open_sessions(), 0);
    }
    // All places are free again.
    for _ in 0..100 {
        fixture.session(ALICE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn e30_a_client_that_leaves_during_initialize_leaves_no_session() {
    let fixture = Fixture::new();
    for _ in 0..200 {
        let request = fixture.client(ALICE).mcp(
            "initialize",
            json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "x", "version": "0" },
            }),
        );
        let (parts, body) = request.build().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let who = super::caller(&parts.headers);
        let mut handling = Box::pin(fixture.lane.handle(&who, parts, body));
        assert!(futures_util::poll!(&mut handling).is_pending());
        drop(handling);
        settle().await;
    }
    assert_eq!(fixture.lane.open_sessions(), 0);
    fixture.session(ALICE).await;
}

#[tokio::test(start_paused = true)]
async fn shutting_down_ends_everything() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut stream = alice.listen().send().await;
    fixture.lane.shut_down();
    assert!(stream.messages().await.is_empty());
    assert_eq!(alice.send("ping", json!({})).await.status(), 404);
}
