//! Many callers at once are kept apart, and no shape of parameters is a panic.

use countersign::{Server, Sessions};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient};

use crate::fixture::{Fixture, Seen};

fn with_sessions(server: Server) -> Server {
    server.sessions(Sessions::Always)
}

#[tokio::test]
async fn e15_e40_a_thousand_mixed_calls_with_equal_ids_are_answered_each_to_its_caller() {
    let fixture = Fixture::with(with_sessions);
    let mut callers = Vec::new();
    for subject in ["alice", "bob", "carol"] {
        let token = fixture.issuer.token().sub(subject).scopes("read").sign();
        let mut session = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
        session.initialize().await;
        callers.push((subject, token, session));
    }
    let calls = (0..1_000).map(|number| {
        let (subject, token, session) = &callers[number % 3];
        let (arguments, http) = (json!({ "name": number.to_string() }), fixture.http());
        async move {
            // A client of its own, so that all of them count their ids from 1.
            let modern = ModernClient::new(http, "/mcp").bearer(token);
            let direct = modern.call("greet", arguments.clone()).await;
            let in_session = session.call("greet", arguments).await;
            for answer in [direct, in_session] {
                let text = format!("Hello, {number}! Your userid is {subject}.");
                assert_eq!(answer["content"][0]["text"], text);
            }
        }
    });
    join_all(calls).await;
    assert_eq!(fixture.runs.count(), 2_000);
}

const METHODS: [&str; 17] = [
    "initialize",
    "ping",
    "logging/setLevel",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "notifications/initialized",
    "roots/list",
    "",
];

/// The text of a request, with `params` as they are.
fn body(method: &str, params: Option<&str>) -> String {
    let params = params.map_or_else(String::new, |params| format!(",\"params\":{params}"));
    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\"{params}}}")
}

/// An answer that says yes, or no for a reason of the request.
fn check(answer: &Seen, row: &str) {
    let message = answer.json();
    let refused = [-32600, -32601, -32602, -32020].map(Value::from);
    let said_no = refused.contains(&message["error"]["code"]);
    assert!(said_no || message["result"].is_object(), "{row}: {message}");
    assert_eq!(message["id"], 1, "{row}: {message}");
}

#[tokio::test]
async fn e49_no_shape_of_params_is_a_panic_on_any_wire() {
    let stateless = Fixture::new();
    let of_session = Fixture::with(with_sessions);
    let mut session = LegacyClient::new(of_session.http(), "/mcp").bearer(&of_session.token());
    session.initialize().await;
    let legacy = LegacyClient::new(stateless.http(), "/mcp")
        .bearer(&stateless.token())
        .with_session(None);
    for method in METHODS {
        for params in [None, Some("null"), Some("{}"), Some("[]")] {
            let row = format!("E49 {method} {params:?}");
            for client in [&legacy, &session] {
                let request = client.mcp(method, json!({})).body(body(method, params));
                check(&Seen::of(request.send().await).await, &row);
            }
        }
        // On the new wire the least that gets past the version is `_meta` alone.
        let request = stateless.modern().mcp(method, json!({}));
        check(&Seen::of(request.send().await).await, method);
    }
    for fixture in [&stateless, &of_session] {
        fixture.log.assert_absent("panicked");
    }
}
