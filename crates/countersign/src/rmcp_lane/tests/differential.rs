//! The two lanes must not be told apart: whatever both can serve is sent to both.
//!
//! Legacy requests go to a server without sessions (direct lane) and in a session
//! (lane of the SDK); requests of both eras go to our components, and to the same
//! components as a handler of the SDK behind `Server::from_rmcp`. Status, headers
//! that a client acts on and every JSON message must be equal.
//!
//! One thing is different on purpose and not in the list: rules by name cover every
//! spelling that the handler might take for the same (E39), while we know our own.

use std::fmt;
use std::sync::Arc;

use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::{Caller, Clock, JwtVerifier};
use serde_json::{Value, json};
use testkit::client::http::RequestBuilder;
use testkit::{
    AUDIENCE, Http as Client, ISSUER, LegacyClient, ModernClient, TestClock, TestIssuer,
};

use crate::component::CompletionRequest;
use crate::protocol::ErrorData;
use crate::rmcp_lane::RegistryHandler;
use crate::{App, Context, Http, Server, Sessions, ToolError, prompt, resource, tool};

#[derive(Debug)]
struct ByHand(TestClock);

impl Clock for ByHand {
    fn now(&self) -> UnixTime {
        self.0.now()
    }
}

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
struct Sum {
    /// The sum.
    sum: i64,
    parts: Vec<i64>,
}

/// Adds.
#[tool(title = "Adder", read_only)]
async fn add(a: i64, b: i64) -> crate::component::Json<Sum> {
    let parts = vec![a, b];
    crate::component::Json(Sum { sum: a + b, parts })
}

/// Repeats.
#[tool]
async fn echo(text: String, times: Option<u32>, any: Option<Value>) -> String {
    let any = any.map(|any| any.to_string()).unwrap_or_default();
    text.repeat(times.unwrap_or(1) as usize) + &any
}

/// Fails in several ways.
#[tool]
async fn fail(how: String) -> Result<String, ToolError> {
    match how.as_str() {
        "message" => Err(ToolError::new("no luck")),
        "internal" => Err(std::io::Error::other("disk"))?,
        "invalid" => Err(ToolError::invalid_arguments("not like this")),
        "missing" => Err(ToolError::not_found("note://none")),
        "scope" => Err(ToolError::insufficient_scope(["more"])),
        "protocol" => Err(ToolError::protocol(ErrorData::invalid_request(
            "no",
            Some(json!({ "why": [1, null] })),
        ))),
        _ => panic!("in a tool"),
    }
}

/// Tells something first.
#[tool]
async fn chatty(context: Context) -> &'static str {
    context.report_progress(1.0, Some(2.0), Some("half")).await;
    context.report_progress(2.0, Some(2.0), None).await;
    "told"
}

/// Who calls.
#[tool]
async fn whoami(context: Context) -> String {
    let token = crate::get_access_token().unwrap();
    assert_eq!(context.client_id(), token.client_id());
    format!(
        "{} {} {}",
        token.sub(),
        context.scopes(),
        context.request_id()
    )
}

/// For administrators.
#[tool(scopes("admin"))]
async fn admin() -> &'static str {
    "done"
}

/// Not even named.
#[tool(scopes("admin"), hidden)]
async fn secret() -> &'static str {
    "hidden"
}

/// A note.
#[resource("note://{id}")]
async fn note(id: String) -> Result<String, ToolError> {
    match id.as_str() {
        "none" => Err(ToolError::not_found("note://none")),
        "broken" => Err(ToolError::new("torn")),
        "panic" => panic!("in a resource"),
        _ => Ok(format!("note {id}")),
    }
}

/// Guarded.
#[resource("vault://gold", scopes("vault"), mime_type = "text/plain")]
async fn gold() -> &'static str {
    "gold"
}

/// Not even named.
#[resource("vault://hidden", scopes("vault"), hidden)]
async fn hidden() -> &'static str {
    "hidden"
}

/// Asks for a summary.
#[prompt]
async fn summary(text: String, tone: Option<String>) -> Result<String, ToolError> {
    match tone.as_deref() {
        Some("loud") => Err(ToolError::new("not loud")),
        Some("panic") => panic!("in a prompt"),
        tone => Ok(format!("Summarise {text} {tone:?}")),
    }
}

/// For administrators.
#[prompt(scopes("admin"))]
async fn plan() -> &'static str {
    "Plan"
}

async fn suggest(_context: Context, request: CompletionRequest) -> Result<Vec<String>, ToolError> {
    match request.value() {
        "fail" => Err(ToolError::new("no idea")),
        "panic" => panic!("in a completion"),
        value => Ok((0..120).map(|n| format!("{value}{n}")).collect()),
    }
}

fn components() -> Server {
    Server::new("same")
        .version("1.2.3")
        .instructions("Be the same.")
        .tool(add)
        .tool(echo)
        .tool(fail)
        .tool(chatty)
        .tool(whoami)
        .tool(admin)
        .tool(secret)
        .resource(note)
        .resource(gold)
        .resource(hidden)
        .prompt(summary)
        .prompt(plan)
        .completion(suggest)
}

fn app(server: Server, issuer: &TestIssuer) -> App {
    let clock: Arc<dyn Clock> = Arc::new(ByHand(TestClock::new()));
    let verifier = JwtVerifier::key_set(issuer.jwks())
        .issuer(ISSUER)
        .audience(AUDIENCE);
    server
        .auth(verifier)
        .required_scopes(["read"])
        .clock(clock)
        .into_app(&Http::bind("127.0.0.1:8000").public_url(AUDIENCE))
        .unwrap()
}

/// The same components as somebody else's handler, under the same rules by name.
fn foreign(sessions: Sessions, issuer: &TestIssuer) -> App {
    let clock: Arc<dyn Clock> = Arc::new(ByHand(TestClock::new()));
    let core = Arc::new(components().into_core().unwrap());
    let make = move || {
        let (core, clock) = (Arc::clone(&core), Arc::clone(&clock));
        RegistryHandler::new(core, clock, Caller::anonymous())
    };
    let server = Server::from_rmcp_with(make)
        .sessions(sessions)
        .tool_scopes("admin", ["admin"])
        .tool_scopes("secret", ["admin"])
        .hide_tool("secret")
        .resource_scopes("vault://gold", ["vault"])
        .resource_scopes("vault://hidden", ["vault"])
        .hide_resource("vault://hidden")
        .prompt_scopes("plan", ["admin"]);
    app(server, issuer)
}

/// What a client sees of an answer.
#[derive(PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, Option<String>)>,
    messages: Vec<Value>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            if let Some(value) = value {
                write!(f, " {name}: {value}")?;
            }
        }
        for message in &self.messages {
            write!(f, "\n    {message}")?;
        }
        Ok(())
    }
}

/// `Mcp-Session-Id` and event ids are left out: only one of two lanes has them. So
/// are `Date` and the lengths, which say nothing new.
const HEADERS: [&str; 6] = [
    "content-type",
    "www-authenticate",
    "cache-control",
    "retry-after",
    "allow",
    "x-accel-buffering",
];

async fn seen(request: RequestBuilder) -> Seen {
    let mut answer = request.send().await;
    let headers = HEADERS.map(|name| (name, answer.header(name).map(str::to_owned)));
    let messages = match answer.header("content-type") {
        Some(_) => answer.messages().await,
        None => Vec::new(),
    };
    Seen {
        status: answer.status(),
        headers: headers.to_vec(),
        messages,
    }
}

fn call(name: &str, arguments: Value) -> (&'static str, Value) {
    (
        "tools/call",
        json!({ "name": name, "arguments": arguments }),
    )
}

fn complete(reference: Value, argument: &str, value: &str) -> (&'static str, Value) {
    let argument = json!({ "name": argument, "value": value });
    let params = json!({ "ref": reference, "argument": argument });
    ("completion/complete", params)
}

/// Requests that every lane can serve.
fn requests() -> Vec<(&'static str, Value)> {
    let mut requests = calls();
    for uri in [
        "note://7",
        "note://%C3%BC%20x",
        "note://a/b",
        "note://../x",
        "note://none",
        "note://broken",
        "note://panic",
        "vault://gold",
        "vault://hidden",
        "vault://never",
        "",
    ] {
        requests.push(("resources/read", json!({ "uri": uri })));
    }
    for params in [
        json!({ "name": "summary", "arguments": { "text": "this" } }),
        json!({ "name": "summary", "arguments": { "text": "this", "tone": "loud" } }),
        json!({ "name": "summary", "arguments": { "text": "this", "tone": "panic" } }),
        json!({ "name": "summary" }),
        json!({ "name": "summary", "arguments": { "text": 5 } }),
        json!({ "name": "summary", "arguments": [] }),
        json!({ "name": "plan" }),
        json!({ "name": "never" }),
        json!({}),
    ] {
        requests.push(("prompts/get", params));
    }
    let summary = json!({ "type": "ref/prompt", "name": "summary" });
    for value in ["a", "fail", "panic"] {
        requests.push(complete(summary.clone(), "text", value));
    }
    for reference in [
        json!({ "type": "ref/prompt", "name": "plan" }),
        json!({ "type": "ref/prompt", "name": "never" }),
        json!({ "type": "ref/resource", "uri": "note://{id}" }),
        json!({ "type": "ref/resource", "uri": "vault://gold" }),
        json!({ "type": "ref/resource", "uri": "never://{x}" }),
        json!({ "type": "ref/other", "name": "x" }),
        json!(5),
    ] {
        requests.push(complete(reference, "id", "1"));
    }
    requests.push(("completion/complete", json!({})));
    for list in ["tools", "resources", "resources/templates", "prompts"] {
        for params in [json!({}), json!({ "cursor": "x" }), json!({ "more": 1 })] {
            requests.push((list_of(list), params));
        }
    }
    requests
}

fn list_of(list: &str) -> &'static str {
    match list {
        "tools" => "tools/list",
        "resources" => "resources/list",
        "prompts" => "prompts/list",
        _ => "resources/templates/list",
    }
}

fn calls() -> Vec<(&'static str, Value)> {
    let mut requests = vec![
        call("add", json!({ "a": 1, "b": -2 })),
        call("add", json!({ "a": 9_007_199_254_740_993_i64, "b": 0 })),
        call("add", json!({ "a": 1 })),
        call("add", json!({ "a": 1.5, "b": 2 })),
        call("add", json!({ "a": "1", "b": 2 })),
        call("add", json!({ "a": 1, "b": 2, "c": 3 })),
        call("add", json!([1, 2])),
        call("add", json!("text")),
        call("add", Value::Null),
        call(
            "echo",
            json!({ "text": "grüße \u{1F980} \"\\\n\u{0}", "times": 2 }),
        ),
        call(
            "echo",
            json!({ "text": "", "any": { "b": 1.0, "a": [1e300, 0.1, null] } }),
        ),
        call("echo", json!({ "text": "x", "times": null })),
        call("chatty", json!({})),
        call("whoami", json!({})),
        call("admin", json!({})),
        call("secret", json!({})),
        call("never", json!({})),
        ("tools/call", json!({ "name": "whoami" })),
        ("tools/call", json!({ "arguments": {} })),
        ("tools/call", json!({ "name": 5 })),
        ("x/unknown", json!({})),
        ("tools/Call", json!({ "name": "whoami" })),
    ];
    for how in [
        "message", "internal", "invalid", "missing", "scope", "protocol", "panic",
    ] {
        requests.push(call("fail", json!({ "how": how })));
    }
    let mut told = call("chatty", json!({}));
    told.1["_meta"] = json!({ "progressToken": "p-1" });
    requests.push(told);
    requests
}

/// Ids of every kind.
fn ids() -> [Value; 6] {
    [
        json!(7),
        json!("seven"),
        json!(""),
        json!("\u{FC}\"\n"),
        json!(i64::MAX),
        json!(-1),
    ]
}

async fn differences(requests: &[(String, RequestBuilder, RequestBuilder)]) -> Vec<String> {
    let mut differences = Vec::new();
    for (what, one, other) in requests {
        let (one, other) = (seen(one.clone()).await, seen(other.clone()).await);
        assert!(one.status != 0);
        if one != other {
            differences.push(format!("{what}\n  one   {one:?}\n  other {other:?}"));
        }
    }
    differences
}

fn token(issuer: &TestIssuer, scopes: &str) -> String {
    issuer.token().sub("alice").scopes(scopes).sign()
}

async fn legacy(app: &App, token: &str) -> LegacyClient {
    let mut client = LegacyClient::new(Client::service(app.clone()), "/mcp").bearer(token);
    client.initialize().await;
    client
}

/// Legacy requests in the same order with the same ids.
async fn legacy_differences(one: &App, other: &App, issuer: &TestIssuer) -> Vec<String> {
    let mut pairs = Vec::new();
    for scopes in ["read", "read admin vault"] {
        let token = token(issuer, scopes);
        let one = legacy(one, &token).await;
        let other = legacy(other, &token).await;
        let only_legacy = [
            ("ping", json!({})),
            ("logging/setLevel", json!({ "level": "warning" })),
            ("logging/setLevel", json!({ "level": "loud" })),
            ("server/discover", json!({})),
            ("subscriptions/listen", json!({})),
        ];
        for (method, params) in requests().into_iter().chain(only_legacy) {
            let what = format!("{scopes}: {method} {params}");
            let mcp = |client: &LegacyClient| client.mcp(method, params.clone());
            pairs.push((what, mcp(&one), mcp(&other)));
        }
        for id in ids() {
            let body = json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
            let what = format!("{scopes}: id {id}");
            pairs.push((what, one.with_body(&body), other.with_body(&body)));
        }
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": {} });
        let what = "a notification".to_owned();
        pairs.push((what, one.with_body(&told), other.with_body(&told)));
    }
    differences(&pairs).await
}

#[tokio::test(start_paused = true)]
async fn a_legacy_request_is_answered_alike_with_and_without_a_session() {
    let issuer = TestIssuer::as_test();
    let direct = app(components().sessions(Sessions::Never), &issuer);
    let lane = app(components().sessions(Sessions::Always), &issuer);
    let differences = legacy_differences(&direct, &lane, &issuer).await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The SDK holds an id in 64 bits. What does not fit is refused there, where the
/// direct lane gives it back as it came.
#[tokio::test(start_paused = true)]
async fn e15_an_id_that_the_sdk_cannot_hold_is_refused_and_not_rounded() {
    let issuer = TestIssuer::as_test();
    let token = token(&issuer, "read");
    let id = "123456789012345678901234567890";
    let ping = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
    let direct = app(components().sessions(Sessions::Never), &issuer);
    let client = legacy(&direct, &token).await;
    let answer = client.mcp("ping", json!({})).body(ping.clone());
    assert!(answer.send().await.text().await.contains(id));
    let lane = app(components().sessions(Sessions::Always), &issuer);
    for app in [lane, foreign(Sessions::Never, &issuer)] {
        let client = legacy(&app, &token).await;
        let answer = client.mcp("ping", json!({})).body(ping.clone());
        let mut answer = answer.send().await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json().await["error"]["code"], -32600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_legacy_request_is_answered_alike_by_a_handler_of_the_sdk() {
    let issuer = TestIssuer::as_test();
    for sessions in [Sessions::Always, Sessions::Never] {
        let ours = app(components().sessions(sessions), &issuer);
        let theirs = foreign(sessions, &issuer);
        let differences = legacy_differences(&ours, &theirs, &issuer).await;
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_of_2026_07_28_is_answered_alike_by_a_handler_of_the_sdk() {
    let issuer = TestIssuer::as_test();
    let (direct, foreign) = (
        app(components(), &issuer),
        foreign(Sessions::Never, &issuer),
    );
    let mut pairs = Vec::new();
    for scopes in ["read", "read admin vault"] {
        let token = token(&issuer, scopes);
        let client =
            |app: &App| ModernClient::new(Client::service(app.clone()), "/mcp").bearer(&token);
        let (one, other) = (client(&direct), client(&foreign));
        let only_modern = [
            ("server/discover", json!({})),
            ("initialize", json!({})),
            ("ping", json!({})),
            ("logging/setLevel", json!({ "level": "warning" })),
            ("resources/subscribe", json!({ "uri": "note://7" })),
        ];
        for (method, params) in requests().into_iter().chain(only_modern) {
            let what = format!("{scopes}: {method} {params}");
            let mcp = |client: &ModernClient| client.mcp(method, params.clone());
            pairs.push((what, mcp(&one), mcp(&other)));
        }
        for id in ids() {
            let mut body = one.body("tools/list", json!({}));
            body["id"] = id.clone();
            let what = format!("{scopes}: id {id}");
            pairs.push((what, one.with_body(&body), other.with_body(&body)));
        }
    }
    let differences = differences(&pairs).await;
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
