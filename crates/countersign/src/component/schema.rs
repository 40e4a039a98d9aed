//! JSON schemas of arguments and results: JSON Schema 2020-12, built once at start.

use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::protocol::JsonObject;

/// The annotation that mirrors an argument into a header.
pub(crate) const HEADER_ANNOTATION: &str = "x-mcp-header";

/// The schema of what `T` is read from, for the `inputSchema` of a tool.
///
/// An argument that is mirrored into a header (`x-mcp-header`) has one primitive
/// type there, also if it is optional: clients drop a tool with another schema.
pub fn input_schema<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = root(settings.into_generator().into_root_schema_for::<T>());
    schema.remove("title");
    schema
        .entry("properties")
        .or_insert_with(|| Value::Object(JsonObject::new()));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            name_one_type(property);
        }
    }
    Arc::new(schema)
}

/// The schema of what `T` is written as, for the `outputSchema` of a tool.
pub(crate) fn serialized_schema<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = root(settings.into_generator().into_root_schema_for::<T>());
    schema.remove("title");
    Arc::new(schema)
}

/// `schema` as the member `result` of an object, and whether that was needed.
///
/// Up to protocol version 2025-11-25 structured content is an object; a list or a
/// number travels inside of one, as FastMCP sends it too.
pub(crate) fn as_object(schema: Arc<JsonObject>) -> (Arc<JsonObject>, bool) {
    if schema.get("type").and_then(Value::as_str) == Some("object") {
        return (schema, false);
    }
    let mut inner = (*schema).clone();
    let mut outer = JsonObject::new();
    // References are written from the root, so definitions stay there.
    for keyword in ["$schema", "$defs"] {
        if let Some(value) = inner.remove(keyword) {
            outer.insert(keyword.to_owned(), value);
        }
    }
    outer.insert("type".to_owned(), json!("object"));
    outer.insert("properties".to_owned(), json!({ "result": inner }));
    outer.insert("required".to_owned(), json!(["result"]));
    (Arc::new(outer), true)
}

fn root(schema: schemars::Schema) -> JsonObject {
    match schema.to_value() {
        Value::Object(object) => object,
        // `true` and `false` are schemas, and no objects.
        Value::Bool(false) => JsonObject::from_iter([("not".to_owned(), json!({}))]),
        _ => JsonObject::new(),
    }
}

fn name_one_type(property: &mut Value) {
    let Value::Object(property) = property else {
        return;
    };
    if !property.contains_key(HEADER_ANNOTATION) {
        return;
    }
    if let Some(Value::Array(types)) = property.get("type") {
        let mut named = types.iter().filter(|name| *name != "null");
        if let (Some(only), None) = (named.next().cloned(), named.next()) {
            property.insert("type".to_owned(), only);
        }
    }
}
