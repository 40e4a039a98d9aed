//! Calls through the lane: E16, E36, H1, H2.

use serde_json::json;
use testkit::CaptureLog;

use super::{ALICE, Fixture, SessionLimits, SessionMode, text};

#[tokio::test(start_paused = true)]
async fn e16_parameters_of_the_wrong_type_are_invalid_params() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    for (method, params) in [
        ("tools/call", json!({ "name": 7 })),
        (
            "tools/call",
            json!({ "name": "whoami", "arguments": "text" }),
        ),
        (
            "tools/call",
            json!({ "name": "who\r\nami\u{0}", "arguments": {} }),
        ),
        (
            "tools/call",
            json!({ "name": "x".repeat(1 << 20), "arguments": {} }),
        ),
        ("prompts/get", json!({})),
        ("resources/read", json!({ "uri": null })),
        ("logging/setLevel", json!({ "level": "loud" })),
    ] {
        let mut answer = alice.send(method, params).await;
        let answer = answer.response().await;
        assert_eq!(answer["error"]["code"], -32602, "{method} {answer}");
        assert!(answer.to_string().len() < 300, "it repeats what was sent");
    }
    let params = json!({ "uri": "no://where" });
    let answer = alice
        .send("resources/subscribe", params)
        .await
        .response()
        .await;
    assert_eq!(answer["error"]["code"], -32002);
    let answer = alice.send("no/such", json!({})).await.response().await;
    assert_eq!(answer["error"]["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn h1_no_token_no_session_id_and_no_header_is_logged() {
    let (log, _guard) = CaptureLog::start();
    let fixture = Fixture::new();
    let token = "https:as/alice/app-canary-7f3a/read/";
    let alice = fixture.session(token).await;
    alice.call("whoami", json!({})).await;
    let cookie = alice
        .mcp("ping", json!({}))
        .header("cookie", "cookie-canary-91bc");
    cookie.send().await;
    alice.send("tools/call", json!({ "name": 7 })).await;
    let stranger = fixture
        .client("https:as/bob/app/read/")
        .with_session(alice.session());
    stranger.send("ping", json!({})).await;
    super::subscriptions::listen(token, &fixture)
        .send()
        .await
        .next_message()
        .await;
    alice.delete().send().await;
    super::settle().await;
    assert!(
        log.text().contains("received request"),
        "the SDK logs at TRACE"
    );
    log.assert_absent("app-canary-7f3a");
    log.assert_absent("cookie-canary-91bc");
    log.assert_absent(alice.session().unwrap());
}

#[tokio::test(start_paused = true)]
async fn h2_refused_messages_are_not_repeated() {
    let fixture = Fixture::with(SessionLimits::default(), SessionMode::Stateless);
    let client = fixture.client(ALICE);
    for body in [
        "{\"canary\":",
        "canary",
        "[\"canary\"]",
        "{\"jsonrpc\":\"2.0\",\"id\":{\"canary\":1},\"method\":\"x\"}",
        "{\"jsonrpc\":\"3.0\",\"canary\":1}",
    ] {
        let mut answer = client.mcp("x", json!({})).body(body).send().await;
        assert!((400..500).contains(&answer.status()), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let text = answer.text().await;
        assert!(
            text.contains("-32600") && !text.contains("canary"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn e36_without_sessions_get_and_delete_are_not_allowed_and_ids_are_ignored() {
    let fixture = Fixture::with(SessionLimits::default(), SessionMode::Stateless);
    let client = fixture.client(ALICE).with_session(Some("any"));
    for request in [client.listen(), client.delete()] {
        let answer = request.header("last-event-id", "0.0").send().await;
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert_eq!(text(&client.call("whoami", json!({})).await), "alice read");
    let mut client = fixture.client(ALICE);
    client.initialize().await;
    assert_eq!(client.session(), None);
}

#[tokio::test(start_paused = true)]
async fn e29_without_sessions_denials_are_the_same() {
    let fixture = Fixture::with(SessionLimits::default(), SessionMode::Stateless);
    let client = fixture.client(ALICE);
    let denied = client
        .send("tools/call", json!({ "name": "admin", "arguments": {} }))
        .await;
    let denied = { denied }.response().await;
    assert_eq!(
        denied["error"]["message"],
        "Insufficient permissions. Required scope: admin"
    );
    let admin = fixture.client("https:as/alice/app/admin/");
    assert_eq!(text(&admin.call("admin", json!({})).await), "done");
}

#[tokio::test(start_paused = true)]
async fn the_level_that_a_session_chose_decides_what_it_hears() {
    let fixture = Fixture::new();
    let alice = fixture.session(ALICE).await;
    alice
        .result("logging/setLevel", json!({ "level": "error" }))
        .await;
    let talk = json!({ "name": "talk", "arguments": {} });
    let quiet = alice.send("tools/call", talk.clone()).await;
    assert!(!quiet.is_event_stream());
    let other = fixture.session(ALICE).await;
    assert!(other.send("tools/call", talk).await.is_event_stream());
}
