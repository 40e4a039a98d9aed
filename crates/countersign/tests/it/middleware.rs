//! Code around requests, and the middleware that is shipped.

use std::sync::{Arc, Mutex};

use countersign::in_memory::{CallError, InMemoryClient};
use countersign::middleware::{
    ErrorMasking, Logging, Middleware, Next, Request, Response, Timing, ToolCall, ToolListing,
};
use countersign::protocol::{
    CallToolResponse, CallToolResult, ContentBlock, ErrorData, Reference, Tool,
};
use countersign::{
    AccessToken, Context, Server, ToolError, component::CompletionRequest, prompt, tool,
};
use countersign_resource_server::Assertion;
use countersign_resource_server::oauth::ScopeSet;
use serde_json::{Value, json};
use testkit::CaptureLog;

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes when it is entered and left.
struct Witness(&'static str, Notes);

impl Witness {
    fn note(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
    }
}

impl Middleware for Witness {
    async fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        self.note("request in");
        let outcome = next.run(request).await;
        self.note("request out");
        outcome
    }

    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        self.note("call in");
        let outcome = next.run(call).await;
        self.note("call out");
        outcome
    }
}

/// Shouts arguments, hides one tool from the list and answers one call itself.
struct Meddler;

impl Middleware for Meddler {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let mut arguments = call.arguments()?;
        if arguments.get("text") == Some(&json!("stop")) {
            return Err(ToolError::new("stopped"));
        }
        let loud = arguments
            .get("text")
            .and_then(Value::as_str)
            .map(str::to_uppercase);
        if let Some(loud) = loud {
            arguments.insert("text".to_owned(), Value::String(loud));
        }
        next.run(call.with_arguments(arguments)).await
    }

    async fn on_list_tools(
        &self,
        listing: ToolListing,
        next: Next<'_, ToolListing>,
    ) -> Result<Vec<Tool>, ToolError> {
        let mut tools = next.run(listing).await?;
        tools.retain(|tool| tool.name != "fail");
        Ok(tools)
    }
}

/// Keeps the call of an allowed tool and hands it on instead of another one.
struct Swapper(Mutex<Option<ToolCall>>);

impl Middleware for Swapper {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let kept = self.0.lock().unwrap().take();
        match kept {
            Some(kept) => next.run(kept).await,
            None => {
                *self.0.lock().unwrap() = Some(call);
                Err(ToolError::new("kept"))
            }
        }
    }
}

/// Panics.
struct Fragile;

impl Middleware for Fragile {
    async fn on_request(
        &self,
        _request: Request,
        _next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        panic!("canary of a panic");
    }
}

/// Says what it is told.
#[tool]
async fn echo(text: String) -> String {
    text
}

/// Fails in several ways.
#[tool]
async fn fail(how: String) -> Result<CallToolResult, ToolError> {
    match how.as_str() {
        "message" => Err(ToolError::new("canary-message")),
        "internal" => Err(std::io::Error::other("canary-internal\nSELECT 1").into()),
        "protocol" => Err(ToolError::protocol(ErrorData::internal_error(
            "canary-protocol",
            Some(json!("canary-data")),
        ))),
        "invalid" => Err(ToolError::invalid_arguments("canary-invalid")),
        "result" => Ok(CallToolResult::error(vec![ContentBlock::text(
            "canary-result",
        )])),
        _ => panic!("canary-panic"),
    }
}

/// A prompt.
#[prompt]
async fn story(hero: String) -> String {
    format!("Once upon a time there was {hero}")
}

fn server() -> Server {
    Server::new("Watched").tool(echo).tool(fail).prompt(story)
}

fn alice() -> AccessToken {
    let scopes = ScopeSet::from_names(["read"]).unwrap();
    AccessToken::assertion(
        Assertion::new("https://a.example", "alice")
            .client_id("app")
            .scopes(scopes),
    )
}

async fn said(client: &InMemoryClient, arguments: Value) -> String {
    let result = client.call_tool("echo", arguments).await.unwrap();
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn the_middleware_that_was_added_first_is_outermost() {
    let notes = Notes::default();
    let client = server()
        .middleware(Witness("outer", Arc::clone(&notes)))
        .middleware(Witness("inner", Arc::clone(&notes)))
        .test_client()
        .unwrap();
    assert_eq!(said(&client, json!({ "text": "a" })).await, "a");
    let expected = [
        "outer request in",
        "outer call in",
        "inner request in",
        "inner call in",
        "inner call out",
        "inner request out",
        "outer call out",
        "outer request out",
    ];
    assert_eq!(*notes.lock().unwrap(), expected);
    notes.lock().unwrap().clear();
    client.list_prompts().await.unwrap();
    client.discover().await.unwrap();
    let requests = notes.lock().unwrap();
    assert_eq!(requests.len(), 8);
    assert!(requests.iter().all(|note| note.contains("request")));
}

#[tokio::test]
async fn middleware_changes_arguments_answers_itself_and_changes_lists() {
    let plain = server().test_client().unwrap();
    assert_eq!(plain.list_tools().await.unwrap().len(), 2);
    let client = server().middleware(Meddler).test_client().unwrap();
    assert_eq!(said(&client, json!({ "text": "a" })).await, "A");
    let stopped = client
        .call_tool("echo", json!({ "text": "stop" }))
        .await
        .unwrap();
    assert_eq!(stopped.is_error, Some(true));
    let tools = client.list_tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0].name, "echo");
}

#[tokio::test]
async fn middleware_cannot_run_another_tool_than_the_permitted_one() {
    /// Only for some.
    #[tool(scopes("admin"))]
    async fn erase() -> String {
        "erased".to_owned()
    }
    let client = server()
        .tool(erase)
        .middleware(Swapper(Mutex::default()))
        .test_client()
        .unwrap();
    let scopes = ScopeSet::from_names(["admin"]).unwrap();
    let admin = AccessToken::assertion(Assertion::new("https://a.example", "root").scopes(scopes));
    let kept = client
        .clone()
        .caller(admin)
        .call_tool("erase", json!({}))
        .await
        .unwrap();
    assert_eq!(kept.is_error, Some(true));
    let outcome = client
        .caller(alice())
        .call_tool("echo", json!({ "text": "a" }))
        .await;
    let shown = format!("{outcome:?}");
    assert!(!shown.contains("erased"), "{shown}");
}

#[tokio::test]
async fn h3_a_panic_of_middleware_fails_the_request_and_shows_nothing() {
    let (log, _guard) = CaptureLog::start();
    let client = server().middleware(Fragile).test_client().unwrap();
    let shown = format!(
        "{:?}",
        client.call_tool("echo", json!({ "text": "a" })).await
    );
    assert!(!shown.contains("canary"), "{shown}");
    let error = client.list_tools().await.unwrap_err();
    assert_eq!(error.code(), Some(-32603));
    log.assert_absent("canary of a panic");
}

#[tokio::test]
async fn h2_h3_masked_errors_say_nothing_of_what_went_wrong() {
    let open = server().test_client().unwrap();
    let masked = server()
        .middleware(ErrorMasking::new())
        .test_client()
        .unwrap();
    let shown = async |client: &InMemoryClient, how: &str| {
        format!(
            "{:?}",
            client.call_tool("fail", json!({ "how": how })).await
        )
    };
    for how in ["internal", "panic"] {
        assert!(!shown(&open, how).await.contains("canary"), "{how}");
    }
    for how in ["message", "protocol", "invalid", "result"] {
        assert!(shown(&open, how).await.contains("canary"), "{how}");
    }
    for how in [
        "message", "internal", "protocol", "invalid", "result", "panic",
    ] {
        let shown = shown(&masked, how).await;
        assert!(!shown.contains("canary"), "{how}: {shown}");
    }
    let invalid = masked
        .call_tool("fail", json!({ "how": "invalid" }))
        .await
        .unwrap_err();
    assert_eq!(invalid.code(), Some(-32602));
    let failed = masked
        .call_tool("fail", json!({ "how": "message" }))
        .await
        .unwrap();
    assert_eq!(failed.is_error, Some(true));
    let fine = masked
        .call_tool("echo", json!({ "text": "a" }))
        .await
        .unwrap();
    assert_eq!(fine.content[0].as_text().unwrap().text, "a");
}

#[tokio::test]
async fn h1_the_log_names_the_caller_and_keeps_payloads_out() {
    let (log, _guard) = CaptureLog::start();
    let client = server()
        .middleware(Logging::new())
        .middleware(Timing::new())
        .test_client()
        .unwrap()
        .caller(alice());
    said(&client, json!({ "text": "canary-payload" })).await;
    let _ = client
        .call_tool("fail", json!({ "how": "message" }))
        .await
        .unwrap();
    let text = log.text();
    for known in [
        "alice",
        "https://a.example",
        "app",
        "tools/call",
        "echo",
        "ok",
        "tool error",
        "milliseconds",
        "microseconds",
    ] {
        assert!(text.contains(known), "{known}: {text}");
    }
    log.assert_absent("canary");
}

#[tokio::test]
async fn h1_payloads_are_logged_when_asked_for() {
    let (log, _guard) = CaptureLog::start();
    let client = server()
        .middleware(Logging::new().payloads())
        .test_client()
        .unwrap();
    said(&client, json!({ "text": "seen" })).await;
    assert!(log.text().contains("seen"));
    let long = "x".repeat(100_000);
    said(&client, json!({ "text": long })).await;
    assert!(log.text().len() < 50_000);
}

#[tokio::test]
async fn h10_one_event_is_one_line_whatever_a_client_writes() {
    let hostile = "a\r\nINFO forged\u{1b}[31m\u{2028}\u{202e}\"} {";
    let (log, _guard) = CaptureLog::start();
    let client = server()
        .middleware(Logging::new().payloads())
        .test_client()
        .unwrap()
        .caller(AccessToken::assertion(
            Assertion::new("https://a.example", hostile).client_id(hostile),
        ));
    log.clear();
    client
        .call_tool("echo", json!({ "text": hostile }))
        .await
        .unwrap();
    let lines = log.lines();
    let events = lines
        .iter()
        .filter(|line| line.contains("countersign::"))
        .count();
    assert_eq!(events, 2, "{lines:?}");
    assert_eq!(lines.len(), events, "{lines:?}");
    for forbidden in ['\r', '\u{1b}', '\u{2028}', '\u{202e}'] {
        assert!(!log.text().contains(forbidden), "{forbidden:?}");
    }
    // The error of a library may quote a client too.
    log.clear();
    client
        .call_tool("fail", json!({ "how": "internal" }))
        .await
        .unwrap();
    assert!(log.lines().iter().all(|line| !line.starts_with("SELECT")));
}

#[tokio::test]
async fn e39_completion_suggests_only_for_components_that_the_caller_may_use() {
    /// A hidden prompt.
    #[prompt(scopes("admin"), hidden)]
    async fn secret(plan: String) -> String {
        plan
    }
    async fn suggest(
        _context: Context,
        request: CompletionRequest,
    ) -> Result<Vec<String>, ToolError> {
        assert_eq!(request.prompt(), Some("story"));
        assert_eq!(request.argument(), "hero");
        Ok((0..150)
            .map(|n| format!("{}{n}", request.value()))
            .collect())
    }
    let client = server()
        .prompt(secret)
        .completion(suggest)
        .test_client()
        .unwrap()
        .caller(alice());
    let unknown = client
        .complete(Reference::for_prompt("nobody"), "plan", "")
        .await
        .unwrap_err();
    let hidden = client
        .complete(Reference::for_prompt("secret"), "plan", "")
        .await
        .unwrap_err();
    assert!(matches!(hidden, CallError::Protocol(_)));
    assert_eq!(format!("{hidden:?}"), format!("{unknown:?}"));
    let found = client
        .complete(Reference::for_prompt("story"), "hero", "h")
        .await
        .unwrap();
    assert_eq!(found.values.len(), 100);
    assert_eq!(found.values[0], "h0");
    assert_eq!((found.total, found.has_more), (Some(150), Some(true)));
}
