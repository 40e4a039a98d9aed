//! Denials as JSON-RPC errors, for transports without a status code.

use countersign_resource_server::policy::{ComponentKind, Denial};
use serde_json::json;

use crate::protocol::{ErrorCode, ErrorData};
use crate::tool_error;

/// The answer for a component that does not exist, or that the caller may not know of.
pub(crate) fn unknown(kind: ComponentKind, name: &str) -> ErrorData {
    match kind {
        ComponentKind::Resource | ComponentKind::ResourceTemplate => {
            // The SDK turns the code into −32602 for clients of 2026-07-28.
            let shown: String = name.chars().filter(|c| !c.is_control()).take(256).collect();
            ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": shown })))
        }
        ComponentKind::Prompt => ErrorData::invalid_params("Unknown prompt", None),
        _ => ErrorData::invalid_params("Unknown tool", None),
    }
}

/// The answer to a denied action on `component`: its kind and the name that the
/// caller used.
pub(crate) fn error(denial: Denial, component: Option<(ComponentKind, &str)>) -> ErrorData {
    let refuse = |message: String| ErrorData::new(ErrorCode::INVALID_REQUEST, message, None);
    match denial {
        Denial::Unauthenticated(scopes) if scopes.is_empty() => {
            refuse("Authentication required".to_owned())
        }
        Denial::Unauthenticated(scopes) | Denial::InsufficientScope(scopes) => {
            refuse(tool_error::insufficient(&scopes))
        }
        Denial::WrongSource(wrong) => refuse(wrong.to_string()),
        Denial::Forbidden => refuse("Forbidden".to_owned()),
        Denial::Unknown => match component {
            Some((kind, name)) => unknown(kind, name),
            None => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None),
        },
        Denial::TooMany { retry_after } => ErrorData::new(
            ErrorCode::INVALID_REQUEST,
            "Too many requests",
            Some(json!({ "retryAfter": retry_after.as_secs().max(1) })),
        ),
    }
}
