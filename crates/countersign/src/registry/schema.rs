//! Schemas of tools: references stay inside of the document.
//!
//! CO-16: whoever resolves a reference to the network asks a stranger. We never
//! resolve any, and do not hand one to a client that might.

use serde_json::Value;

use crate::protocol::JsonObject;

/// Refuses references that do not begin with `#`.
pub(super) fn check_references(schema: &JsonObject) -> Result<(), String> {
    schema.iter().try_for_each(|(keyword, value)| {
        match (keyword.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(target)) if !target.starts_with('#') => {
                let shown: String = target.chars().take(80).collect();
                Err(format!(
                    "its schema refers to `{}`, which is outside of it",
                    shown.escape_default()
                ))
            }
            // Instance data, and no schemas.
            ("default" | "const" | "enum" | "examples", _) => Ok(()),
            // A member named `$ref` is a property here, and no keyword.
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(schemas),
            ) => schemas.values().try_for_each(check_value),
            (_, value) => check_value(value),
        }
    })
}

fn check_value(value: &Value) -> Result<(), String> {
    match value {
        Value::Object(schema) => check_references(schema),
        Value::Array(values) => values.iter().try_for_each(check_value),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value) -> Result<(), String> {
        check_value(&schema)
    }

    #[test]
    fn co_16_references_to_the_network_are_refused_wherever_they_stand() {
        let far = json!({ "$ref": "https://attacker.example/schema.json" });
        for schema in [
            far.clone(),
            json!({ "properties": { "a": far } }),
            json!({ "$defs": { "a": { "items": far } } }),
            json!({ "anyOf": [{ "type": "string" }, far] }),
            json!({ "properties": { "default": far } }),
            json!({ "$dynamicRef": "other.json#x" }),
        ] {
            assert!(check(schema.clone()).is_err(), "{schema}");
        }
    }

    #[test]
    fn references_inside_of_the_document_and_data_are_kept() {
        for schema in [
            json!({ "$ref": "#/$defs/a", "$defs": { "a": {} } }),
            json!({ "properties": { "$ref": { "type": "string" } } }),
            json!({ "default": { "$ref": "https://example.com" } }),
        ] {
            assert_eq!(check(schema), Ok(()));
        }
    }
}
