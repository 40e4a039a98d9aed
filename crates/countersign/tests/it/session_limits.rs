//! What a server may be told about sessions, and that each of it does something:
//! E20, E31, TR-28.

use std::time::Duration;

use countersign::{App, Context, Http, Notifier, Server, SessionLimits, Sessions, tool};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use testkit::{Answer, LegacyClient, ModernClient};
use tokio::time::Instant;

use crate::fixture::{Fixture, Seen};

/// Waits as long as it is told.
#[tool]
async fn wait(context: Context, seconds: u64, speak: bool) -> &'static str {
    if speak {
        context.report_progress(1.0, None, None).await;
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    "waited"
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn place() -> Http {
    Http::bind("127.0.0.1:8000")
}

fn app(limits: SessionLimits, http: &Http) -> App {
    let server = Server::new("limited")
        .sessions(Sessions::Always)
        .session_limits(limits)
        .tool(wait);
    server.into_app(http).unwrap()
}

async fn session(app: &App) -> LegacyClient {
    let mut client = LegacyClient::new(testkit::Http::service(app.clone()), "/mcp");
    client.initialize().await;
    client
}

fn waiting(seconds: u64, speak: bool) -> (&'static str, Value) {
    let arguments = json!({ "seconds": seconds, "speak": speak });
    let meta = json!({ "progressToken": "p" });
    let params = json!({ "name": "wait", "arguments": arguments, "_meta": meta });
    ("tools/call", params)
}

async fn call(client: &LegacyClient, seconds: u64, speak: bool) -> Answer {
    let (method, params) = waiting(seconds, speak);
    client.send(method, params).await
}

#[test]
fn limits_of_zero_stop_the_start() {
    let limits = SessionLimits::new;
    for (name, limits) in [
        ("per_caller", limits().per_caller(0)),
        ("total", limits().total(0)),
        ("running_calls", limits().running_calls(0)),
        ("idle", limits().idle(Duration::ZERO)),
        ("initialize", limits().initialize(Duration::ZERO)),
        ("keep_alive", limits().keep_alive(Duration::ZERO)),
    ] {
        let server = Server::new("s").session_limits(limits);
        let refused = server.into_app(&place()).unwrap_err().to_string();
        assert!(refused.contains(name), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn h12_a_session_of_another_answers_like_one_that_never_was() {
    let fixture = Fixture::with(|server| server.sessions(Sessions::Always));
    let token = |subject: &str| fixture.issuer.token().sub(subject).scopes("read").sign();
    let mut alice = LegacyClient::new(fixture.http(), "/mcp").bearer(&token("alice"));
    alice.initialize().await;
    let mallory = LegacyClient::new(fixture.http(), "/mcp").bearer(&token("mallory"));
    let unknown = "x".repeat(alice.session().unwrap().len());
    let mut seen = Vec::new();
    for id in [alice.session().unwrap(), &*unknown] {
        let client = mallory.clone().with_session(Some(id));
        let call = json!({ "name": "greet", "arguments": { "name": "World" } });
        for request in [
            client.mcp("tools/call", call),
            client.mcp("ping", json!({})),
            client.listen(),
            client.delete(),
        ] {
            let began = Instant::now();
            let answer = Seen::of(request.send().await).await;
            let message = answer.text().replace(id, "<id>");
            let mut message: Value = serde_json::from_str(&message).unwrap_or_default();
            message["id"] = Value::Null;
            seen.push((answer.status, answer.headers, message, began.elapsed()));
        }
    }
    let (of_alice, of_nobody) = seen.split_at(4);
    assert_eq!(of_alice, of_nobody);
    assert!(
        of_alice.iter().all(|(status, ..)| *status == 404),
        "{of_alice:?}"
    );
    assert_eq!(fixture.runs.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn e31_sessions_are_limited_for_each_caller_and_in_all() {
    for (limits, status) in [
        (SessionLimits::new().per_caller(2), 429),
        (SessionLimits::new().total(2), 503),
    ] {
        let app = app(limits, &place());
        let _first = session(&app).await;
        let second = session(&app).await;
        let third = LegacyClient::new(testkit::Http::service(app.clone()), "/mcp");
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "third", "version": "0" },
        });
        let refused = third.send("initialize", hello.clone()).await;
        assert_eq!(refused.status(), status);
        assert_eq!(app.open_sessions(), 2);
        second.delete().send().await;
        tokio::time::sleep(seconds(1)).await;
        assert_eq!(third.send("initialize", hello).await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn e31_an_idle_session_ends_when_it_was_told_to() {
    for (limits, idle) in [
        (SessionLimits::new().idle(seconds(10)), 10),
        (SessionLimits::new(), 30 * 60),
    ] {
        let app = app(limits, &place());
        let client = session(&app).await;
        for _ in 0..3 {
            tokio::time::sleep(seconds(idle - 1)).await;
            assert_eq!(client.send("ping", json!({})).await.status(), 200);
        }
        tokio::time::sleep(seconds(idle + 1)).await;
        assert_eq!(client.send("ping", json!({})).await.status(), 404);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_initialized_in_time_ends() {
    for (limits, patience) in [
        (SessionLimits::new().initialize(seconds(5)), 5),
        (SessionLimits::new(), 60),
    ] {
        let app = app(limits, &place().http_with_sse());
        let http = testkit::Http::service(app.clone());
        let mut silent = http.get("/sse").send().await;
        let begun = Instant::now();
        while silent.next_event().await.is_some() {}
        assert_eq!(begun.elapsed().as_secs(), patience);
    }
}

#[tokio::test(start_paused = true)]
async fn tr_20_silent_streams_show_that_they_live() {
    for (limits, interval) in [
        (SessionLimits::new().keep_alive(seconds(5)), 5),
        (SessionLimits::new(), 15),
    ] {
        let app = app(limits, &place());
        let client = session(&app).await;
        let (method, params) = waiting(61, true);
        let modern = ModernClient::new(testkit::Http::service(app.clone()), "/mcp");
        for request in [
            modern.mcp(method, params.clone()),
            client.mcp(method, params),
        ] {
            let mut answer = request.send().await;
            assert!(answer.is_event_stream());
            answer.messages().await;
            assert_eq!(answer.comments().len(), 60 / interval);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_becomes_a_stream_when_it_was_told_to() {
    for (limits, silence) in [
        (SessionLimits::new().silence(seconds(2)), 2),
        (SessionLimits::new(), 10),
    ] {
        let client = session(&app(limits, &place())).await;
        let begun = Instant::now();
        let mut answer = call(&client, 20, false).await;
        assert_eq!(begun.elapsed().as_secs(), silence);
        assert!(answer.is_event_stream());
        let told = answer.response().await;
        assert_eq!(told["result"]["content"][0]["text"], "waited");
        let answer = call(&client, silence - 1, false).await;
        assert!(!answer.is_event_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn tr_28_the_calls_of_a_session_that_run_at_once_are_limited() {
    let client = session(&app(SessionLimits::new().running_calls(1), &place())).await;
    let running = tokio::spawn({
        let client = client.clone();
        async move { call(&client, 5, false).await.status() }
    });
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(call(&client, 0, false).await.status(), 429);
    assert_eq!(running.await.unwrap(), 200);
    assert_eq!(call(&client, 0, false).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e20_what_nobody_came_for_is_kept_as_far_as_it_was_told() {
    for (limits, kept) in [
        (SessionLimits::new().replay_events(3), 3),
        (SessionLimits::new().replay_bytes(1), 1),
        (SessionLimits::new(), 10),
    ] {
        let notifier = Notifier::new();
        let server = Server::new("limited")
            .session_limits(limits)
            .notifier(&notifier)
            .tool(wait);
        let client = session(&server.into_app(&place()).unwrap()).await;
        assert_eq!(client.send("ping", json!({})).await.status(), 200);
        for _ in 0..10 {
            notifier.tools_changed();
            tokio::time::sleep(seconds(1)).await;
        }
        let mut stream = client.listen().send().await;
        let mut told = 0;
        while let Ok(Some(message)) = tokio::time::timeout(seconds(5), stream.next_message()).await
        {
            assert_eq!(message["method"], "notifications/tools/list_changed");
            told += 1;
        }
        assert_eq!(told, kept);
    }
}

/// Never answers a call.
struct Endless;

impl ServerHandler for Endless {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn tr_28_a_call_that_takes_too_long_is_ended_in_every_lane() {
    let limited = place().request_timeout(seconds(20));
    let foreign = Server::from_rmcp(Endless).into_app(&limited).unwrap();
    for app in [app(SessionLimits::new(), &limited), foreign] {
        let (method, params) = waiting(1000, false);
        let client = session(&app).await;
        let modern = ModernClient::new(testkit::Http::service(app.clone()), "/mcp");
        let begun = Instant::now();
        for request in [
            client.mcp(method, params.clone()),
            modern.mcp(method, params),
        ] {
            let answer = request.send().await.response().await;
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
            assert_eq!(answer["error"]["message"], "The request took too long");
        }
        assert_eq!(begun.elapsed().as_secs(), 40);
        assert_eq!(client.send("ping", json!({})).await.status(), 200);
    }
    let unlimited = session(&app(SessionLimits::new(), &place())).await;
    let begun = Instant::now();
    call(&unlimited, 1000, false).await.response().await;
    assert_eq!(begun.elapsed().as_secs(), 600, "ten minutes unless set");
}
