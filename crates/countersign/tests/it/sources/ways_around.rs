//! Two ways by which something else than a call reaches a tool: a model that is asked and
//! wants to call it, and a task that goes on after the call. Row E39.
#![expect(
    deprecated,
    reason = "sampling is deprecated by SEP-2577 and still served"
)]

use std::sync::Arc;

use countersign::protocol::{
    CallToolResponse, CreateMessageRequestParams, SamplingMessage, ServerCapabilities, Tool,
};
use countersign::{App, Context, Server, Sessions, SourceRule, State, ToolError, tool};
use rmcp::model::{
    CallToolRequestParams, CancelTaskParams, CreateTaskResult, ErrorData, GetTaskParams,
    GetTaskResult, ListToolsResult, PaginatedRequestParams, ServerConfig, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use testkit::{ModernClient, TestIssuer};

use super::{Holds, legacy, machines, modern, people, server};
use crate::fixture::{Noted, Runs, Seen, place};
use crate::foreign::protected;

/// Machines alone know of it.
#[tool(auth = "api_key", hidden)]
async fn erase(runs: State<Runs>) -> &'static str {
    runs.0.add();
    "erased"
}

/// For administrators.
#[tool(auth = "oauth", scopes("root"))]
async fn grant(runs: State<Runs>) -> &'static str {
    runs.0.add();
    "granted"
}

/// Lets the model of the client say what is to be done, with all tools to choose from.
#[tool(interactive)]
async fn delegate(context: Context) -> Result<String, ToolError> {
    let question = SamplingMessage::user_text("What now?");
    let mut params = CreateMessageRequestParams::new(vec![question], 10);
    let schema = Arc::new(json!({ "type": "object" }).as_object().cloned().unwrap());
    let tools = ["erase", "grant"].map(|name| Tool::new(name, "", Arc::clone(&schema)));
    params.tools = Some(tools.to_vec());
    let said = context.sample(params).key("next").await?;
    Ok(serde_json::to_string(&said.message)?)
}

const CAPABILITIES: &str = r#"{ "sampling": { "tools": {} } }"#;

fn wish(tool: &str) -> Value {
    let content = json!({ "type": "tool_use", "id": "1", "name": tool, "input": {} });
    json!({ "role": "assistant", "model": "muse", "stopReason": "toolUse", "content": content })
}

fn delegating(runs: &Runs) -> App {
    let server = server().tool(erase).tool(grant).tool(delegate);
    let server = server.state(runs.clone()).sessions(Sessions::Always);
    server.into_app(&place()).unwrap()
}

/// The same call by the caller, and of a tool that never was.
async fn called(client: &ModernClient, tool: &str) -> (u16, Value) {
    let call = json!({ "name": tool, "arguments": {} });
    let seen = Seen::of(client.send("tools/call", call).await).await;
    let mut message = seen.json();
    message["id"] = Value::Null;
    (seen.status, message)
}

#[tokio::test(start_paused = true)]
async fn e39_what_a_model_wants_to_call_is_called_by_nobody_and_gives_no_right() {
    let capabilities: Value = serde_json::from_str(CAPABILITIES).unwrap();
    for tool in ["erase", "ERASE", "grant", "never_was"] {
        let runs = Runs::default();
        let app = delegating(&runs);
        // From 2026-07-28 on the call is repeated with the answer.
        let client = modern(&app, Holds::Token).capabilities(capabilities.clone());
        let call = json!({ "name": "delegate", "arguments": {} });
        let asked = client.result("tools/call", call.clone()).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let mut again = call.clone();
        again["inputResponses"] = json!({ "next": wish(tool) });
        again["requestState"] = asked["requestState"].clone();
        let answered = client.result("tools/call", again).await;
        let text = answered["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("tool_use") && text.contains(tool), "{text}");
        // In a session the question is a request to the client.
        let mut client = legacy(&app, Holds::Token).capabilities(capabilities.clone());
        client.initialize().await;
        let mut answer = client.send("tools/call", call).await;
        let asked = answer.next_message().await.unwrap();
        assert_eq!(asked["method"], "sampling/createMessage", "{asked}");
        client.respond(&asked["id"], wish(tool)).await;
        let answered = answer.next_message().await.unwrap();
        let text = answered["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("tool_use") && text.contains(tool), "{text}");
        assert_eq!(runs.count(), 0, "{tool}");
        // And whoever then calls it is refused as ever.
        let direct = modern(&app, Holds::Token);
        let (status, message) = called(&direct, tool).await;
        let expected = if tool == "grant" { 403 } else { 400 };
        assert_eq!(status, expected, "{tool} {message}");
        if tool != "grant" {
            let (_, unknown) = called(&direct, "nothing").await;
            let unknown = unknown.to_string().replace("nothing", tool);
            assert_eq!(message.to_string(), unknown);
        }
        assert_eq!(runs.count(), 0, "{tool}");
    }
}

/// Begins a task with every call, and says what came of it.
struct WithTasks;

impl ServerHandler for WithTasks {
    fn get_info(&self) -> ServerConfig {
        let capabilities: ServerCapabilities = serde_json::from_value(
            json!({ "tools": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } }),
        )
        .unwrap();
        ServerConfig::new(capabilities)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = Arc::new(json!({ "type": "object" }).as_object().cloned().unwrap());
        let tools = ["erase", "free"].map(|name| Tool::new(name, "", Arc::clone(&schema)));
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let created: CreateTaskResult = serde_json::from_value(json!({
            "resultType": "task", "taskId": format!("of-{}", request.name), "status": "working",
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
            "ttlMs": null,
        }))
        .unwrap();
        Ok(CallToolResponse::Task(created))
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let text = format!("the secret of {}", request.task_id);
        Err(ErrorData::invalid_params(text, None))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let text = format!("the secret of {}", request.task_id);
        Err(ErrorData::invalid_params(text, None))
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let text = format!("the secret of {}", request.task_id);
        Err(ErrorData::invalid_params(text, None))
    }
}

fn with_tasks(client: ModernClient) -> ModernClient {
    client.capabilities(json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } }))
}

/// What each request about the task `id` says.
async fn asked(client: &ModernClient, id: &str) -> Vec<String> {
    let mut said = Vec::new();
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({ "taskId": id, "inputResponses": {} });
        let answer = client.send(method, params).await.response().await;
        assert_eq!(answer["error"]["code"], -32602, "{method} {answer}");
        said.push(answer["error"]["message"].as_str().unwrap().to_owned());
    }
    said.dedup();
    said
}

#[tokio::test(start_paused = true)]
async fn e39_the_task_of_a_tool_is_for_who_began_it_and_may_still_call_the_tool() {
    let issuer = TestIssuer::as_test();
    let app = protected(Server::from_rmcp(WithTasks), &issuer).into_app(&place());
    let app = app.unwrap();
    let client = |subject: &str, scopes: &str| {
        let token = issuer.token().sub(subject).scopes(scopes).sign();
        let http = testkit::Http::service(app.clone());
        with_tasks(ModernClient::new(http, "/mcp").bearer(&token))
    };
    let admin = client("alice", "read admin");
    assert_eq!(asked(&admin, "of-delete_all").await, ["Unknown task"]);
    admin.call("delete_all", json!({})).await;
    admin.call("whoami", json!({})).await;
    assert_eq!(
        asked(&admin, "of-delete_all").await,
        ["the secret of of-delete_all"]
    );
    for (who, task) in [
        // A token with less of the same person, another person, and no task.
        (client("alice", "read"), "of-delete_all"),
        (client("bob", "read admin"), "of-delete_all"),
        (client("alice", "read"), "of-nothing"),
    ] {
        assert_eq!(asked(&who, task).await, ["Unknown task"], "{task}");
    }
    let less = client("alice", "read");
    assert_eq!(asked(&less, "of-whoami").await, ["the secret of of-whoami"]);
}

#[tokio::test(start_paused = true)]
async fn e39_the_task_of_one_source_is_unknown_to_another() {
    let app = of_two_sources();
    let client = |holds: Holds| with_tasks(modern(&app, holds));
    client(Holds::Key).call("erase", json!({})).await;
    client(Holds::Key).call("free", json!({})).await;
    let erased = ["the secret of of-erase"];
    assert_eq!(asked(&client(Holds::Key), "of-erase").await, erased);
    // The same subject with a token, and with both, of which the token comes first.
    for holds in [Holds::Token, Holds::Both] {
        for task in ["of-erase", "of-free", "of-nothing"] {
            let said = asked(&client(holds), task).await;
            assert_eq!(said, ["Unknown task"], "{holds:?} {task}");
        }
    }
    // Begun with both, it is nothing to who has but the first.
    let app = of_two_sources();
    let client = |holds: Holds| with_tasks(modern(&app, holds));
    client(Holds::Both).call("erase", json!({})).await;
    assert_eq!(asked(&client(Holds::Both), "of-erase").await, erased);
    for holds in [Holds::Token, Holds::Key] {
        let said = asked(&client(holds), "of-erase").await;
        assert_eq!(said, ["Unknown task"], "{holds:?}");
    }
}

fn of_two_sources() -> App {
    Server::from_rmcp(WithTasks)
        .auth(people())
        .source("api_key", machines())
        .tool_auth("erase", SourceRule::of("api_key"))
        .hide_tool("erase")
        .into_app(&place())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn h13_a_task_that_is_refused_is_one_record() {
    let (issuer, noted) = (TestIssuer::as_test(), Noted::default());
    let server = protected(Server::from_rmcp(WithTasks), &issuer).audit(noted.clone());
    let app = server.into_app(&place()).unwrap();
    let token = issuer.token().scopes("read").sign();
    let http = testkit::Http::service(app);
    let client = with_tasks(ModernClient::new(http, "/mcp").bearer(&token));
    client
        .send("tasks/get", json!({ "taskId": "of-nothing" }))
        .await
        .response()
        .await;
    let record = noted.refusal("E39 task");
    let reason = record.reason.as_ref().map(|reason| reason.as_str());
    assert_eq!(reason, Some("unknown_task"), "{record:?}");
}
