//! Tools whose schemas matter.

use std::sync::Arc;

use countersign::component::{Arguments, Running, ToolDefinition, ToolHandler};
use countersign::protocol::{CallToolResult, ContentBlock, JsonObject};
use countersign::{Context, Server, ToolError, tool};
use serde_json::{Value, json};

pub(crate) fn add(server: Server) -> Server {
    server
        .tool(JsonSchema202012(Arc::new(schema())))
        .tool(test_custom_header)
}

/// Takes a parameter that clients repeat in a header.
#[tool]
fn test_custom_header(
    /// The region, also in the header `Mcp-Param-Region`.
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
) -> String {
    region
}

/// A tool with a schema that no Rust type has.
struct JsonSchema202012(Arc<JsonObject>);

impl ToolHandler for JsonSchema202012 {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new(
            "json_schema_2020_12_tool",
            "Tool with JSON Schema 2020-12 features",
            Arc::clone(&self.0),
        )
    }

    fn call(
        &self,
        _context: Context,
        arguments: Arguments<'_>,
    ) -> Result<Running<CallToolResult>, ToolError> {
        let arguments: JsonObject = arguments.parse()?;
        let text = Value::Object(arguments).to_string();
        Ok(Box::pin(async move {
            Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
        }))
    }
}

fn schema() -> JsonObject {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {
                    "street": { "type": "string" },
                    "city": { "type": "string" }
                }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [
            { "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }
        ],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"]
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    });
    match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    }
}
