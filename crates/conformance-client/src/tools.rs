//! Scenarios without credentials: everything that is listed is used once.

use anyhow::{Context, Result};
use countersign::client::{Client, Connect};
use countersign::protocol::{
    ElicitRequestParams, ElicitResult, ElicitationAction, JsonObject, Prompt, Resource, Tool,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scenario::Scenario;

/// A call that the suite asks for.
#[derive(Deserialize)]
struct Call {
    name: String,
    arguments: JsonObject,
}

/// Does what a scenario without credentials wants.
pub(crate) async fn run(scenario: &Scenario) -> Result<()> {
    let client = everything(Client::connect(scenario.url())).await?;
    // Somebody who reads it knows what there is; calls may need what the list says.
    let tools = match client.has_tools() || scenario.name() == "initialize" {
        true => client.tools().await?,
        false => Vec::new(),
    };
    match (scenario.name(), scenario.given("toolCalls")) {
        (_, Some(calls)) => {
            for call in Vec::<Call>::deserialize(calls)? {
                client.call_tool(call.name, call.arguments).await?;
            }
        }
        ("json-schema-2020-12-preservation", None) => echo_schema(&client, &tools).await?,
        _ => use_all(&client, &tools).await?,
    }
    client.close().await;
    Ok(())
}

/// A client that answers whatever it is asked.
fn everything(connect: Connect) -> Connect {
    connect
        .client_info("conformance-client", env!("CARGO_PKG_VERSION"))
        .on_elicitation(|question| async move { agree(&question) })
}

/// A person who presses the button at once: what is filled in already stays.
fn agree(question: &ElicitRequestParams) -> ElicitResult {
    let accepted = ElicitResult::new(ElicitationAction::Accept);
    let ElicitRequestParams::FormElicitationParams {
        requested_schema, ..
    } = question
    else {
        return accepted;
    };
    let schema = serde_json::to_value(requested_schema).unwrap_or_default();
    let fields = schema.get("properties").and_then(Value::as_object);
    let filled = fields.into_iter().flatten().filter_map(|(name, field)| {
        let preset = field.get("default").cloned();
        let value = preset.or_else(|| filled_in(field))?;
        Some((name.clone(), value))
    });
    accepted.with_content(Value::Object(filled.collect()))
}

/// What somebody could put into a field, or pass as an argument, of this schema.
fn filled_in(schema: &Value) -> Option<Value> {
    match schema.get("type").and_then(Value::as_str)? {
        "boolean" => Some(json!(true)),
        "integer" | "number" => Some(json!(5)),
        "string" => Some(json!("text")),
        _ => None,
    }
}

async fn use_all(client: &Client, tools: &[Tool]) -> Result<()> {
    for tool in tools {
        let properties = tool.input_schema.get("properties");
        let properties = properties.and_then(Value::as_object).into_iter().flatten();
        let arguments: JsonObject = properties
            .filter_map(|(name, schema)| Some((name.clone(), filled_in(schema)?)))
            .collect();
        client.call_tool(tool.name.to_string(), arguments).await?;
    }
    if client.has_resources() {
        let resources: Vec<Resource> = client.resources().await?;
        for resource in resources {
            client.read_resource(&resource.uri).await?;
        }
    }
    if client.has_prompts() {
        let prompts: Vec<Prompt> = client.prompts().await?;
        for prompt in prompts {
            client.prompt(&prompt.name, ()).await?;
        }
    }
    Ok(())
}

/// Gives the schema of the first tool back to the second, as it came.
async fn echo_schema(client: &Client, tools: &[Tool]) -> Result<()> {
    let rich = tools.iter().find(|tool| tool.name != "json_schema_echo");
    let rich = rich.context("there is no tool with a schema")?;
    let arguments = json!({ "schema": *rich.input_schema });
    client.call_tool("json_schema_echo", arguments).await?;
    Ok(())
}
