//! `subscriptions/listen` and `resources/subscribe`: who is told of what.

use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;

use super::{ALICE, Fixture};

/// A `subscriptions/listen` for every list.
pub(super) fn listen(token: &str, fixture: &Fixture) -> RequestBuilder {
    listen_for(
        token,
        fixture,
        &json!({ "toolsListChanged": true, "promptsListChanged": true }),
    )
}

fn listen_for(token: &str, fixture: &Fixture, filter: &Value) -> RequestBuilder {
    let body = json!({ "jsonrpc": "2.0", "id": "sub-1", "method": "subscriptions/listen",
        "params": { "notifications": filter, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "x", "version": "0" },
            "io.modelcontextprotocol/clientCapabilities": {},
        } } });
    fixture
        .http()
        .post("/mcp")
        .bearer(token)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .json(&body)
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_acknowledged_first_and_its_notifications_are_tagged() {
    let fixture = Fixture::new();
    let mut stream = listen(ALICE, &fixture).send().await;
    assert!(stream.is_event_stream(), "{stream:?}");
    let acknowledged = stream.next_message().await.unwrap();
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    fixture.notifier.resources_changed();
    fixture.notifier.tools_changed();
    let told = stream.next_message().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        "sub-1"
    );
}
