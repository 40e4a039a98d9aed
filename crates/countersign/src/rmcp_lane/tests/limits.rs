//! How much a caller may have: E15, E31.

use serde_json::json;
use testkit::LegacyClient;

use super::{ALICE, Fixture, SessionLimits, SessionMode, settle, text};

fn initialize(client: &LegacyClient) -> testkit::client::http::RequestBuilder {
    client.mcp(
        "initialize",
        json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "x", "version": "0" },
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn e31_one_principal_reaches_its_cap_and_leaves_the_others_room() {
    let limits = SessionLimits {
        per_caller: 3,
        total: 5,
        ..Default::default()
    };
    let fixture = Fixture::with(limits, SessionMode::Offered);
    let mut hers = Vec::new();
    for _ in 0..3 {
        hers.push(fixture.session(ALICE).await);
    }
    let refused = initialize(&fixture.client(ALICE)).send().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(refused.header("mcp-session-id"), None);
    fixture.session("https:as/bob/app/read/").await;
    fixture.session("https:as/carol/app/read/").await;
    let refused = initialize(&fixture.client("https:as/dave/app/read/"))
        .send()
        .await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.header("retry-after"), Some("30"));
    // What was there goes on, and an ended session makes room.
    assert_eq!(text(&hers[0].call("whoami", json!({})).await), "alice read");
    hers[1].delete().send().await;
    settle().await;
    fixture.session(ALICE).await;
}

#[tokio::test(start_paused = true)]
async fn e31_streams_without_a_session_count_too() {
    let limits = SessionLimits {
        per_caller: 2,
        ..Default::default()
    };
    let fixture = Fixture::with(limits, SessionMode::Stateless);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let stream = super::subscriptions::listen(ALICE, &fixture).send().await;
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let refused = super::subscriptions::listen(ALICE, &fixture).send().await;
    assert_eq!(refused.status(), 429);
    streams.pop();
    let again = super::subscriptions::listen(ALICE, &fixture).send().await;
    assert_eq!(again.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e15_equal_ids_of_two_clients_reach_their_own_askers() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let bob = fixture.session("https:as/bob/app/read/").await;
    for round in 0..1_000 {
        let body = json!({ "jsonrpc": "2.0", "id": round, "method": "tools/call",
            "params": { "name": "whoami", "arguments": {} } });
        let (mut one, mut two) =
            tokio::join!(alice.with_body(&body).send(), bob.with_body(&body).send());
        let (one, two) = (one.response().await, two.response().await);
        assert_eq!(
            (&one["id"], text(&one["result"])),
            (&json!(round), "alice read")
        );
        assert_eq!(
            (&two["id"], text(&two["result"])),
            (&json!(round), "bob read")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn e15_an_id_in_flight_is_not_taken_again_and_the_first_call_is_undisturbed() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let call = |name: &str| {
        alice.with_body(
            &json!({ "jsonrpc": "2.0", "id": "same", "method": "tools/call",
            "params": { "name": name, "arguments": {} } }),
        )
    };
    let first = tokio::spawn(call("wait").send());
    fixture.began.notified().await;
    let mut second = call("whoami").send().await;
    assert_eq!(second.status(), 400);
    let second = second.json().await;
    assert_eq!(
        (&second["error"]["code"], &second["id"]),
        (&json!(-32600), &json!("same"))
    );
    fixture.go.notify_one();
    let first = first.await.unwrap().response().await;
    assert_eq!(text(&first["result"]), "waited");
    assert_eq!(call("whoami").send().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e15_ids_that_are_no_ids_are_refused_and_big_ones_are_not_rounded() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    for id in [json!(1.5), json!(1e30), json!({}), json!([]), json!(true)] {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let mut answer = alice.with_body(&body).send().await;
        assert_eq!(answer.status(), 400, "{id}");
        assert_eq!(answer.json().await["error"]["code"], -32600);
    }
    for id in [
        json!(9_007_199_254_740_993_i64),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(""),
    ] {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
        let answer = alice.with_body(&body).send().await.response().await;
        assert_eq!(answer["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_a_bounded_number_of_calls() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut calls = Vec::new();
    for _ in 0..256 {
        let call = alice.mcp("tools/call", json!({ "name": "wait", "arguments": {} }));
        calls.push(tokio::spawn(call.send()));
        settle().await;
    }
    let refused = alice.send("ping", json!({})).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    for call in calls {
        call.abort();
    }
}
