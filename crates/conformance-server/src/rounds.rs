//! Components that ask in rounds (SEP-2322).
#![expect(
    deprecated,
    reason = "the suite still probes logging, sampling and roots"
)]

use countersign::protocol::JsonObject;
use countersign::{Context, Elicited, Server, ToolError, prompt, tool};
use serde_json::{Value, json};

use crate::calls::{form, question, said};

pub(crate) fn add(server: Server) -> Server {
    server
        .tool(test_input_required_result_elicitation)
        .tool(test_input_required_result_sampling)
        .tool(test_input_required_result_list_roots)
        .tool(test_input_required_result_request_state)
        .tool(test_input_required_result_multiple_inputs)
        .tool(test_input_required_result_multi_round)
        .tool(test_input_required_result_tampered_state)
        .tool(test_input_required_result_capabilities)
        .prompt(test_input_required_result_prompt)
}

/// A form of one field of text.
async fn ask(
    context: &Context,
    key: &str,
    message: &str,
    field: &str,
) -> Result<String, ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": { field: { "type": "string" } },
        "required": [field]
    }))?;
    let answer = context.elicit(message, schema).key(key).await?;
    Ok(text_in(answer, field))
}

fn text_in(answer: Elicited<JsonObject>, field: &str) -> String {
    let form = answer.accepted().unwrap_or_default();
    let text = form.get(field).and_then(Value::as_str);
    text.unwrap_or("nobody").to_owned()
}

/// A question with yes or no.
async fn confirm(context: &Context, message: &str) -> Result<(), ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": { "ok": { "type": "boolean" } },
        "required": ["ok"]
    }))?;
    context.elicit(message, schema).key("confirm").await?;
    Ok(())
}

/// Asks for a name.
#[tool(interactive)]
async fn test_input_required_result_elicitation(context: Context) -> Result<String, ToolError> {
    let name = ask(&context, "user_name", "What is your name?", "name").await?;
    Ok(format!("Hello, {name}!"))
}

/// Asks a model.
#[tool(interactive)]
async fn test_input_required_result_sampling(context: Context) -> Result<String, ToolError> {
    let params = question("What is the capital of France?", 100);
    let answer = context.sample(params).key("capital_question").await?;
    Ok(said(&answer.message))
}

/// Asks for roots.
#[tool(interactive)]
async fn test_input_required_result_list_roots(context: Context) -> Result<String, ToolError> {
    let answer = context.list_roots().key("client_roots").await?;
    let uris: Vec<_> = answer.roots.iter().map(|root| root.uri.as_str()).collect();
    Ok(format!("Roots: {}", uris.join(", ")))
}

/// Remembers something from one round to the next.
#[tool(interactive)]
async fn test_input_required_result_request_state(context: Context) -> Result<String, ToolError> {
    if context.request_state::<String>()?.is_none() {
        context.remember(&"state-ok")?;
    }
    confirm(&context, "Please confirm").await?;
    let state: Option<String> = context.request_state()?;
    Ok(state.unwrap_or_else(|| "state-lost".to_owned()))
}

/// Asks three things at once.
#[tool(interactive)]
async fn test_input_required_result_multiple_inputs(context: Context) -> Result<String, ToolError> {
    let schema = form(json!({
        "type": "object",
        "properties": { "name": { "type": "string" } },
        "required": ["name"]
    }))?;
    let mut answers = context
        .ask()
        .elicit("user_name", "What is your name?", schema)
        .sample("greeting", question("Generate a greeting", 50))
        .list_roots("client_roots")
        .await?;
    let name = text_in(answers.elicited("user_name")?, "name");
    let greeting = said(&answers.sampled("greeting")?.message);
    let roots = answers.roots("client_roots")?.roots.len();
    Ok(format!("{greeting} {name} has {roots} roots."))
}

/// Asks two things, one after the other.
#[tool(interactive)]
async fn test_input_required_result_multi_round(context: Context) -> Result<String, ToolError> {
    let name = ask(&context, "step1", "Step 1: What is your name?", "name").await?;
    let message = "Step 2: What is your favorite color?";
    let color = ask(&context, "step2", message, "color").await?;
    Ok(format!("{name} likes {color}."))
}

/// Asks for a confirmation that counts once.
#[tool(interactive)]
async fn test_input_required_result_tampered_state(context: Context) -> Result<String, ToolError> {
    confirm(&context, "Please confirm").await?;
    context.once()?;
    Ok("confirmed".to_owned())
}

/// Asks for what the client can do.
#[tool(interactive)]
async fn test_input_required_result_capabilities(context: Context) -> Result<String, ToolError> {
    let declared = context.client_capabilities();
    let mut learnt = Vec::new();
    if declared.elicitation.is_some() {
        learnt.push(ask(&context, "user_name", "What is your name?", "name").await?);
    }
    if declared.sampling.is_some() {
        let params = question("What is the capital of France?", 100);
        let answer = context.sample(params).key("capital_question").await?;
        learnt.push(said(&answer.message));
    }
    if declared.roots.is_some() {
        let answer = context.list_roots().key("client_roots").await?;
        learnt.push(format!("{} roots", answer.roots.len()));
    }
    Ok(learnt.join(", "))
}

/// Asks while it is rendered.
#[prompt(interactive)]
async fn test_input_required_result_prompt(context: Context) -> Result<String, ToolError> {
    let message = "What context should the prompt use?";
    let text = ask(&context, "user_context", message, "context").await?;
    Ok(format!("Use this context: {text}"))
}
