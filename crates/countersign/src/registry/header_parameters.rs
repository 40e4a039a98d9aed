//! Arguments that a client mirrors into headers: MCP 2026-07-28, `x-mcp-header`.
//!
//! TR-12: a client drops a tool whose annotations are wrong, so such a tool does
//! not start.

use http::HeaderName;
use serde_json::Value;

use crate::component::HEADER_ANNOTATION;
use crate::protocol::JsonObject;

/// One mirrored argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderParameter {
    /// The header, `Mcp-Param-` and the name that was written.
    pub(crate) header: HeaderName,
    /// The member names from the arguments to the value.
    pub(crate) path: Vec<String>,
    /// How values are compared.
    pub(crate) parameter_type: ParameterType,
}

/// The type of a mirrored argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterType {
    String,
    Integer,
    Boolean,
}

/// The mirrored arguments of an input schema.
///
/// # Errors
///
/// The reason for which a client would drop the tool: a name that is empty, no
/// token (RFC 9110 §5.6.2) or taken, a type that is not string, integer or boolean,
/// and an annotation that `properties` alone do not lead to.
pub(super) fn parse(schema: &JsonObject) -> Result<Vec<HeaderParameter>, String> {
    if schema.contains_key(HEADER_ANNOTATION) {
        return Err(format!("{HEADER_ANNOTATION} stands on no property"));
    }
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn walk(
    schema: &JsonObject,
    path: &mut Vec<String>,
    found: &mut Vec<HeaderParameter>,
) -> Result<(), String> {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            (HEADER_ANNOTATION, _) => {}
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let Value::Object(property) = property else {
                        continue;
                    };
                    path.push(name.clone());
                    if let Some(header) = property.get(HEADER_ANNOTATION) {
                        let parameter = annotated(header, property, path)?;
                        if found.iter().any(|other| other.header == parameter.header) {
                            return Err(at(path, "mirrors into a header that is taken"));
                        }
                        found.push(parameter);
                    }
                    walk(property, path, found)?;
                    path.pop();
                }
            }
            (
                "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(schemas),
            ) => schemas.values().try_for_each(refuse_any)?,
            // Instance data, and no schemas.
            ("default" | "const" | "enum" | "examples", _) => {}
            (_, value) => refuse_any(value)?,
        }
    }
    Ok(())
}

fn annotated(
    header: &Value,
    property: &JsonObject,
    path: &[String],
) -> Result<HeaderParameter, String> {
    let Some(name) = header.as_str().filter(|name| !name.is_empty()) else {
        return Err(at(path, "has no header name"));
    };
    let Ok(header) = HeaderName::from_bytes(format!("Mcp-Param-{name}").as_bytes()) else {
        return Err(at(
            path,
            "has a header name that is no token (RFC 9110 §5.6.2)",
        ));
    };
    let parameter_type = match property.get("type").and_then(Value::as_str) {
        Some("string") => ParameterType::String,
        Some("integer") => ParameterType::Integer,
        Some("boolean") => ParameterType::Boolean,
        _ => return Err(at(path, "is no string, integer or boolean")),
    };
    Ok(HeaderParameter {
        header,
        path: path.to_vec(),
        parameter_type,
    })
}

/// Refuses an annotation that a client cannot find a value for.
fn refuse_any(value: &Value) -> Result<(), String> {
    match value {
        Value::Object(schema) => {
            if schema.contains_key(HEADER_ANNOTATION) {
                return Err(format!(
                    "{HEADER_ANNOTATION} stands where `properties` alone do not lead"
                ));
            }
            schema
                .iter()
                .filter(|(keyword, _)| {
                    !["default", "const", "enum", "examples"].contains(&keyword.as_str())
                })
                .try_for_each(|(_, value)| refuse_any(value))
        }
        Value::Array(values) => values.iter().try_for_each(refuse_any),
        _ => Ok(()),
    }
}

fn at(path: &[String], why: &str) -> String {
    format!(
        "the argument `{}` with {HEADER_ANNOTATION} {why}",
        path.join(".")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(schema: Value) -> Result<Vec<HeaderParameter>, String> {
        parse(schema.as_object().unwrap())
    }

    fn property(schema: Value) -> Value {
        json!({ "type": "object", "properties": { "a": schema } })
    }

    #[test]
    fn tr_12_annotations_that_clients_drop_a_tool_for_are_refused() {
        let good = json!({ "type": "string", "x-mcp-header": "A" });
        for schema in [
            property(json!({ "type": "string", "x-mcp-header": "" })),
            property(json!({ "type": "string", "x-mcp-header": 7 })),
            property(json!({ "type": "string", "x-mcp-header": "with blank" })),
            property(json!({ "type": "string", "x-mcp-header": "line\r\nbreak" })),
            property(json!({ "type": "string", "x-mcp-header": "Ünïcode" })),
            property(json!({ "type": "number", "x-mcp-header": "A" })),
            property(json!({ "type": "object", "x-mcp-header": "A" })),
            property(json!({ "type": ["string", "null"], "x-mcp-header": "A" })),
            property(json!({ "x-mcp-header": "A" })),
            property(json!({ "type": "array", "items": good })),
            property(json!({ "anyOf": [good] })),
            json!({ "$defs": { "A": good } }),
            json!({ "type": "object", "x-mcp-header": "A" }),
            json!({ "properties": { "a": good, "b": { "type": "string", "x-mcp-header": "a" } } }),
        ] {
            assert!(parsed(schema.clone()).is_err(), "{schema}");
        }
    }

    #[test]
    fn tr_11_annotations_are_found_along_properties_with_their_types() {
        let schema = json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "page": { "type": "object", "properties": {
                "size": { "type": "integer", "x-mcp-header": "Page-Size" },
            } },
            "dry": { "type": "boolean", "x-mcp-header": "Dry" },
            "plain": { "type": "string", "default": { "x-mcp-header": "data" } },
        } });
        let found = parsed(schema).unwrap();
        let told: Vec<(&str, String, ParameterType)> = found
            .iter()
            .map(|one| (one.header.as_str(), one.path.join("."), one.parameter_type))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "mcp-param-region",
                    "region".to_owned(),
                    ParameterType::String
                ),
                (
                    "mcp-param-page-size",
                    "page.size".to_owned(),
                    ParameterType::Integer
                ),
                ("mcp-param-dry", "dry".to_owned(), ParameterType::Boolean),
            ]
        );
    }
}
