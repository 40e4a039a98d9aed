//! HTTP with SSE, the transport of 2024-11-05, behind the same front: RS-25, TR-01,
//! TR-03, TR-20, TR-24, TR-25, TR-28 and the rows of the corpus that touch it.

use std::time::Duration;

use countersign::{App, Http, Notifier, RouteAccess, Server, SessionLimits};
use countersign_oauth::UnixTime;
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{Answer, ISSUER, TestClock, TestIssuer};

use crate::fixture::{Ended, Expected, Runs, Seen, place, server};
use crate::foreign::{Theirs, protected};
use crate::live::Live;

/// A server, called without sockets.
struct Sse {
    app: App,
    issuer: TestIssuer,
    clock: TestClock,
    runs: Runs,
}

impl Sse {
    fn new() -> Self {
        Self::with(|server| server)
    }

    fn with(change: impl FnOnce(Server) -> Server) -> Self {
        let issuer = TestIssuer::as_test();
        let clock = TestClock::at(testkit::NOW);
        let runs = Runs::default();
        let server = change(server(&issuer, &clock, &runs, &Ended::default()));
        let app = server.into_app(&place().http_with_sse()).unwrap();
        Self {
            app,
            issuer,
            clock,
            runs,
        }
    }

    fn http(&self) -> testkit::Http {
        testkit::Http::service(self.app.clone())
    }

    fn token(&self, subject: &str) -> String {
        self.issuer.token().sub(subject).scopes("read").sign()
    }

    async fn client(&self, subject: &str) -> Client {
        Client::open(self.http(), &self.token(subject)).await
    }
}

/// A client of 2024-11-05.
struct Client {
    http: testkit::Http,
    token: String,
    stream: Answer,
    endpoint: String,
}

fn open(http: &testkit::Http, token: &str) -> RequestBuilder {
    let request = http.get("/sse").header("accept", "text/event-stream");
    request.bearer(token)
}

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn greet() -> Value {
    let params = json!({ "name": "greet", "arguments": { "name": "World" } });
    message("tools/call", params)
}

impl Client {
    async fn open(http: testkit::Http, token: &str) -> Self {
        let mut stream = open(&http, token).send().await;
        assert_eq!(stream.status(), 200, "{stream:?}");
        let first = stream.next_event().await.unwrap();
        assert_eq!(first.event.as_deref(), Some("endpoint"));
        Self {
            http,
            token: token.to_owned(),
            stream,
            endpoint: first.data,
        }
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        self.http
            .post(&self.endpoint)
            .bearer(&self.token)
            .json(body)
    }

    async fn accepted(&self, body: &Value) {
        let answer = self.post(body).send().await;
        assert_eq!(answer.status(), 202, "{body} {answer:?}");
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.accepted(&message(method, params)).await;
        self.stream.next_message().await.unwrap()
    }

    async fn initialize(&mut self) -> Value {
        let client = json!({ "name": "old", "version": "0" });
        let params = json!({
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client,
        });
        let answer = self.ask("initialize", params).await;
        self.accepted(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        answer["result"].clone()
    }

    fn session(&self) -> &str {
        self.endpoint.split_once("session_id=").unwrap().1
    }
}

#[tokio::test]
async fn it_is_not_there_unless_it_was_asked_for() {
    let fixture = crate::fixture::Fixture::new();
    let token = fixture.token();
    for request in [
        open(&fixture.http(), &token),
        fixture.http().post("/messages?session_id=x").bearer(&token),
    ] {
        assert_eq!(request.send().await.status(), 404);
    }
}

#[tokio::test]
async fn e1_e2_e4_tr_01_foreign_hosts_and_origins_are_403_on_stream_and_message() {
    let sse = Sse::new();
    let alice = sse.client("alice").await;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost.evil.example"),
        ("host", "evil.example"),
        ("host", "evil.example:8000"),
    ] {
        for request in [open(&sse.http(), &alice.token), alice.post(&greet())] {
            let answer = request.header(name, value).send().await;
            assert_eq!(answer.status(), 403, "{name}: {value}");
        }
    }
    assert_eq!(sse.runs.count(), 0);
    assert_eq!(sse.app.open_sessions(), 1);
}

#[tokio::test]
async fn tr_03_tr_24_without_a_good_token_there_is_no_stream_and_no_message() {
    let sse = Sse::new();
    let alice = sse.client("alice").await;
    let stranger = TestIssuer::stranger().token().scopes("read").sign();
    for (token, expected) in [
        (None, Expected::NoToken),
        (Some(stranger), Expected::BadToken),
        (Some("x".to_owned()), Expected::BadToken),
    ] {
        for request in [
            sse.http().get("/sse"),
            sse.http().post(&alice.endpoint).json(&greet()),
        ] {
            let request = match &token {
                Some(token) => request.bearer(token),
                None => request,
            };
            let seen = Seen::of(request.send().await).await;
            expected.check("TR-24", &seen);
        }
    }
    let unscoped = sse.issuer.token().scopes("other").sign();
    let seen = Seen::of(open(&sse.http(), &unscoped).send().await).await;
    Expected::Scope("read").check("RS-25", &seen);
    assert_eq!(sse.app.open_sessions(), 1);
    assert_eq!(sse.runs.count(), 0);
}

#[tokio::test]
async fn e21_e22_tr_25_the_stream_of_another_is_404_and_its_owner_is_undisturbed() {
    let sse = Sse::new();
    let mut alice = sse.client("alice").await;
    alice.initialize().await;
    let builder = || sse.issuer.token().scopes("read");
    let bob = builder().sub("bob").sign();
    let other_client = builder().claim("client_id", "another").sign();
    for token in [bob, other_client] {
        for body in [
            greet(),
            message("never/was", json!({})),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
        ] {
            let answer = alice.post(&body).bearer(&token).send().await;
            assert_eq!(answer.status(), 404, "{body}");
        }
    }
    assert_eq!(sse.runs.count(), 0);
    let refreshed = builder().claim("jti", "refreshed").sign();
    let answer = alice.post(&greet()).bearer(&refreshed).send().await;
    assert_eq!(answer.status(), 202);
    let told = alice.stream.next_message().await.unwrap();
    let text = "Hello, World! Your userid is alice.";
    assert_eq!(told["result"]["content"][0]["text"], text);
}

#[tokio::test]
async fn e23_session_ids_that_never_were_are_404() {
    let sse = Sse::new();
    let alice = sse.client("alice").await;
    assert!(alice.session().len() >= 22, "at least 128 bits");
    let again = sse.client("alice").await;
    assert_ne!(alice.session(), again.session());
    let long = "x".repeat(7000);
    let doubled = format!("{}&session_id={}", alice.session(), again.session());
    for id in ["guessed", "", "%0d%0a", &long, &doubled] {
        let target = format!("/messages?session_id={id}");
        let request = sse.http().post(&target).bearer(&alice.token);
        assert_eq!(request.json(&greet()).send().await.status(), 404, "{id}");
    }
    let bare = sse.http().post("/messages").bearer(&alice.token);
    assert_eq!(bare.json(&greet()).send().await.status(), 404);
    assert_eq!(sse.runs.count(), 0);
}

#[tokio::test]
async fn sessions_of_one_transport_are_unknown_on_the_other() {
    let sse = Sse::with(|server| server.sessions(countersign::Sessions::Always));
    let mut alice = sse.client("alice").await;
    alice.initialize().await;
    let mut streamable = testkit::LegacyClient::new(sse.http(), "/mcp").bearer(&alice.token);
    let here = streamable.clone().with_session(Some(alice.session()));
    for request in [here.mcp("ping", json!({})), here.listen(), here.delete()] {
        assert_eq!(request.send().await.status(), 404);
    }
    streamable.initialize().await;
    let target = format!("/messages?session_id={}", streamable.session().unwrap());
    let there = sse.http().post(&target).bearer(&alice.token);
    assert_eq!(there.json(&greet()).send().await.status(), 404);
    assert_eq!(alice.ask("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn e7_e9_e12_messages_that_are_none_are_refused_before_they_are_read() {
    let sse = Sse::new();
    let mut alice = sse.client("alice").await;
    alice.initialize().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = alice.post(&greet()).header("content-type", kind);
        assert_eq!(answer.send().await.status(), 415, "{kind}");
    }
    let long = vec![b' '; 4 * 1024 * 1024 + 1];
    assert_eq!(alice.post(&greet()).body(long).send().await.status(), 413);
    for (body, code) in [("{", -32700), ("[]", -32600), (r#"{"id":1}"#, -32600)] {
        let seen = Seen::of(alice.post(&greet()).body(body).send().await).await;
        Expected::Rpc(code).check("E13", &seen);
    }
    let modern = alice.post(&greet());
    let modern = modern.header("mcp-protocol-version", "2026-07-28");
    let seen = Seen::of(modern.send().await).await;
    Expected::Rpc(-32600).check("E35", &seen);
    let json = open(&sse.http(), &alice.token).header("accept", "application/json");
    assert_eq!(json.send().await.status(), 406);
    for (method, target) in [
        (http::Method::POST, "/sse"),
        (http::Method::DELETE, "/sse"),
        (http::Method::GET, &*alice.endpoint),
        (http::Method::DELETE, &*alice.endpoint),
    ] {
        let request = sse.http().request(method, target).bearer(&alice.token);
        assert_eq!(request.send().await.status(), 405, "{target}");
    }
    assert_eq!(sse.runs.count(), 0);
    assert_eq!(alice.ask("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn e39_rs_25_a_tool_without_its_scope_is_a_403_and_a_hidden_one_is_unknown() {
    let sse = Sse::new();
    let mut alice = sse.client("alice").await;
    alice.initialize().await;
    let call = message("tools/call", json!({ "name": "admin_report" }));
    let seen = Seen::of(alice.post(&call).send().await).await;
    Expected::Scope("admin read").check("E39", &seen);
    let hidden = alice.ask("tools/call", json!({ "name": "secret_tool" }));
    let hidden = hidden.await;
    let unknown = alice.ask("tools/call", json!({ "name": "never_was" }));
    assert_eq!(hidden, unknown.await);
    assert_eq!(hidden["error"]["code"], -32602);
    assert_eq!(sse.runs.count(), 0);
    let listed = alice.ask("tools/list", json!({})).await;
    assert!(!listed.to_string().contains("admin_report"), "{listed}");
    let method = alice.ask("never/was", json!({})).await;
    assert_eq!(
        (&method["id"], &method["error"]["code"]),
        (&json!(1), &json!(-32601))
    );
}

#[tokio::test]
async fn e31_tr_28_streams_are_limited_for_each_caller_and_in_all() {
    let sse =
        Sse::with(|server| server.session_limits(SessionLimits::new().per_caller(2).total(3)));
    let first = sse.client("alice").await;
    let _second = sse.client("alice").await;
    let third = open(&sse.http(), &sse.token("alice")).send().await;
    assert_eq!(third.status(), 429);
    assert!(third.header("retry-after").is_some());
    let _bob = sse.client("bob").await;
    let carol = open(&sse.http(), &sse.token("carol")).send().await;
    assert_eq!(carol.status(), 503);
    drop(first);
    while sse.app.open_sessions() > 2 {
        tokio::task::yield_now().await;
    }
    let _third = sse.client("alice").await;
}

#[tokio::test(start_paused = true)]
async fn e28_the_stream_ends_with_the_token_that_opened_it() {
    let sse = Sse::new();
    let expiry = UnixTime::from_secs(sse.clock.now().as_secs() + 60);
    let builder = sse.issuer.token().scopes("read").exp(expiry);
    let mut alice = Client::open(sse.http(), &builder.sign()).await;
    alice.initialize().await;
    let begun = tokio::time::Instant::now();
    assert_eq!(alice.stream.next_message().await, None);
    assert_eq!(begun.elapsed().as_secs(), 60);
    let fresh = alice.post(&greet()).bearer(&sse.token("alice"));
    assert_eq!(fresh.send().await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn e25_the_stream_is_the_session() {
    let sse = Sse::new();
    let expiry = UnixTime::from_secs(sse.clock.now().as_secs() + 3600);
    let builder = sse.issuer.token().scopes("read").exp(expiry);
    let mut alice = Client::open(sse.http(), &builder.sign()).await;
    alice.initialize().await;
    // Longer than a session without a stream lives.
    tokio::time::sleep(Duration::from_secs(45 * 60)).await;
    assert_eq!(alice.ask("ping", json!({})).await["result"], json!({}));
    assert!(
        !alice.stream.comments().is_empty(),
        "TR-20: it shows that it lives"
    );
    let ping = alice.post(&message("ping", json!({})));
    drop(alice);
    while sse.app.open_sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ping.send().await.status(), 404);

    let mut alice = sse.client("alice").await;
    assert_eq!(sse.app.end_sessions_of_subject(ISSUER, "alice"), 1);
    assert_eq!(alice.stream.next_message().await, None);

    // Who never says hello is sent away.
    let mut silent = sse.client("alice").await;
    let begun = tokio::time::Instant::now();
    assert_eq!(silent.stream.next_message().await, None);
    assert_eq!(begun.elapsed().as_secs(), 60);
    let mut rude = sse.client("alice").await;
    rude.accepted(&greet()).await;
    let told = rude.stream.next_message().await.unwrap();
    assert!(told["error"]["code"].is_i64(), "{told}");
    assert_eq!(sse.runs.count(), 0);
}

#[tokio::test]
async fn paths_that_are_taken_stop_the_start() {
    let served = |server: Server, http: Http| server.into_app(&http).map(|_| ());
    let sse = || Http::bind("127.0.0.1:8000").http_with_sse();
    for path in ["/sse", "/messages"] {
        let refused = served(Server::new("s"), sse().path(path)).unwrap_err();
        assert!(refused.to_string().contains(path), "{refused}");
        let handler = axum::routing::get(|| async { "" });
        let server = Server::new("s").route(path, handler, RouteAccess::Open);
        let refused = served(server, sse()).unwrap_err();
        assert!(refused.to_string().contains(path), "{refused}");
    }
    assert!(served(Server::new("s"), sse()).is_ok());
}

#[tokio::test]
async fn an_old_client_is_served_over_a_socket() {
    let live = Live::with(Http::http_with_sse).await;
    let http = testkit::Http::socket(&live.running.address().to_string());
    let mut alice = Client::open(http, &live.token()).await;
    assert_eq!(
        alice.stream.header("content-type"),
        Some("text/event-stream")
    );
    assert_eq!(alice.stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(alice.stream.header("cache-control"), Some("no-store"));
    let result = alice.initialize().await;
    assert_eq!(result["protocolVersion"], "2024-11-05");
    alice.accepted(&greet()).await;
    let told = alice.stream.next_message().await.unwrap();
    let text = "Hello, World! Your userid is alice.";
    assert_eq!(told["result"]["content"][0]["text"], text);

    let mut call = message("tools/call", json!({ "name": "chatty" }));
    call["params"]["_meta"] = json!({ "progressToken": "p" });
    alice.accepted(&call).await;
    let progress = alice.stream.next_message().await.unwrap();
    assert_eq!(progress["method"], "notifications/progress");
    let told = alice.stream.next_message().await.unwrap();
    assert_eq!(told["result"]["content"][0]["text"], "done");
    drop(alice);
    live.control("HTTP with SSE").await;
}

#[tokio::test]
async fn changes_are_told_on_the_stream() {
    let notifier = Notifier::new();
    let sse = Sse::with(|server| server.notifier(&notifier));
    let mut alice = sse.client("alice").await;
    alice.initialize().await;
    assert_eq!(alice.ask("ping", json!({})).await["result"], json!({}));
    notifier.tools_changed();
    let told = alice.stream.next_message().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_handler_of_the_sdk_is_served_to_old_clients_too() {
    let issuer = TestIssuer::as_test();
    let server = protected(Server::from_rmcp(Theirs::default()), &issuer);
    let app = server.into_app(&place().http_with_sse()).unwrap();
    let http = testkit::Http::service(app);
    let mut alice = Client::open(http, &issuer.token().scopes("read").sign()).await;
    alice.initialize().await;
    let call = message("tools/call", json!({ "name": "delete_all" }));
    assert_eq!(alice.post(&call).send().await.status(), 403);
    let told = alice.ask("tools/call", json!({ "name": "whoami" })).await;
    assert_eq!(told["result"]["content"][0]["text"], "whoami as alice");
}
