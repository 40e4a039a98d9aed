//! Reasons as stable words. `docs/audit.md` lists them; none is ever renamed.

use countersign_audit::{Outcome, Severity};
use countersign_resource_server::policy::Denial;
use http::StatusCode;

use crate::protocol::ErrorCode;

/// What a denial is called.
pub(super) const fn of_denial(denial: &Denial) -> &'static str {
    match denial {
        Denial::Unauthenticated(_) => "no_credential",
        Denial::WrongSource(_) => "wrong_source",
        Denial::InsufficientScope(_) => "insufficient_scope",
        Denial::Forbidden => "forbidden",
        Denial::Unknown => "hidden_component",
        Denial::TooMany { .. } => "rate_limited",
    }
}

/// What our own errors of JSON-RPC are called.
pub(super) fn of_code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::PARSE_ERROR => "malformed_message",
        ErrorCode::INVALID_REQUEST => "invalid_message",
        ErrorCode::METHOD_NOT_FOUND => "unknown_method",
        ErrorCode::HEADER_MISMATCH => "mirror_mismatch",
        ErrorCode::UNSUPPORTED_PROTOCOL_VERSION => "unsupported_version",
        ErrorCode::INTERNAL_ERROR => "internal_error",
        _ => "invalid_params",
    }
}

/// What a refusal is called of which nothing but its status is known.
pub(super) fn of_status(status: StatusCode) -> Option<&'static str> {
    Some(match status {
        StatusCode::UNAUTHORIZED => "no_credential",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::NOT_ACCEPTABLE => "not_acceptable",
        StatusCode::REQUEST_TIMEOUT => "body_too_slow",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "invalid_request",
        status if status.is_server_error() => "internal_error",
        _ => return None,
    })
}

/// How a refusal for the reason `word` counts.
pub(super) fn weight(word: &str) -> (Outcome, Severity) {
    match word {
        "unavailable" | "audit_full" | "internal_error" => (Outcome::Failed, Severity::Warning),
        // Nobody gets there by mistake.
        "mirror_mismatch" | "foreign_session" | "foreign_origin" => {
            (Outcome::Refused, Severity::Warning)
        }
        // How every client begins.
        "no_credential" => (Outcome::Refused, Severity::Info),
        _ => (Outcome::Refused, Severity::Notice),
    }
}
