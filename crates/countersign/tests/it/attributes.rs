//! What the attributes make of a function, seen from another crate.
#![expect(
    clippy::too_many_arguments,
    reason = "a test fails by panicking, and one function takes every kind of parameter"
)]

use countersign::component::{
    Json, PromptHandler, ResourceAddress, ResourceHandler, ToolDefinition, ToolHandler,
};
use countersign::policy::Concealment;
use countersign::protocol::PromptMessage;
use countersign::{AccessToken, Caller, Context, Server, State, ToolError, prompt, resource, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Greets the caller by name.
///
/// Politely.
#[tool(
    scopes("read", "greet"),
    hidden,
    title = "Greeting",
    tags("a", "b"),
    read_only,
    open_world = false
)]
pub(crate) async fn greet(
    /// Whom to greet.
    name: String,
    token: AccessToken,
) -> String {
    format!("Hello, {name}! {}", token.sub())
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    total: i64,
}

/// A database.
struct Database;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Metric,
    Imperial,
}

/// Every way to take an argument.
#[tool(
    name = "every/way.1",
    description = "Not the documentation",
    interactive,
    destructive
)]
fn every_way(
    context: Context,
    caller: Caller,
    state: State<Database>,
    token: Option<AccessToken>,
    #[schemars(extend("x-mcp-header" = "Region"))] region: String,
    #[schemars(extend("x-mcp-header" = "Zone"))] zone: Option<String>,
    #[serde(default)] mut r#type: Vec<u8>,
    #[serde(rename = "unitOf")]
    #[schemars(description = "of measure")]
    unit: Option<Unit>,
    every_way: bool,
) -> Result<Json<Sum>, ToolError> {
    let _ = (context, caller, state, token, zone, every_way);
    r#type.push(1);
    let factor = match unit {
        Some(Unit::Imperial) => 2,
        Some(Unit::Metric) | None => 1,
    };
    let total = i64::try_from(region.len() + r#type.len())?;
    Ok(Json(Sum {
        total: total * factor,
    }))
}

#[tool]
fn count() -> Json<Vec<u32>> {
    Json(vec![1, 2])
}

/// One user.
#[resource(
    "user://{id}/{+rest}",
    mime_type = "application/json",
    scopes("users"),
    icons("https://example.com/i.png")
)]
async fn user(id: u64, rest: String, uri: String) -> Json<Vec<String>> {
    Json(vec![id.to_string(), rest, uri])
}

/// The configuration.
#[resource("config://app", name = "configuration")]
fn config(_database: State<Database>) -> &'static str {
    "debug = true"
}

/// Reviews code.
#[prompt(title = "Review")]
async fn review(
    /// The code.
    code: String,
    /// How many remarks at most.
    limit: Option<u8>,
    caller: Caller,
) -> Result<Vec<PromptMessage>, ToolError> {
    let _ = (code, limit, caller);
    Ok(Vec::new())
}

fn wire(definition: &ToolDefinition) -> Value {
    serde_json::to_value(&definition.tool).unwrap()
}

#[test]
fn a_function_is_a_tool_with_its_documentation_and_its_parameters() {
    let definition = greet.definition();
    assert_eq!(
        wire(&definition),
        json!({
            "name": "greet",
            "title": "Greeting",
            "description": "Greets the caller by name.\n\nPolitely.",
            "inputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": { "name": { "type": "string", "description": "Whom to greet." } },
                "required": ["name"],
            },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        })
    );
    assert_eq!(definition.access.scopes.to_string(), "greet read");
    assert_eq!(definition.access.concealment, Concealment::Hidden);
    assert_eq!(definition.tags, ["a", "b"]);
}

#[test]
fn arguments_are_described_by_their_types_and_attributes_and_injected_ones_are_not() {
    let definition = every_way.definition();
    assert_eq!(
        wire(&definition),
        json!({
            "name": "every/way.1",
            "description": "Not the documentation",
            "inputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "region": { "type": "string", "x-mcp-header": "Region" },
                    "zone": { "type": "string", "x-mcp-header": "Zone" },
                    "type": {
                        "type": "array",
                        "items": { "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 },
                        "default": [],
                    },
                    "unitOf": {
                        "description": "of measure",
                        "anyOf": [{ "$ref": "#/$defs/Unit" }, { "type": "null" }],
                    },
                    "every_way": { "type": "boolean" },
                },
                "required": ["region", "every_way"],
                "$defs": { "Unit": { "type": "string", "enum": ["metric", "imperial"] } },
            },
            "outputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": { "total": { "type": "integer", "format": "int64" } },
                "required": ["total"],
            },
            "annotations": { "destructiveHint": true },
        })
    );
    assert!(definition.interactive);
    assert!(definition.access.scopes.is_empty());
}

#[test]
fn a_result_that_is_no_object_is_announced_as_a_member_of_one() {
    let tool = wire(&count.definition());
    assert_eq!(
        tool["outputSchema"],
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": { "result": {
                "type": "array",
                "items": { "type": "integer", "format": "uint32", "minimum": 0 },
            } },
            "required": ["result"],
        })
    );
    assert_eq!(tool.get("description"), None);
    assert_eq!(tool["inputSchema"]["properties"], json!({}));
}

#[test]
fn a_uri_with_variables_is_a_template_and_one_without_is_a_resource() {
    let template = user.definition();
    assert_eq!(
        template.address,
        ResourceAddress::Template("user://{id}/{+rest}".to_owned())
    );
    assert_eq!(template.name, "user");
    assert_eq!(template.mime_type.as_deref(), Some("application/json"));
    assert_eq!(template.icons.unwrap().len(), 1);
    assert!(template.access.scopes.contains("users"));
    let fixed = config.definition();
    assert_eq!(
        fixed.address,
        ResourceAddress::Uri("config://app".to_owned())
    );
    assert_eq!(fixed.name, "configuration");
    assert_eq!(fixed.description.as_deref(), Some("The configuration."));
}

#[test]
fn the_arguments_of_a_prompt_are_listed_with_their_documentation() {
    let prompt = serde_json::to_value(review.definition().prompt).unwrap();
    assert_eq!(
        prompt,
        json!({
            "name": "review",
            "title": "Review",
            "description": "Reviews code.",
            "arguments": [
                { "name": "code", "description": "The code.", "required": true },
                { "name": "limit", "description": "How many remarks at most.", "required": false },
            ],
        })
    );
}

#[test]
fn the_function_stays_callable_and_its_name_stays_free_for_variables() {
    let count = count::call();
    assert_eq!(count.0, [1, 2]);
    assert_eq!(
        config::call(State(std::sync::Arc::new(Database))),
        "debug = true"
    );
}

#[test]
fn components_are_handed_to_a_server_by_name() {
    let server = Server::new("test")
        .state(Database)
        .tool(greet)
        .tool(every_way)
        .tool(count)
        .resource(user)
        .resource(config)
        .prompt(review);
    assert!(format!("{server:?}").contains("fault: None"), "{server:?}");
}
