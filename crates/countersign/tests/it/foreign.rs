//! A handler that was written for the SDK, behind our front: M-20, E21, E34, E39, H3.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::verifier::JwtVerifier;
use countersign::{App, Caller, ServeError, Server, current_context, get_access_token};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, CustomRequest, CustomResult, ErrorData, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    Resource, ResourceContents, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use testkit::{AUDIENCE, CaptureLog, ISSUER, LegacyClient, ModernClient, TestClock, TestIssuer};

use crate::fixture::{HandClock, place};

const TOOLS: [&str; 3] = ["whoami", "delete_all", "panics"];

/// As somebody would have written it who never heard of authentication.
#[derive(Clone, Default)]
pub(crate) struct Theirs(pub(crate) Arc<AtomicUsize>);

impl ServerHandler for Theirs {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities).with_instructions("theirs")
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = Arc::new(json!({ "type": "object" }).as_object().cloned().unwrap());
        assert!(current_context().is_some(), "whoever lists knows for whom");
        let tools = TOOLS.map(|name| Tool::new(name, "", Arc::clone(&schema)));
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let parts = context.extensions.get::<http::request::Parts>().unwrap();
        // E42: the token is for the check that was made, and for nobody behind it.
        assert!(!parts.headers.contains_key("authorization"));
        let caller = parts.extensions.get::<Caller>().unwrap();
        let token = get_access_token().unwrap();
        assert_eq!(caller.principal(), Some(token.principal()));
        assert!(request.name != "panics", "a secret canary-51f0");
        if !TOOLS.contains(&&*request.name) {
            return Err(ErrorData::invalid_params("their tool is unknown", None));
        }
        let said = request.arguments.unwrap_or_default();
        let said = said.get("say").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{} as {}{said}", request.name, token.sub());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![
            Resource::new("file:///public/a", "a"),
            Resource::new("file:///vault/b", "b"),
        ]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.0.fetch_add(1, Ordering::SeqCst);
        if request.uri.ends_with("none") {
            return Err(ErrorData::resource_not_found("their words", None));
        }
        let contents = vec![ResourceContents::text("content", request.uri)];
        Ok(ReadResourceResult::new(contents).into())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(CompleteResult::default())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(CustomResult::new(json!({ "custom": request.method })))
    }
}

struct Fixture {
    app: App,
    issuer: TestIssuer,
    runs: Arc<AtomicUsize>,
}

pub(crate) fn protected(server: Server, issuer: &TestIssuer) -> Server {
    server
        .auth(
            JwtVerifier::key_set(issuer.jwks())
                .issuer(ISSUER)
                .audience(AUDIENCE),
        )
        .clock(Arc::new(HandClock(TestClock::new())))
        .tool_scopes("delete_all", ["admin"])
        .resource_scopes("file:///vault/{+path}", ["vault"])
}

impl Fixture {
    fn new() -> Self {
        let issuer = TestIssuer::as_test();
        let handler = Theirs::default();
        let runs = Arc::clone(&handler.0);
        let server = protected(Server::from_rmcp(handler), &issuer);
        let app = server.into_app(&place()).unwrap();
        Self { app, issuer, runs }
    }

    fn token(&self, subject: &str, scopes: &str) -> String {
        self.issuer.token().sub(subject).scopes(scopes).sign()
    }

    fn modern(&self, scopes: &str) -> ModernClient {
        let http = testkit::Http::service(self.app.clone());
        ModernClient::new(http, "/mcp").bearer(&self.token("alice", scopes))
    }

    async fn legacy(&self, subject: &str, scopes: &str) -> LegacyClient {
        let http = testkit::Http::service(self.app.clone());
        let token = self.token(subject, scopes);
        let mut client = LegacyClient::new(http, "/mcp").bearer(&token);
        client.initialize().await;
        client
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

pub(crate) fn names(result: &Value, list: &str) -> Vec<String> {
    let items = result[list].as_array().unwrap();
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    items.iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nothing_reaches_the_handler() {
    let fixture = Fixture::new();
    let http = testkit::Http::service(fixture.app.clone());
    let modern = ModernClient::new(http.clone(), "/mcp");
    let legacy = LegacyClient::new(http, "/mcp").with_session(Some("any"));
    let call = json!({ "name": "whoami", "arguments": {} });
    for request in [
        modern.mcp("tools/call", call.clone()),
        modern.mcp("server/discover", json!({})),
        modern.mcp("x/custom", json!({})),
        legacy.mcp("initialize", json!({})),
        legacy.mcp("tools/call", call),
        legacy.listen(),
        legacy.delete(),
    ] {
        assert_eq!(request.send().await.status(), 401);
    }
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn e39_a_tool_with_scopes_is_a_403_under_every_spelling_in_both_eras() {
    let fixture = Fixture::new();
    let modern = fixture.modern("read");
    let legacy = fixture.legacy("alice", "read").await;
    for name in ["delete_all", "DELETE_ALL", " delete_all"] {
        let call = json!({ "name": name, "arguments": {} });
        for request in [
            modern.mcp("tools/call", call.clone()),
            legacy.mcp("tools/call", call),
        ] {
            let answer = request.send().await;
            assert_eq!(answer.status(), 403, "{name:?} {answer:?}");
            let challenge = answer.challenge();
            assert!(
                challenge.contains("error=\"insufficient_scope\""),
                "{challenge}"
            );
            assert!(challenge.contains("scope=\"admin\""), "{challenge}");
        }
    }
    for uri in [
        "file:///vault/b",
        "FILE:///public/../vault/b",
        "file:///%76ault/b",
    ] {
        let read = json!({ "uri": uri });
        let answer = legacy.send("resources/read", read.clone()).await;
        assert_eq!(answer.status(), 403, "{uri}");
        assert_eq!(
            modern.send("resources/read", read).await.status(),
            403,
            "{uri}"
        );
    }
    let reference = json!({ "type": "ref/resource", "uri": "file:///vault/{+path}" });
    let complete = json!({ "ref": reference, "argument": { "name": "path", "value": "b" } });
    for request in [
        legacy.mcp("completion/complete", complete.clone()),
        modern.mcp("completion/complete", complete),
        legacy.mcp("resources/subscribe", json!({ "uri": "file:///vault/b" })),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status(), 403, "{answer:?}");
        assert!(answer.challenge().contains("scope=\"vault\""));
    }
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn lists_show_what_the_caller_may_use_and_nobody_may_share_them() {
    let fixture = Fixture::new();
    for (scopes, tools, resources) in [
        ("read", vec!["whoami", "panics"], vec!["a"]),
        ("admin", vec!["whoami", "delete_all", "panics"], vec!["a"]),
        ("vault", vec!["whoami", "panics"], vec!["a", "b"]),
    ] {
        let modern = fixture.modern(scopes);
        let listed = modern.result("tools/list", json!({})).await;
        assert_eq!(names(&listed, "tools"), tools);
        assert_eq!(listed["cacheScope"], "private");
        let listed = fixture.legacy("alice", scopes).await;
        let listed = listed.result("resources/list", json!({})).await;
        assert_eq!(names(&listed, "resources"), resources);
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_knows_its_caller_in_both_eras() {
    let fixture = Fixture::new();
    let result = fixture.modern("admin").call("delete_all", json!({})).await;
    assert_eq!(text(&result), "delete_all as alice");
    let bob = fixture.legacy("bob", "").await;
    assert_eq!(text(&bob.call("whoami", json!({})).await), "whoami as bob");
    let odd = json!({ "name": 1, "uri": [], "taskId": {} });
    for params in [json!({ "a": 1 }), odd] {
        let custom = bob.result("x/custom", params).await;
        assert_eq!(custom["custom"], "x/custom");
    }
}

#[tokio::test(start_paused = true)]
async fn e21_its_sessions_belong_to_their_users() {
    let fixture = Fixture::new();
    let alice = fixture.legacy("alice", "read").await;
    let bob = fixture.legacy("bob", "read").await;
    let stolen = bob.with_session(alice.session());
    for request in [
        stolen.mcp("ping", json!({})),
        stolen.listen(),
        stolen.delete(),
    ] {
        assert_eq!(request.send().await.status(), 404);
    }
    assert_eq!(alice.send("ping", json!({})).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn e34_headers_that_differ_from_the_body_never_reach_the_handler() {
    let fixture = Fixture::new();
    let modern = fixture.modern("read admin");
    let call = json!({ "name": "delete_all", "arguments": {} });
    for request in [
        modern
            .mcp("tools/call", call.clone())
            .header("mcp-name", "whoami"),
        modern
            .mcp("tools/call", call.clone())
            .header("mcp-method", "tools/list"),
        modern.mcp("tools/call", call).without("mcp-name"),
    ] {
        let mut answer = request.send().await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json().await["error"]["code"], -32020);
    }
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn e16_parameters_that_the_sdk_cannot_read_are_no_custom_requests() {
    let fixture = Fixture::new();
    let alice = fixture.legacy("alice", "read").await;
    for (method, params) in [
        (
            "tools/call",
            json!({ "name": "whoami", "arguments": "text" }),
        ),
        ("tools/call", json!({ "arguments": {} })),
        ("resources/read", json!({})),
    ] {
        let answer = alice.send(method, params).await.response().await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn h3_a_panic_of_the_handler_is_an_internal_error_and_its_text_stays_here() {
    let (log, _guard) = CaptureLog::start();
    let fixture = Fixture::new();
    let call = json!({ "name": "panics", "arguments": {} });
    let alice = fixture.legacy("alice", "read").await;
    let mut answer = alice.send("tools/call", call.clone()).await;
    let answer = answer.response().await;
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert!(!answer.to_string().contains("canary"));
    let mut answer = fixture.modern("read").send("tools/call", call).await;
    assert_eq!(answer.response().await["error"]["code"], -32603);
    log.assert_absent("canary-51f0");
}

#[tokio::test]
async fn contradictions_do_not_start() {
    let theirs = || Server::from_rmcp(Theirs::default());
    let refused = |server: Server| match server.into_app(&place()) {
        Err(ServeError::Configuration(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(Server::new("x").tool_scopes("a", ["b"])).contains("from_rmcp"));
    assert!(refused(theirs().tool_scopes("a", ["b c"])).contains("scope"));
    assert!(refused(theirs().prompt_scopes("a", ["b"])).contains("add a verifier"));
    let issuer = TestIssuer::as_test();
    let notified = theirs().notifier(&countersign::Notifier::new());
    assert!(refused(protected(notified, &issuer)).contains("of their own"));
    let scopes = theirs().tool_scopes("a", ["b"]).serve_stdio().await;
    assert!(scopes.unwrap_err().to_string().contains("over stdio"));
    let stdio = protected(theirs(), &issuer).serve_stdio().await;
    assert!(stdio.unwrap_err().to_string().contains("no OAuth"));
    let client = theirs().test_client().unwrap_err();
    assert!(client.to_string().contains("in-memory"), "{client}");
}

/// The names of the functions that `source` declares.
fn functions(source: &str) -> BTreeSet<String> {
    let declared = source.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        let name = line.strip_prefix("fn ")?;
        name.split(['(', '<']).next().map(str::to_owned)
    });
    declared.collect()
}

#[test]
fn every_method_of_the_trait_of_the_sdk_is_forwarded() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let sdk = packages
        .iter()
        .find(|package| package["name"] == "rmcp")
        .unwrap();
    let manifest = std::path::Path::new(sdk["manifest_path"].as_str().unwrap());
    let source = manifest.with_file_name("src/handler/server.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let body = source
        .split("macro_rules! server_handler_methods")
        .nth(1)
        .unwrap();
    let body = body.split("pub trait ServerHandler").next().unwrap();
    let demanded = functions(body);
    assert!(demanded.len() >= 32, "{demanded:?}");

    let ours = include_str!("../../src/rmcp_lane/foreign_handler.rs");
    let ours = ours
        .split("ServerHandler for ForeignHandler<H> {")
        .nth(1)
        .unwrap();
    assert_eq!(functions(ours), demanded);
}
