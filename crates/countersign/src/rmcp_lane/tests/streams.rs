//! What goes on which stream, and who may come back for it: E26, E27, TR-27.

use serde_json::json;

use super::{ALICE, Fixture, text};

#[tokio::test(start_paused = true)]
async fn e26_a_second_stream_is_a_conflict_and_the_first_is_undisturbed() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut first = alice.listen().send().await;
    assert_eq!(first.status(), 200);
    for _ in 0..3 {
        assert_eq!(alice.listen().send().await.status(), 409);
    }
    fixture.notifier.tools_changed();
    let message = first.next_message().await.unwrap();
    assert_eq!(message["method"], "notifications/tools/list_changed");
    drop(first);
    assert_eq!(alice.listen().send().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e27_tr_27_forged_event_ids_replay_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut call = alice
        .send("tools/call", json!({ "name": "talk", "arguments": {} }))
        .await;
    let seen = call.next_event().await.unwrap().id.unwrap();
    drop(call);
    let bob = fixture.session("https:as/bob/app/read/").await;
    let huge = format!("{0}.{0}", u64::MAX);
    let wide = "9".repeat(4_000);
    for forged in [
        seen.as_str(),
        "-1.0",
        "1.-1",
        "+1.+0",
        "1.9",
        "7.0",
        &huge,
        &wide,
        "",
        ".",
        "1",
        "1.1.1",
        "\u{a0}",
    ] {
        let mut answer = bob.listen().header("last-event-id", forged).send().await;
        assert_eq!(answer.status(), 200, "{forged:?}");
        // It is the fresh stream of bob: the next thing on it is his.
        fixture.notifier.prompts_changed();
        let message = answer.next_message().await.unwrap();
        assert_eq!(
            message["method"], "notifications/prompts/list_changed",
            "{forged:?}"
        );
    }
    let stolen = bob.listen().header("last-event-id", &seen);
    let stolen = stolen.header("mcp-session-id", alice.session().unwrap());
    assert_eq!(stolen.send().await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn tr_27_a_lost_stream_is_resumed_after_its_last_event_and_nothing_else_is() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let call = |name: &str| alice.mcp("tools/call", json!({ "name": name, "arguments": {} }));
    let other = tokio::spawn(call("talk").send());
    let mut lost = call("wait").send().await;
    let priming = lost.next_event().await.unwrap();
    assert_eq!(priming.data, "");
    drop(lost);
    fixture.go.notify_one();
    other.await.unwrap().messages().await;
    let resume = alice
        .listen()
        .header("last-event-id", priming.id.as_deref().unwrap());
    let messages = resume.send().await.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0]["params"]["data"], "going");
    assert_eq!(text(&messages[1]["result"]), "waited");
}

#[tokio::test(start_paused = true)]
async fn event_ids_are_unique_in_a_session() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        let mut call = alice
            .send("tools/call", json!({ "name": "talk", "arguments": {} }))
            .await;
        while let Some(event) = call.next_event().await {
            assert!(ids.insert(event.id.unwrap()));
        }
    }
    // The event that says how to come back, the message, the answer.
    assert_eq!(ids.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_by_saying_how_to_come_back() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    for name in ["talk", "wait"] {
        fixture.go.notify_one();
        let call = alice.send("tools/call", json!({ "name": name, "arguments": {} }));
        let first = call.await.next_event().await.unwrap();
        assert_eq!(first.data, "");
        assert!(first.id.unwrap().ends_with(".0"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_call_answers_in_json_and_a_talking_one_as_a_stream() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let quiet = alice
        .send("tools/call", json!({ "name": "whoami", "arguments": {} }))
        .await;
    assert_eq!(quiet.header("content-type"), Some("application/json"));
    assert_eq!(quiet.header("cache-control"), Some("no-store"));
    let mut common = alice.listen().send().await;
    let mut talking = alice
        .send("tools/call", json!({ "name": "talk", "arguments": {} }))
        .await;
    let messages = talking.messages().await;
    assert_eq!(messages[0]["method"], "notifications/message");
    assert_eq!(text(&messages[1]["result"]), "talked");
    // No message goes on two streams.
    fixture.notifier.tools_changed();
    let message = common.next_message().await.unwrap();
    assert_eq!(message["method"], "notifications/tools/list_changed");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_dropped_and_gets_no_answer() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    let call = alice.with_body(&json!({ "jsonrpc": "2.0", "id": 77, "method": "tools/call",
        "params": { "name": "wait", "arguments": {} } }));
    let call = tokio::spawn(call.send());
    fixture.began.notified().await;
    alice
        .notify("notifications/cancelled", json!({ "requestId": 77 }))
        .await;
    fixture.dropped.notified().await;
    assert!(call.await.unwrap().messages().await.is_empty());
    let again = alice.with_body(&json!({ "jsonrpc": "2.0", "id": 77, "method": "ping" }));
    assert_eq!(again.send().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive_with_comments() {
    let fixture = Fixture::new();
    let alice = fixture.session("https:as/alice/app/read/1000061").await;
    let mut stream = alice.listen().send().await;
    assert!(stream.messages().await.is_empty());
    assert_eq!(stream.comments().len(), 4);
}
