//! A handler that was written for the SDK, behind our rules: hidden components,
//! one decision per request, middleware, and clients without sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::middleware::{
    Completion, Discovery, Initialization, Middleware, Next, Request, Response, ToolCall,
    ToolListing,
};
use countersign::policy::{Action, Component, Denial, Policy};
use countersign::protocol::{
    CallToolResponse, CompletionInfo, DiscoverResult, InitializeResult, Tool,
};
use countersign::{App, Caller, Server, Sessions, ToolError};
use countersign_oauth::UnixTime;
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient, TestIssuer};

use crate::fixture::place;
use crate::foreign::{Theirs, names, protected, text};

fn app(change: impl FnOnce(Server) -> Server) -> (App, TestIssuer) {
    let issuer = TestIssuer::as_test();
    let server = change(protected(Server::from_rmcp(Theirs::default()), &issuer));
    (server.into_app(&place()).unwrap(), issuer)
}

fn modern((app, issuer): &(App, TestIssuer), scopes: &str) -> ModernClient {
    let token = issuer.token().sub("alice").scopes(scopes).sign();
    let http = testkit::Http::service(app.clone());
    ModernClient::new(http, "/mcp").bearer(&token)
}

async fn legacy((app, issuer): &(App, TestIssuer), scopes: &str) -> LegacyClient {
    let token = issuer.token().sub("alice").scopes(scopes).sign();
    let http = testkit::Http::service(app.clone());
    let mut client = LegacyClient::new(http, "/mcp").bearer(&token);
    client.initialize().await;
    client
}

/// The answer with its status, without what a client chose itself.
async fn answer(request: testkit::client::http::RequestBuilder, asked: &str) -> (u16, Value) {
    let mut answer = request.send().await;
    let mut message = answer.response().await;
    message["id"] = Value::Null;
    let text = message.to_string().replace(asked, "<asked>");
    (answer.status(), serde_json::from_str(&text).unwrap())
}

#[tokio::test(start_paused = true)]
async fn e39_hidden_components_answer_like_unknown_ones_in_both_eras() {
    let server = app(|server| {
        server
            .hide_tool("Delete_all")
            .hide_resource("file:///vault/{+path}")
            .prompt_scopes("plan", ["plans"])
            .hide_prompt("plan")
    });
    let modern = modern(&server, "read");
    let legacy = legacy(&server, "read").await;
    for (method, hidden, unknown) in [
        ("tools/call", "delete_all", "never_was"),
        ("tools/call", "DELETE_ALL", "never_was"),
        ("resources/read", "file:///vault/b", "file:///public/none"),
        ("prompts/get", "plan", "never_was"),
    ] {
        let params = |asked: &str| match method {
            "resources/read" => json!({ "uri": asked }),
            _ => json!({ "name": asked }),
        };
        let told = answer(modern.mcp(method, params(hidden)), hidden).await;
        let truth = answer(modern.mcp(method, params(unknown)), unknown).await;
        assert!(told.1["error"]["code"].is_i64(), "{method} {told:?}");
        assert_eq!(told, truth, "{method}");
        let told = answer(legacy.mcp(method, params(hidden)), hidden).await;
        let truth = answer(legacy.mcp(method, params(unknown)), unknown).await;
        assert_eq!(told, truth, "{method}");
    }
    for (hidden, unknown) in [("plan", "never_was")] {
        let params = |name: &str| {
            let reference = json!({ "type": "ref/prompt", "name": name });
            json!({ "ref": reference, "argument": { "name": "a", "value": "b" } })
        };
        let complete = "completion/complete";
        let told = answer(legacy.mcp(complete, params(hidden)), hidden).await;
        let truth = answer(legacy.mcp(complete, params(unknown)), unknown).await;
        assert_eq!(told, truth);
    }
    let admin = self::modern(&server, "admin");
    let allowed = admin.call("delete_all", json!({})).await;
    assert_eq!(text(&allowed), "delete_all as alice");
}

/// Counts what it is asked, and makes one tool unknown.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl Policy for Counting {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match action.component {
            Some(component) if component.name == "delete_all" => Err(Denial::Unknown),
            _ => Ok(()),
        }
    }

    fn shows(&self, _: &Caller, component: Component<'_>, _: UnixTime) -> bool {
        component.name != "delete_all"
    }
}

#[tokio::test(start_paused = true)]
async fn lists_show_what_every_policy_shows() {
    let server = app(|server| server.policy(Counting::default()));
    let client = modern(&server, "admin");
    let listed = client.result("tools/list", json!({})).await;
    assert_eq!(names(&listed, "tools"), ["whoami", "panics"]);
}

#[tokio::test(start_paused = true)]
async fn each_request_is_decided_once() {
    let counting = Counting::default();
    let asked = Arc::clone(&counting.0);
    let server = app(|server| server.policy(counting));
    let modern = modern(&server, "read admin vault");
    let legacy = legacy(&server, "read admin vault").await;
    let reference = json!({ "type": "ref/resource", "uri": "file:///{+path}" });
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "whoami" })),
        ("tools/call", json!({ "name": "delete_all" })),
        ("resources/read", json!({ "uri": "file:///public/a" })),
        (
            "completion/complete",
            json!({ "ref": reference, "argument": { "name": "path", "value": "" } }),
        ),
        ("x/custom", json!({})),
    ] {
        asked.store(0, Ordering::SeqCst);
        modern.send(method, params.clone()).await.response().await;
        assert_eq!(asked.load(Ordering::SeqCst), 1, "2026-07-28 {method}");
        legacy.send(method, params).await.response().await;
        assert_eq!(asked.load(Ordering::SeqCst), 2, "2025-11-25 {method}");
    }
}

/// Changes what comes in and what goes out.
#[derive(Default)]
struct Meddler(Arc<AtomicUsize>);

impl Middleware for Meddler {
    async fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        next.run(request).await
    }

    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let mut arguments = call.arguments()?;
        if arguments.contains_key("stop") {
            return Err(ToolError::new(format!("{} is stopped", call.name())));
        }
        arguments.insert("say".to_owned(), json!(", loudly"));
        next.run(call.with_arguments(arguments)).await
    }

    async fn on_list_tools(
        &self,
        listing: ToolListing,
        next: Next<'_, ToolListing>,
    ) -> Result<Vec<Tool>, ToolError> {
        let mut tools = next.run(listing).await?;
        tools.retain(|tool| tool.name != "panics");
        Ok(tools)
    }

    async fn on_complete(
        &self,
        completion: Completion,
        next: Next<'_, Completion>,
    ) -> Result<CompletionInfo, ToolError> {
        let mut found = next.run(completion).await?;
        found.values.push("meddled".to_owned());
        Ok(found)
    }

    async fn on_initialize(
        &self,
        initialization: Initialization,
        next: Next<'_, Initialization>,
    ) -> Result<InitializeResult, ToolError> {
        let mut result = next.run(initialization).await?;
        result.instructions = Some("meddled".to_owned());
        Ok(result)
    }

    async fn on_discover(
        &self,
        discovery: Discovery,
        next: Next<'_, Discovery>,
    ) -> Result<DiscoverResult, ToolError> {
        let mut result = next.run(discovery).await?;
        result.instructions = Some("meddled".to_owned());
        Ok(result)
    }
}

#[tokio::test(start_paused = true)]
async fn m_21_middleware_sees_and_changes_what_goes_to_the_handler() {
    let meddler = Meddler::default();
    let seen = Arc::clone(&meddler.0);
    let server = app(|server| server.middleware(meddler));
    let modern = modern(&server, "read");
    let token = server.1.token().sub("alice").scopes("read").sign();
    let http = testkit::Http::service(server.0.clone());
    let mut legacy = LegacyClient::new(http, "/mcp").bearer(&token);
    assert_eq!(legacy.initialize().await["instructions"], "meddled");
    let discovered = modern.result("server/discover", json!({})).await;
    assert_eq!(discovered["instructions"], "meddled");
    assert_eq!(seen.load(Ordering::SeqCst), 2);

    let reference = json!({ "type": "ref/resource", "uri": "file:///{+path}" });
    let complete = json!({ "ref": reference, "argument": { "name": "path", "value": "" } });
    let stop = json!({ "name": "whoami", "arguments": { "stop": true } });
    let (list, call) = (json!({}), json!({ "name": "whoami" }));
    for (method, params) in [
        ("tools/list", list),
        ("tools/call", call),
        ("tools/call", stop),
        ("completion/complete", complete),
    ] {
        let answers = [
            modern.result(method, params.clone()).await,
            legacy.result(method, params.clone()).await,
        ];
        for result in answers {
            match method {
                "tools/list" => assert_eq!(names(&result, "tools"), ["whoami"]),
                "completion/complete" => {
                    assert_eq!(result["completion"]["values"], json!(["meddled"]));
                }
                _ if params["arguments"]["stop"] == true => {
                    assert_eq!(result["isError"], true);
                    assert_eq!(text(&result), "whoami is stopped");
                }
                _ => assert_eq!(text(&result), "whoami as alice, loudly"),
            }
        }
    }
    assert_eq!(seen.load(Ordering::SeqCst), 10);
    let denied = modern.send("tools/call", json!({ "name": "delete_all" }));
    assert_eq!(denied.await.status(), 403);
    assert_eq!(seen.load(Ordering::SeqCst), 10, "the refused are not seen");
}

#[tokio::test(start_paused = true)]
async fn m_15_callers_without_a_token_see_and_use_what_needs_no_scope() {
    let (app, _issuer) = app(|server| server.optional_auth().hide_resource("file:///vault/b"));
    let http = || testkit::Http::service(app.clone());
    let modern = ModernClient::new(http(), "/mcp");
    let mut legacy = LegacyClient::new(http(), "/mcp");
    legacy.initialize().await;
    let guarded = json!({ "name": "delete_all" });
    let hidden = json!({ "uri": "file:///vault/b" });
    let open = json!({ "uri": "file:///public/a" });
    for request in [
        modern.mcp("tools/call", guarded.clone()),
        legacy.mcp("tools/call", guarded),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status(), 401);
        assert!(answer.challenge().contains("scope=\"admin\""));
    }
    for request in [
        modern.mcp("resources/read", hidden.clone()),
        legacy.mcp("resources/read", hidden),
    ] {
        let answer = request.send().await.response().await;
        assert_eq!(answer["error"]["message"], "Resource not found");
    }
    for result in [
        modern.result("tools/list", json!({})).await,
        legacy.result("tools/list", json!({})).await,
    ] {
        assert_eq!(names(&result, "tools"), ["whoami", "panics"]);
    }
    for result in [
        modern.result("resources/read", open.clone()).await,
        legacy.result("resources/read", open).await,
    ] {
        assert_eq!(result["contents"][0]["text"], "content");
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_clients_are_served_without_sessions_too() {
    let server = app(|server| server.sessions(Sessions::Never));
    let alice = legacy(&server, "read").await;
    assert_eq!(alice.session(), None);
    let refused = alice.send("tools/call", json!({ "name": "delete_all" }));
    let refused = refused.await;
    assert_eq!(refused.status(), 403);
    assert!(refused.challenge().contains("scope=\"admin\""));
    let listed = alice.result("tools/list", json!({})).await;
    assert_eq!(names(&listed, "tools"), ["whoami", "panics"]);
    let called = alice.call("whoami", json!({})).await;
    assert_eq!(text(&called), "whoami as alice");
    assert_eq!(alice.listen().send().await.status(), 405);
    assert_eq!(alice.delete().send().await.status(), 405);
    assert_eq!(server.0.open_sessions(), 0);
}
