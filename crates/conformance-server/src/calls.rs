//! Tools that talk to the client while they run.
#![expect(
    deprecated,
    reason = "the suite still probes logging, sampling and roots"
)]

use std::time::Duration;

use countersign::protocol::{
    CreateMessageRequestParams, ElicitationSchema, JsonObject, SamplingMessage,
};
use countersign::{Context, Elicited, Notifier, Server, State, ToolError, tool};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Between two steps of a tool.
const STEP: Duration = Duration::from_millis(50);

pub(crate) fn add(server: Server) -> Server {
    server
        .tool(test_tool_with_logging)
        .tool(test_logging_tool)
        .tool(test_tool_with_progress)
        .tool(test_reconnection)
        .tool(test_sampling)
        .tool(test_missing_capability)
        .tool(test_elicitation)
        .tool(test_streaming_elicitation)
        .tool(test_elicitation_sep1034_defaults)
        .tool(test_elicitation_sep1330_enums)
        .tool(test_trigger_tool_change)
        .tool(test_trigger_prompt_change)
}

/// Sends three log messages.
#[tool]
async fn test_tool_with_logging(context: Context) -> &'static str {
    context.info("Tool execution started").await;
    sleep(STEP).await;
    context.info("Tool processing data").await;
    sleep(STEP).await;
    context.info("Tool execution completed").await;
    "Tool with logging executed successfully"
}

/// Sends a log message, to those who want it.
#[tool]
async fn test_logging_tool(context: Context) -> &'static str {
    context.info("A message for those who want it").await;
    "logged"
}

/// Reports progress three times.
#[tool]
async fn test_tool_with_progress(context: Context) -> &'static str {
    context.report_progress(0.0, Some(100.0), None).await;
    sleep(STEP).await;
    context.report_progress(50.0, Some(100.0), None).await;
    sleep(STEP).await;
    context.report_progress(100.0, Some(100.0), None).await;
    "Tool with progress executed successfully"
}

/// Takes long enough for a client to lose its connection and come back.
#[tool]
async fn test_reconnection(context: Context) -> &'static str {
    // The first message makes the answer a stream.
    context.info("Working").await;
    sleep(10 * STEP).await;
    "Reconnection test completed successfully"
}

pub(crate) fn question(text: &str, max_tokens: u32) -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], max_tokens)
}

/// The text of what a model said.
pub(crate) fn said(message: &SamplingMessage) -> String {
    let content = serde_json::to_value(&message.content).unwrap_or_default();
    let block = content.get(0).unwrap_or(&content);
    let text = block.get("text").and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Asks the client's model.
#[tool(interactive)]
async fn test_sampling(
    /// What to ask.
    prompt: String,
    context: Context,
) -> Result<String, ToolError> {
    let answer = context.sample(question(&prompt, 100)).await?;
    Ok(format!("LLM response: {}", said(&answer.message)))
}

/// Needs sampling.
#[tool(interactive)]
async fn test_missing_capability(context: Context) -> Result<String, ToolError> {
    let answer = context.sample(question("Are you there?", 10)).await?;
    Ok(said(&answer.message))
}

/// A schema as it is written.
pub(crate) fn form(schema: Value) -> Result<ElicitationSchema, ToolError> {
    Ok(serde_json::from_value(schema)?)
}

fn told(answer: Elicited<JsonObject>) -> String {
    match answer {
        Elicited::Accepted(content) => {
            format!("action=accept, content={}", Value::Object(content))
        }
        Elicited::Declined => "action=decline, content={}".to_owned(),
        Elicited::Cancelled => "action=cancel, content={}".to_owned(),
    }
}

/// Asks the person at the client.
#[tool(interactive)]
async fn test_elicitation(
    /// What to say.
    message: String,
    context: Context,
) -> Result<String, ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": {
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" }
        },
        "required": ["username", "email"]
    }))?;
    let answer = context.elicit(message, schema).await?;
    Ok(format!("User response: {}", told(answer)))
}

/// Asks the person at the client in the middle of its work.
#[tool(interactive)]
async fn test_streaming_elicitation(context: Context) -> Result<String, ToolError> {
    context.report_progress(1.0, Some(2.0), None).await;
    let schema = form(json!({
        "type": "object",
        "properties": { "answer": { "type": "string" } },
        "required": ["answer"]
    }))?;
    let answer = context.elicit("Please answer", schema).await?;
    Ok(told(answer))
}

/// Asks with a default value of each type.
#[tool(interactive)]
async fn test_elicitation_sep1034_defaults(context: Context) -> Result<String, ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": {
                "type": "string",
                "enum": ["active", "inactive", "pending"],
                "default": "active"
            },
            "verified": { "type": "boolean", "default": true }
        },
        "required": []
    }))?;
    let answer = context.elicit("Please check the defaults", schema).await?;
    Ok(format!("Elicitation completed: {}", told(answer)))
}

/// Asks with each kind of choice.
#[tool(interactive)]
async fn test_elicitation_sep1330_enums(context: Context) -> Result<String, ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": {
            "untitledSingle": {
                "type": "string",
                "enum": ["option1", "option2", "option3"]
            },
            "titledSingle": {
                "type": "string",
                "oneOf": [
                    { "const": "value1", "title": "First Option" },
                    { "const": "value2", "title": "Second Option" },
                    { "const": "value3", "title": "Third Option" }
                ]
            },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"]
            },
            "untitledMulti": {
                "type": "array",
                "items": { "type": "string", "enum": ["option1", "option2", "option3"] }
            },
            "titledMulti": {
                "type": "array",
                "items": {
                    "anyOf": [
                        { "const": "value1", "title": "First Choice" },
                        { "const": "value2", "title": "Second Choice" },
                        { "const": "value3", "title": "Third Choice" }
                    ]
                }
            }
        },
        "required": []
    }))?;
    let answer = context.elicit("Please choose", schema).await?;
    Ok(format!("Elicitation completed: {}", told(answer)))
}

/// Says that the list of tools has changed.
#[tool]
fn test_trigger_tool_change(notifier: State<Notifier>) -> &'static str {
    notifier.tools_changed();
    "changed"
}

/// Says that the list of prompts has changed.
#[tool]
fn test_trigger_prompt_change(notifier: State<Notifier>) -> &'static str {
    notifier.prompts_changed();
    "changed"
}
