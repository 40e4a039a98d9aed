//! The client and our own server, over every transport and in every era.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::sync::{Arc, Mutex};

use countersign::client::{Client, ClientError, Connect};
use countersign::component::Json;
use countersign::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ProtocolVersion, Root, SamplingMessage,
};
use countersign::{Context, Http, Server, ToolError, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::played::{legacy, messages, modern, of_method, to};

/// A sum.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Sum {
    sum: i64,
}

/// Adds two numbers.
#[tool]
async fn add(a: i64, b: i64) -> Json<Sum> {
    Json(Sum { sum: a + b })
}

/// Says how far it is.
#[tool]
async fn work(context: Context) -> &'static str {
    for step in 1..=3 {
        context
            .report_progress(f64::from(step), Some(3.0), None)
            .await;
    }
    "worked"
}

/// What a person confirms.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Confirmation {
    yes: bool,
}

/// Asks a person, then a model.
#[tool(interactive)]
async fn ask(context: Context) -> Result<String, ToolError> {
    let question = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("A word?")], 10);
    let mut answers = context
        .ask()
        .elicit_as::<Confirmation>("sure", "Sure?")
        .sample("word", question)
        .list_roots("roots")
        .await?;
    let sure = answers.elicited_as::<Confirmation>("sure")?.accepted();
    let word = answers.sampled("word")?;
    let roots = answers.roots("roots")?;
    let sure = sure.is_some_and(|sure| sure.yes);
    Ok(format!("{sure} {} {}", word.model, roots.roots.len()))
}

fn server() -> Server {
    Server::new("Eras").tool(add).tool(work).tool(ask)
}

fn answering(connect: Connect) -> Connect {
    connect
        .on_elicitation(async |_: ElicitRequestParams| {
            ElicitResult::new(ElicitationAction::Accept).with_content(json!({"yes": true}))
        })
        .on_sampling(async |_: CreateMessageRequestParams| {
            let said = SamplingMessage::assistant_text("word");
            Ok(CreateMessageResult::new(said, "a-model".to_owned()))
        })
        .roots(vec![Root::new("file:///work")])
}

/// Calls everything through `connect`, which has to be this server.
async fn use_it(connect: Connect) -> Client {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let connect = answering(connect)
        .on_progress(move |progress| hearing.lock().unwrap().push(progress.progress));
    let client = connect.await.unwrap();
    assert_eq!(client.server().unwrap().name, "Eras");
    let names: Vec<_> = client.tools().await.unwrap();
    let names: Vec<_> = names.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["add", "work", "ask"]);
    let sum: Sum = client.call("add", json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(sum, Sum { sum: 3 });
    assert_eq!(client.call::<String>("work", ()).await.unwrap(), "worked");
    assert_eq!(*heard.lock().unwrap(), [1.0, 2.0, 3.0]);
    let told: String = client.call("ask", ()).await.unwrap();
    assert_eq!(told, "true a-model 1");
    let unknown = client.call_tool("unknown", ()).await.unwrap_err();
    assert!(matches!(unknown, ClientError::Rpc { .. }), "{unknown}");
    client
}

#[tokio::test]
async fn m_43_a_server_in_this_process_is_used_without_a_network() {
    let app = server().into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let client = use_it(Client::in_memory(&app)).await;
    assert_eq!(
        client.protocol_version(),
        Some(ProtocolVersion::V_2026_07_28)
    );
    client.close().await;
}

#[tokio::test]
async fn m_43_a_server_is_used_over_streamable_http_of_2026() {
    let running = server().start(Http::bind("127.0.0.1:0")).await.unwrap();
    let client = use_it(Client::connect(running.url())).await;
    assert_eq!(
        client.protocol_version(),
        Some(ProtocolVersion::V_2026_07_28)
    );
    client.close().await;
    running.stop().await;
}

#[tokio::test]
async fn m_43_a_server_is_used_over_streamable_http_of_2025_with_sessions() {
    let running = server().start(Http::bind("127.0.0.1:0")).await.unwrap();
    let client = use_it(Client::connect(running.url()).legacy()).await;
    assert_eq!(
        client.protocol_version(),
        Some(ProtocolVersion::V_2025_11_25)
    );
    client.close().await;
    running.stop().await;
}

#[tokio::test]
async fn m_43_a_server_is_used_over_http_with_sse_of_2024() {
    let http = Http::bind("127.0.0.1:0").http_with_sse();
    let running = server().start(http).await.unwrap();
    let url = running.url().replace("/mcp", "/sse");
    let client = use_it(Client::sse(&url)).await;
    assert_eq!(
        client.protocol_version(),
        Some(ProtocolVersion::V_2024_11_05)
    );
    client.close().await;
    running.stop().await;
}

#[tokio::test]
async fn m_43_a_legacy_server_gets_the_older_handshake_and_its_session_ends() {
    let played = legacy(|_| None).await;
    let client = to(&played).await.unwrap();
    assert_eq!(
        client.protocol_version(),
        Some(ProtocolVersion::V_2025_11_25)
    );
    client.call_tool("work", ()).await.unwrap();
    client.close().await;
    let calls = of_method(&played, "tools/call");
    assert_eq!(calls[0].header("mcp-session-id"), Some("session-1"));
    assert_eq!(calls[0].header("mcp-protocol-version"), Some("2025-11-25"));
    let last = messages(&played).pop().unwrap();
    assert_eq!(last.request.method, "DELETE");
    assert_eq!(last.header("mcp-session-id"), Some("session-1"));
}

#[tokio::test]
async fn a_tool_that_failed_is_an_error_with_its_words_if_a_type_was_asked_for() {
    let app = server().into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let client = Client::in_memory(&app).await.unwrap();
    let refused = client.call::<Sum>("work", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::NotThat(_)), "{refused}");
    let failing = modern(|message| {
        (message.method() == "tools/call").then(|| {
            message.result(json!({"isError": true,
                "content": [{"type": "text", "text": "no\u{1b}[2K way"}]}))
        })
    })
    .await;
    let client = to(&failing).await.unwrap();
    let refused = client.call::<String>("work", ()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the tool failed: no[2K way");
}
