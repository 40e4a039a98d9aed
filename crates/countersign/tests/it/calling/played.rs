//! A server that answers what a test says.

use std::sync::Arc;

use countersign::client::{Client, Connect};
use serde_json::{Value, json};
use testkit::fake_server::ReceivedRequest;
use testkit::{FakeIssuerServer, ScriptedAnswer};

/// Where the server is.
pub(super) const PATH: &str = "/mcp";

/// One JSON-RPC message that has arrived.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: Value,
    pub(super) request: ReceivedRequest,
}

impl Message {
    pub(super) fn of(request: &ReceivedRequest) -> Self {
        Self {
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
            request: request.clone(),
        }
    }

    pub(super) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)?.to_str().ok()
    }

    /// The answer with `result`, as JSON.
    pub(super) fn result(&self, result: Value) -> ScriptedAnswer {
        ScriptedAnswer::json(self.response(result).to_string())
    }

    /// The message that answers with `result`.
    pub(super) fn response(&self, mut result: Value) -> Value {
        if result.get("resultType").is_none() {
            result["resultType"] = json!("complete");
        }
        json!({"jsonrpc": "2.0", "id": self.body["id"], "result": result})
    }

    /// The answer with a text.
    pub(super) fn says(&self, text: &str) -> ScriptedAnswer {
        self.result(json!({"content": [{"type": "text", "text": text}]}))
    }
}

/// Events with these messages.
pub(super) fn events(messages: &[Value]) -> String {
    messages
        .iter()
        .map(|message| format!("data: {message}\n\n"))
        .collect()
}

/// `answer` as a stream of events.
pub(super) fn streamed(answer: ScriptedAnswer) -> ScriptedAnswer {
    answer.header("content-type", "text/event-stream")
}

/// A server of 2026-07-28 that greets, has one tool and otherwise answers what `script`
/// says.
pub(super) async fn modern(
    script: impl Fn(&Message) -> Option<ScriptedAnswer> + Send + Sync + 'static,
) -> FakeIssuerServer {
    let server = FakeIssuerServer::start().await;
    server.answer_with(PATH, move |request| {
        let message = Message::of(request);
        if let Some(answer) = script(&message) {
            return answer;
        }
        match message.method() {
            "server/discover" => message.result(json!({
                "ttlMs": 0, "cacheScope": "private",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "played", "version": "1"}},
            })),
            "tools/list" => message.result(json!({
                "ttlMs": 0, "cacheScope": "private",
                "tools": [{"name": "work", "inputSchema": {"type": "object"}}],
            })),
            "tools/call" => message.says("done"),
            _ => ScriptedAnswer::status(405),
        }
    });
    server
}

/// A server of 2025-11-25 with sessions, that otherwise answers what `script` says.
pub(super) async fn legacy(
    script: impl Fn(&Message) -> Option<ScriptedAnswer> + Send + Sync + 'static,
) -> FakeIssuerServer {
    let script = Arc::new(script);
    modern(move |message| {
        if let Some(answer) = script(message) {
            return Some(answer);
        }
        match (message.request.method.as_str(), message.method()) {
            ("DELETE", _) => Some(ScriptedAnswer::status(204)),
            ("GET", _) => Some(ScriptedAnswer::status(405)),
            (_, "server/discover") => Some(
                ScriptedAnswer::json(
                    json!({"jsonrpc": "2.0", "id": message.body["id"],
                        "error": {"code": -32601, "message": "Method not found"}})
                    .to_string(),
                )
                .with_status(404),
            ),
            (_, "initialize") => Some(
                ScriptedAnswer::json(
                    json!({"jsonrpc": "2.0", "id": message.body["id"], "result": {
                        "protocolVersion": "2025-11-25",
                        "capabilities": {"tools": {}},
                        "serverInfo": {"name": "played", "version": "1"},
                    }})
                    .to_string(),
                )
                .header("mcp-session-id", "session-1"),
            ),
            (_, method) if method.starts_with("notifications/") => {
                Some(ScriptedAnswer::status(202))
            }
            _ => None,
        }
    })
    .await
}

/// A connection to it.
pub(super) fn to(server: &FakeIssuerServer) -> Connect {
    Client::connect(&server.url(PATH))
}

/// The messages that have arrived.
pub(super) fn messages(server: &FakeIssuerServer) -> Vec<Message> {
    server.requests().iter().map(Message::of).collect()
}

/// Those with `method`.
pub(super) fn of_method(server: &FakeIssuerServer, method: &str) -> Vec<Message> {
    let mut messages = messages(server);
    messages.retain(|message| message.method() == method);
    messages
}
