//! Calls of components, over the HTTP front without a socket.

use bytes::Bytes;
use countersign::component::{Audio, Image, Json};
use countersign::protocol::{CallToolResult, ContentBlock, PromptMessage, Role};
use countersign::{
    AccessToken, App, Caller, Context, Http, Server, State, ToolError, get_access_token, prompt,
    resource, tool,
};
use http_body_util::{BodyExt, Full};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

struct Greeting(&'static str);

#[derive(Serialize, JsonSchema)]
struct Sum {
    total: i64,
}

#[tool]
async fn greet(name: String, greeting: State<Greeting>) -> String {
    format!("{}, {name}!", greeting.0.0)
}

#[tool]
fn add(a: i64, b: Option<i64>) -> Json<Sum> {
    Json(Sum {
        total: a + b.unwrap_or(1),
    })
}

#[tool]
fn numbers() -> Json<Vec<u8>> {
    Json(vec![1, 2])
}

#[tool]
fn nothing() {}

#[tool]
async fn whose(token: AccessToken) -> String {
    token.sub().to_owned()
}

#[tool]
fn anonymous(token: Option<AccessToken>, caller: Caller, context: Context) -> bool {
    token.is_none()
        && caller.access_token().is_none()
        && context.access_token().is_none()
        && get_access_token().is_none()
}

#[tool]
async fn panics() -> String {
    let nothing: Option<u8> = std::env::args().nth(1_000).map(|_| 0);
    format!("{}", nothing.expect("canary of a panic"))
}

struct Explosive;

impl<'de> serde::Deserialize<'de> for Explosive {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("canary of a panic")
    }
}

impl JsonSchema for Explosive {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Explosive".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[tool]
fn explosive(argument: Explosive) -> bool {
    matches!(argument, Explosive)
}

#[tool]
fn fails() -> Result<String, ToolError> {
    Err(ToolError::new("No luck today"))
}

#[tool]
fn breaks() -> Result<u8, ToolError> {
    Ok("canary".parse::<u8>()?)
}

#[tool]
fn lacks() -> Result<(), ToolError> {
    Err(ToolError::insufficient_scope(["admin:write"]))
}

#[tool]
fn media() -> Vec<ContentBlock> {
    vec![
        Image::new([0xFF_u8, 0xFE], "image/png").into(),
        Audio::new(b"abc", "audio/wav").into(),
    ]
}

#[tool]
fn whole() -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text("as it is")])
}

#[resource("user://{id}/{+rest}")]
async fn user(uri: String, rest: String, id: u64) -> Json<Vec<String>> {
    Json(vec![uri, rest, id.to_string()])
}

#[resource("file://logo", mime_type = "image/png")]
fn logo() -> Vec<u8> {
    vec![1, 2, 3]
}

#[resource("file://missing")]
fn missing() -> Option<&'static str> {
    None
}

/// Reviews code.
#[prompt]
fn review(code: String, limit: Option<u8>) -> Vec<PromptMessage> {
    let limit = limit.map_or_else(String::new, |limit| format!(" At most {limit} remarks."));
    vec![PromptMessage::new_text(
        Role::User,
        format!("Review {code}.{limit}"),
    )]
}

fn app() -> App {
    Server::new("test")
        .state(Greeting("Hello"))
        .tool(greet)
        .tool(add)
        .tool(numbers)
        .tool(nothing)
        .tool(whose)
        .tool(anonymous)
        .tool(panics)
        .tool(explosive)
        .tool(fails)
        .tool(breaks)
        .tool(lacks)
        .tool(media)
        .tool(whole)
        .resource(user)
        .resource(logo)
        .resource(missing)
        .prompt(review)
        .into_app(&Http::bind("127.0.0.1:8000"))
        .unwrap()
}

async fn ask(app: &App, method: &str, params: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = http::Request::post("http://127.0.0.1:8000/mcp")
        .header("host", "127.0.0.1:8000")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(Full::new(Bytes::from(message.to_string())))
        .unwrap();
    let answer = app.respond(request, None).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{body:?}"))
}

async fn call(app: &App, name: &str, arguments: Value) -> Value {
    ask(
        app,
        "tools/call",
        json!({ "name": name, "arguments": arguments }),
    )
    .await
}

async fn text(app: &App, name: &str, arguments: Value) -> Value {
    let answer = call(app, name, arguments).await;
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    answer["result"]["content"][0]["text"].clone()
}

#[tokio::test]
async fn e16_arguments_of_the_wrong_type_are_invalid_and_not_echoed() {
    let app = app();
    for (name, arguments) in [
        ("greet", json!({ "name": ["canary"] })),
        ("greet", json!({ "nam": "canary" })),
        ("greet", json!({ "name": null })),
        ("greet", json!("canary")),
        ("greet", json!(["canary"])),
        ("add", json!({ "a": 1.5 })),
        ("add", json!({ "a": "canary" })),
        ("add", json!({ "a": 1, "b": 1e30 })),
        ("nothing", json!(["canary"])),
    ] {
        let answer = call(&app, name, arguments.clone()).await;
        assert_eq!(answer["error"]["code"], json!(-32602), "{arguments}");
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
}

#[tokio::test]
async fn h3_a_panic_fails_its_call_only_and_its_text_stays_here() {
    let app = app();
    for (name, arguments) in [
        ("panics", json!({})),
        ("explosive", json!({ "argument": "x" })),
    ] {
        let answer = call(&app, name, arguments).await;
        assert_eq!(answer["error"]["code"], json!(-32603), "{answer}");
        assert_eq!(answer["error"]["message"], json!("Internal error"));
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    let told = text(&app, "greet", json!({ "name": "Ada" })).await;
    assert_eq!(told, json!("Hello, Ada!"));
}

#[tokio::test]
async fn failures_are_results_that_the_model_can_read_and_foreign_errors_are_masked() {
    let app = app();
    for (name, expected) in [
        ("fails", "No luck today"),
        ("breaks", "Internal error"),
        (
            "lacks",
            "Insufficient permissions. Required scope: admin:write",
        ),
        ("whole", "as it is"),
    ] {
        let result = &call(&app, name, json!({})).await["result"];
        assert_eq!(result["isError"], json!(true), "{result}");
        assert_eq!(result["content"][0]["text"], json!(expected));
    }
}

#[tokio::test]
async fn a_tool_that_takes_a_token_refuses_the_anonymous() {
    let app = app();
    let result = &call(&app, "whose", json!({})).await["result"];
    assert_eq!(result["isError"], json!(true), "{result}");
    assert_eq!(
        result["content"][0]["text"],
        json!("Authentication required")
    );
    assert_eq!(text(&app, "anonymous", json!({})).await, json!("true"));
}

#[tokio::test]
async fn results_are_text_structured_content_or_blocks() {
    let app = app();
    let sum = &call(&app, "add", json!({ "a": 2, "unknown": 1 })).await["result"];
    assert_eq!(sum["structuredContent"], json!({ "total": 3 }));
    assert_eq!(sum["content"][0]["text"], json!("{\"total\":3}"));
    let numbers = &call(&app, "numbers", json!({})).await["result"];
    assert_eq!(numbers["structuredContent"], json!({ "result": [1, 2] }));
    assert_eq!(numbers["content"][0]["text"], json!("[1,2]"));
    let nothing = &ask(&app, "tools/call", json!({ "name": "nothing" })).await["result"];
    assert_eq!(nothing["content"], json!([]));
    let media = &call(&app, "media", json!({})).await["result"]["content"];
    assert_eq!(
        *media,
        json!([
            { "type": "image", "data": "//4=", "mimeType": "image/png" },
            { "type": "audio", "data": "YWJj", "mimeType": "audio/wav" },
        ])
    );
}

#[tokio::test]
async fn the_variables_of_a_uri_are_the_parameters_of_a_resource() {
    let app = app();
    let read = async |uri: &str| ask(&app, "resources/read", json!({ "uri": uri })).await;
    assert_eq!(
        read("user://7/a/b").await["result"]["contents"],
        json!([{
            "uri": "user://7/a/b",
            "mimeType": "application/json",
            "text": "[\"user://7/a/b\",\"a/b\",\"7\"]",
        }])
    );
    assert_eq!(
        read("file://logo").await["result"]["contents"],
        json!([{ "uri": "file://logo", "mimeType": "image/png", "blob": "AQID" }])
    );
    for (uri, code) in [
        ("user://canary/a", -32602),
        ("user://-1/a", -32602),
        ("user://7/../a", -32002),
        ("file://missing", -32002),
    ] {
        let error = &read(uri).await["error"];
        assert_eq!(error["code"], json!(code), "{uri}");
        assert!(!error["message"].to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn the_arguments_of_a_prompt_are_texts_that_are_parsed() {
    let app = app();
    let get = async |arguments: Value| {
        ask(
            &app,
            "prompts/get",
            json!({ "name": "review", "arguments": arguments }),
        )
        .await
    };
    assert_eq!(
        get(json!({ "code": "x", "limit": "3" })).await["result"],
        json!({
            "description": "Reviews code.",
            "messages": [{
                "role": "user",
                "content": { "type": "text", "text": "Review x. At most 3 remarks." },
            }],
        })
    );
    assert!(get(json!({ "code": "x" })).await["result"].is_object());
    for arguments in [
        json!({}),
        json!({ "limit": "3" }),
        json!({ "code": "x", "limit": "canary" }),
        json!({ "code": "x", "limit": "256" }),
        json!({ "code": 7 }),
        json!(["x"]),
    ] {
        let error = &get(arguments.clone()).await["error"];
        assert_eq!(error["code"], json!(-32602), "{arguments}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn a_server_without_the_state_that_a_tool_takes_does_not_start() {
    let server = Server::new("test").tool(greet);
    let error = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("`greet`") && told.contains("Greeting"),
        "{told}"
    );
}

#[tool]
fn mirrored(#[schemars(extend("x-mcp-header" = "no token"))] region: String) -> String {
    region
}

#[tool]
fn naïve() {}

#[test]
fn tr_12_a_server_with_a_tool_that_clients_would_drop_does_not_start() {
    for server in [
        Server::new("test").tool(mirrored),
        Server::new("test").tool(naïve),
    ] {
        assert!(server.into_app(&Http::bind("127.0.0.1:8000")).is_err());
    }
}

#[tool]
fn regional(#[schemars(extend("x-mcp-header" = "Region"))] region: Option<String>) -> String {
    region.unwrap_or_default()
}

#[tokio::test]
async fn tr_11_a_mirrored_argument_that_differs_is_answered_with_400() {
    let app = Server::new("test")
        .tool(regional)
        .into_app(&Http::bind("127.0.0.1:8000"))
        .unwrap();
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "regional",
            "arguments": { "region": "eu" },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    for (header, status) in [(None, 400), (Some("us"), 400), (Some("eu"), 200)] {
        let mut request = http::Request::post("http://127.0.0.1:8000/mcp")
            .header("host", "127.0.0.1:8000")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "regional");
        if let Some(region) = header {
            request = request.header("mcp-param-region", region);
        }
        let body = Full::new(Bytes::from(message.to_string()));
        let answer = app.respond(request.body(body).unwrap(), None).await;
        assert_eq!(answer.status(), status, "{header:?}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status == 400 {
            assert_eq!(body["error"]["code"], json!(-32020), "{body}");
        } else {
            assert_eq!(body["result"]["content"][0]["text"], json!("eu"), "{body}");
        }
    }
}
