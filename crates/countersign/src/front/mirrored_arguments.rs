//! Arguments that are repeated in `Mcp-Param-*` headers: MCP 2026-07-28, transport,
//! custom headers.
//!
//! What was done before: the standard headers agree, and the caller may call the
//! tool. TR-11: the server MUST verify each against the body.

use http::HeaderMap;
use serde_json::Value;

use super::era::header_mismatch;
use super::mirror::{decoded, single};
use crate::protocol::ErrorData;
use crate::registry::{HeaderParameter, ParameterType};

/// Compares the headers of `parameters` with `arguments`, the JSON text of the
/// arguments; empty if there are none.
///
/// # Errors
///
/// −32020 if a header is missing, doubled, malformed, different, or there without
/// an argument.
pub(crate) fn check(
    headers: &HeaderMap,
    parameters: &[HeaderParameter],
    arguments: &[u8],
) -> Result<(), ErrorData> {
    if parameters.is_empty() {
        return Ok(());
    }
    // Text that is no JSON is refused with the arguments themselves.
    let arguments: Value = serde_json::from_slice(arguments).unwrap_or_default();
    for parameter in parameters {
        let argument = parameter
            .path
            .iter()
            .try_fold(&arguments, |value, name| value.get(name))
            .filter(|value| !value.is_null());
        match (single(headers, parameter.header.as_str())?, argument) {
            (None, None) => {}
            (Some(_), None) => {
                return Err(header_mismatch("a Mcp-Param header has no argument"));
            }
            (None, Some(_)) => {
                return Err(header_mismatch("a Mcp-Param header is missing"));
            }
            (Some(header), Some(argument)) => {
                if !agree(parameter.parameter_type, &decoded(header)?, argument) {
                    return Err(header_mismatch("a Mcp-Param header differs from the body"));
                }
            }
        }
    }
    Ok(())
}

/// Integers are compared as numbers, everything else as text.
fn agree(parameter_type: ParameterType, header: &str, argument: &Value) -> bool {
    match (parameter_type, argument) {
        (ParameterType::String, Value::String(text)) => header == text,
        (ParameterType::Boolean, Value::Bool(flag)) => {
            header == if *flag { "true" } else { "false" }
        }
        (ParameterType::Integer, Value::Number(number)) => {
            match (header.parse::<i128>(), number.to_string().parse::<i128>()) {
                (Ok(header), Ok(number)) => header == number,
                _ => false,
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    fn parameters() -> Vec<HeaderParameter> {
        let one = |name: &'static str, path: &[&str], parameter_type| HeaderParameter {
            header: HeaderName::from_static(name),
            path: path.iter().map(|&name| name.to_owned()).collect(),
            parameter_type,
        };
        vec![
            one("mcp-param-region", &["region"], ParameterType::String),
            one("mcp-param-size", &["page", "size"], ParameterType::Integer),
            one("mcp-param-dry", &["dry"], ParameterType::Boolean),
        ]
    }

    fn checked(pairs: &[(&'static str, &str)], arguments: &Value) -> Result<(), i32> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        check(&headers, &parameters(), arguments.to_string().as_bytes())
            .map_err(|error| error.code.0)
    }

    #[test]
    fn tr_11_headers_that_do_not_repeat_the_arguments_are_refused() {
        let region = "mcp-param-region";
        let (size, dry) = ("mcp-param-size", "mcp-param-dry");
        for (pairs, arguments) in [
            (&[][..], json!({ "region": "eu" })),
            (&[(region, "us")], json!({ "region": "eu" })),
            (&[(region, "EU")], json!({ "region": "eu" })),
            (&[(region, "eu"), (region, "eu")], json!({ "region": "eu" })),
            (&[(region, "eu")], json!({})),
            (&[(region, "eu")], json!({ "region": null })),
            (&[(region, "eu")], json!(null)),
            (&[(region, "7")], json!({ "region": 7 })),
            (&[(region, "=?base64?####?=")], json!({ "region": "eu" })),
            (&[(region, "\u{fc}")], json!({ "region": "\u{fc}" })),
            (&[(size, "11")], json!({ "page": { "size": 10 } })),
            (&[(size, "ten")], json!({ "page": { "size": 10 } })),
            (&[(size, "10")], json!({ "size": 10 })),
            (&[(dry, "True")], json!({ "dry": true })),
            (&[(dry, "false")], json!({ "dry": true })),
        ] {
            assert_eq!(
                checked(pairs, &arguments),
                Err(-32020),
                "{pairs:?} {arguments}"
            );
        }
    }

    #[test]
    fn tr_11_headers_that_repeat_the_arguments_pass() {
        let sentinel = "=?base64?w7w=?=";
        for (pairs, arguments) in [
            (&[][..], json!({})),
            (&[], json!({ "region": null, "page": {}, "other": 1 })),
            (&[("mcp-param-region", "eu")], json!({ "region": "eu" })),
            (
                &[("mcp-param-region", sentinel)],
                json!({ "region": "\u{fc}" }),
            ),
            (
                &[("mcp-param-size", "010")],
                json!({ "page": { "size": 10 } }),
            ),
            (
                &[("mcp-param-size", "-1")],
                json!({ "page": { "size": -1 } }),
            ),
            (&[("mcp-param-dry", "false")], json!({ "dry": false })),
        ] {
            assert_eq!(checked(pairs, &arguments), Ok(()), "{pairs:?} {arguments}");
        }
    }
}
