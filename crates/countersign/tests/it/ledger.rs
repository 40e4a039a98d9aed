//! One record for each decision where a request is not carried out at once: a handler of
//! the SDK, sessions, streams, and the transport of 2024-11-05. Row H13. The direct lane
//! is in `audit.rs`, standard input and output beside `Server::serve_stdio`.

use countersign::audit::{Outcome, Record};
use countersign::{App, Limits, Notifier, Quota, Server, Sessions};
use rmcp::ServerHandler;
use rmcp::model::{ErrorData, ServerConfig, SubscriptionFilter};
use rmcp::service::SubscriptionContext;
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{Answer, LegacyClient, ModernClient, NOW, TestClock, TestIssuer};

use crate::fixture::{CANARY, Ended, Noted, Runs, place, server};
use crate::foreign::{Theirs, protected};

/// What one request is noted as: the reason, or nothing if it was allowed.
fn noted_as(noted: &Noted, row: &str) -> String {
    let records = noted.taken();
    let [record]: [Record; 1] = records.try_into().unwrap_or_else(|all| {
        panic!("{row}: {all:#?}");
    });
    assert!(record.request.is_some(), "{row}: {record:#?}");
    assert!(
        !format!("{record:?}").contains(CANARY),
        "{row}: {record:#?}"
    );
    let reason = record.reason.as_ref().map_or("", |reason| reason.as_str());
    let allowed = record.outcome == Outcome::Allowed;
    assert_eq!(reason.is_empty(), allowed, "{row}: {record:#?}");
    reason.to_owned()
}

fn tool(name: &str) -> (&'static str, Value) {
    ("tools/call", json!({ "name": name, "arguments": {} }))
}

fn resource(uri: &str) -> (&'static str, Value) {
    ("resources/read", json!({ "uri": uri }))
}

/// A handler of the SDK behind the front, and what is noted of its requests.
fn foreign(noted: &Noted) -> (App, TestIssuer) {
    let issuer = TestIssuer::as_test();
    let server = protected(Server::from_rmcp(Theirs::default()), &issuer)
        .hide_resource("file:///vault/{+path}")
        .prompt_scopes("plan", ["plans"])
        .audit(noted.clone());
    (server.into_app(&place()).unwrap(), issuer)
}

/// What there is to ask a handler of the SDK for, and what it is noted as.
fn asked_of_theirs() -> Vec<((&'static str, Value), &'static str)> {
    vec![
        (tool("whoami"), ""),
        (tool("delete_all"), "insufficient_scope"),
        (tool("DELETE_ALL"), "insufficient_scope"),
        (("tools/list", json!({})), ""),
        (("resources/list", json!({})), ""),
        (resource("file:///public/a"), ""),
        (resource("file:///vault/b"), "hidden_component"),
        (
            ("prompts/get", json!({ "name": "plan" })),
            "insufficient_scope",
        ),
        (("x/custom", json!({})), ""),
        (("tasks/get", json!({ "taskId": "none" })), "unknown_task"),
    ]
}

#[tokio::test(start_paused = true)]
async fn h13_a_request_to_a_handler_of_the_sdk_is_one_record_in_both_eras() {
    let noted = Noted::default();
    let (app, issuer) = foreign(&noted);
    let http = || testkit::Http::service(app.clone());
    let token = issuer.token().sub("alice").scopes("read").sign();
    let modern = ModernClient::new(http(), "/mcp").bearer(&token);
    let mut legacy = LegacyClient::new(http(), "/mcp").bearer(&token);
    legacy.initialize().await;
    noted.taken();
    for ((method, params), reason) in asked_of_theirs() {
        let row = format!("{method} {params}");
        let answer = modern.send(method, params.clone()).await;
        settled(answer).await;
        let told = noted_as(&noted, &format!("modern {row}"));
        assert_eq!(told, reason, "modern {row}");
        settled(legacy.send(method, params).await).await;
        let told = noted_as(&noted, &format!("session {row}"));
        assert_eq!(told, reason, "session {row}");
    }
    for (row, request, reason) in [
        (
            "no token",
            ModernClient::new(http(), "/mcp").mcp("tools/list", json!({})),
            "no_credential",
        ),
        (
            "a bad one",
            ModernClient::new(http(), "/mcp")
                .bearer(CANARY)
                .mcp("tools/list", json!({})),
            "token_rejected",
        ),
        (
            "a header that lies",
            modern
                .mcp("tools/call", tool("delete_all").1)
                .header("mcp-name", "whoami"),
            "mirror_mismatch",
        ),
        (
            "no session",
            legacy
                .clone()
                .with_session(Some("0123456789abcdef"))
                .mcp("ping", json!({})),
            "unknown_session",
        ),
        ("the end", legacy.delete(), ""),
    ] {
        settled(request.send().await).await;
        assert_eq!(noted_as(&noted, row), reason, "{row}");
    }
}

/// Reads an answer to its end, or its first message if it has none.
async fn settled(mut answer: Answer) {
    if answer.is_event_stream() {
        answer.next_message().await;
    } else {
        answer.bytes().await;
    }
}

/// A handler of the SDK that lets everything be watched.
struct Watched;

impl ServerHandler for Watched {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({ "tools": {}, "resources": { "subscribe": true } });
        ServerConfig::new(serde_json::from_value(capabilities).unwrap())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, _context: SubscriptionContext) -> Result<(), ErrorData> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn h13_a_subscription_is_one_record_and_costs_one_request_however_much_it_names() {
    let uris: Vec<String> = (0..50).map(|number| format!("note://{number}")).collect();
    let theirs = ["file:///public/a", "file:///vault/b"].map(str::to_owned);
    for foreign in [false, true] {
        let (issuer, noted) = (TestIssuer::as_test(), Noted::default());
        let server = match foreign {
            true => protected(Server::from_rmcp(Watched), &issuer),
            false => {
                let clock = TestClock::at(NOW);
                let (runs, ended) = (Runs::default(), Ended::default());
                server(&issuer, &clock, &runs, &ended).notifier(&Notifier::new())
            }
        };
        let limits = Limits::none().per_user(Quota::per_day(10));
        let server = server.limits(limits).audit(noted.clone());
        let app = server.into_app(&place()).unwrap();
        let token = issuer.token().sub("alice").scopes("read").sign();
        let http = testkit::Http::service(app);
        let client = ModernClient::new(http, "/mcp").bearer(&token);
        let wanted = if foreign {
            theirs.to_vec()
        } else {
            uris.clone()
        };
        for _ in 0..5 {
            let filter = json!({ "notifications": { "resourceSubscriptions": wanted } });
            let mut stream = client.send("subscriptions/listen", filter).await;
            assert_eq!(stream.status(), 200, "{foreign}");
            let first = stream.next_message().await.unwrap();
            let granted = &first["params"]["notifications"]["resourceSubscriptions"];
            let expected = if foreign { &theirs[..1] } else { &uris[..] };
            assert_eq!(*granted, json!(expected), "{first}");
            assert_eq!(noted_as(&noted, "a subscription"), "", "{foreign}");
        }
        // Five of ten are used up.
        for number in 0..6 {
            let listed = client.send("tools/list", json!({})).await;
            let expected = if number < 5 { 200 } else { 429 };
            assert_eq!(listed.status(), expected, "{foreign} {number}");
            let reason = if number < 5 { "" } else { "rate_limited" };
            assert_eq!(noted_as(&noted, "a list"), reason, "{foreign} {number}");
        }
    }
}

/// A client of 2024-11-05.
struct Old {
    http: testkit::Http,
    token: String,
    stream: Answer,
    endpoint: String,
}

impl Old {
    async fn open(app: &App, token: &str) -> Self {
        let http = testkit::Http::service(app.clone());
        let mut stream = stream_of(&http).bearer(token).send().await;
        let first = stream.next_event().await.unwrap();
        Self {
            http,
            token: token.to_owned(),
            stream,
            endpoint: first.data,
        }
    }

    fn post(&self, method: &str, params: Value) -> RequestBuilder {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(&self.endpoint).bearer(&self.token);
        request.json(&body)
    }
}

fn stream_of(http: &testkit::Http) -> RequestBuilder {
    http.get("/sse").header("accept", "text/event-stream")
}

fn initialization() -> Value {
    json!({
        "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": { "name": "old", "version": "0" },
    })
}

#[expect(
    clippy::too_many_lines,
    reason = "two tables of what is said and noted"
)]
#[tokio::test(start_paused = true)]
async fn h13_over_http_with_sse_each_message_is_one_record() {
    let (issuer, noted) = (TestIssuer::as_test(), Noted::default());
    let (clock, runs) = (TestClock::at(NOW), Runs::default());
    let server = server(&issuer, &clock, &runs, &Ended::default())
        .sessions(Sessions::Always)
        .audit(noted.clone());
    let app = server.into_app(&place().http_with_sse()).unwrap();
    let token = |subject: &str| issuer.token().sub(subject).scopes("read").sign();
    let mut alice = Old::open(&app, &token("alice")).await;
    assert_eq!(noted_as(&noted, "the stream"), "");
    for (method, params, reason) in [
        ("initialize", initialization(), ""),
        (
            "tools/call",
            json!({ "name": "greet", "arguments": { "name": CANARY } }),
            "",
        ),
        ("tools/list", json!({}), ""),
        (
            "tools/call",
            json!({ "name": "admin_report" }),
            "insufficient_scope",
        ),
        (
            "tools/call",
            json!({ "name": "secret_tool" }),
            "hidden_component",
        ),
        (
            "tools/call",
            json!({ "name": "never_was" }),
            "unknown_component",
        ),
        (
            "resources/read",
            json!({ "uri": "vault://gold" }),
            "insufficient_scope",
        ),
        ("never/was", json!({}), "unknown_method"),
    ] {
        let mut answer = alice.post(method, params).send().await;
        answer.bytes().await;
        if answer.status() == 202 {
            alice.stream.next_message().await.unwrap();
        }
        assert_eq!(noted_as(&noted, method), reason, "{method}");
    }
    let http = testkit::Http::service(app.clone());
    let mallory = token("mallory");
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for (row, request, reason) in [
        ("no token", stream_of(&http), "no_credential"),
        (
            "a bad token",
            stream_of(&http).bearer(CANARY),
            "token_rejected",
        ),
        (
            "no token on a message",
            http.post(&alice.endpoint).json(&ping),
            "no_credential",
        ),
        (
            "the stream of somebody else",
            http.post(&alice.endpoint).bearer(&mallory).json(&ping),
            "foreign_session",
        ),
        (
            "a stream that never was",
            http.post("/messages?session_id=0123456789abcdef")
                .bearer(&mallory)
                .json(&ping),
            "unknown_session",
        ),
        (
            "no JSON",
            alice.post("ping", json!({})).body("{"),
            "malformed_message",
        ),
        (
            "another media type",
            alice
                .post("ping", json!({}))
                .header("content-type", "text/plain"),
            "unsupported_media_type",
        ),
        (
            "no events",
            stream_of(&http)
                .bearer(&mallory)
                .header("accept", "text/html"),
            "not_acceptable",
        ),
        (
            "another method",
            http.request(http::Method::DELETE, "/sse").bearer(&mallory),
            "method_not_allowed",
        ),
        (
            "a foreign origin",
            stream_of(&http)
                .bearer(&mallory)
                .header("origin", "https://evil.test"),
            "foreign_origin",
        ),
    ] {
        settled(request.send().await).await;
        assert_eq!(noted_as(&noted, row), reason, "{row}");
    }
    assert_eq!(runs.count(), 1);
}
