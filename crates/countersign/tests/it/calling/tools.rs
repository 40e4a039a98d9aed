//! Tools whose descriptions are not what they should be.

use serde_json::{Value, json};
use testkit::FakeIssuerServer;

use super::played::{modern, of_method, to};

/// A server with these tools.
async fn with(tools: Vec<Value>) -> FakeIssuerServer {
    modern(move |message| {
        let answer =
            || message.result(json!({"tools": tools, "ttlMs": 0, "cacheScope": "private"}));
        (message.method() == "tools/list").then(answer)
    })
    .await
}

fn tool(name: &str, schema: Value) -> Value {
    json!({"name": name, "inputSchema": schema})
}

async fn names(server: &FakeIssuerServer) -> Vec<String> {
    let client = to(server).await.unwrap();
    let tools = client.tools().await.unwrap();
    tools.iter().map(|tool| tool.name.to_string()).collect()
}

#[tokio::test]
async fn i13_what_a_schema_refers_to_is_not_fetched() {
    let elsewhere = FakeIssuerServer::start().await;
    let remote = elsewhere.url("/schema");
    let server = with(vec![tool(
        "remote",
        json!({"type": "object", "properties": {"a": {"$ref": remote}}, "$schema": remote}),
    )])
    .await;
    assert_eq!(names(&server).await, ["remote"]);
    let client = to(&server).await.unwrap();
    client.tools().await.unwrap();
    client.call_tool("remote", json!({"a": 1})).await.unwrap();
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn i13_a_schema_that_contains_itself_is_one_like_any_other() {
    let recursive = json!({"type": "object", "properties": {"a": {"$ref": "#"}}});
    let server = with(vec![tool("recursive", recursive)]).await;
    assert_eq!(names(&server).await, ["recursive"]);
}

#[tokio::test]
async fn i13_a_schema_without_bound_takes_its_tool_along_and_no_other() {
    let wide: Value = (0..100_000)
        .map(|n| (format!("p{n}"), json!({})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut deep = json!({});
    for _ in 0..100 {
        deep = json!({"not": deep});
    }
    let mut excessive_output = tool("output", json!({"type": "object"}));
    excessive_output["outputSchema"] = json!({"type": "object", "properties": wide});
    let server = with(vec![
        tool("wide", json!({"type": "object", "properties": wide})),
        tool("deep", deep),
        excessive_output,
        tool(
            "good",
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        ),
    ])
    .await;
    assert_eq!(names(&server).await, ["good"]);
}

#[tokio::test]
async fn i14_tr_12_a_tool_with_a_header_field_that_cannot_be_is_left_out_and_others_stay() {
    let one = |header: Value, kind: &str| json!({"type": "object", "properties": {"a": {"type": kind, "x-mcp-header": header}}});
    let twice = json!({"type": "object", "properties": {
        "a": {"type": "string", "x-mcp-header": "Region"},
        "b": {"type": "string", "x-mcp-header": "REGION"},
    }});
    let server = with(vec![
        tool("crlf", one(json!("A\r\nInjected: 1"), "string")),
        tool("twice", twice),
        tool("object", one(json!("A"), "object")),
        tool("array", one(json!("A"), "array")),
        tool("number", one(json!("A"), "number")),
        tool("not-text", one(json!(7), "string")),
        tool("empty", one(json!(""), "string")),
        tool("blank", one(json!("a b"), "string")),
        tool("good", one(json!("Region"), "string")),
    ])
    .await;
    let client = to(&server).await.unwrap();
    let tools = client.tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["good"]);
    client.call_tool("good", json!({"a": "eu"})).await.unwrap();
    let call = &of_method(&server, "tools/call")[0];
    assert_eq!(call.header("mcp-param-region"), Some("eu"));
    assert_eq!(call.header("mcp-name"), Some("good"));
}
