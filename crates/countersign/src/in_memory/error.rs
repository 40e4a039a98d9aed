//! Why a call of the in-memory client has no result.

use countersign_resource_server::policy::Denial;
use serde_json::json;

use crate::front::limiting::RATE_LIMITED;
use crate::protocol::{ErrorCode, ErrorData};

/// Why a call has no result.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a denial or an error; nothing else"
)]
pub enum CallError {
    /// The caller may not do that. A component that is hidden from the caller is
    /// not denied: it is unknown.
    #[error("denied: {0:?}")]
    Denied(Denial),
    /// A JSON-RPC error.
    #[error("{} ({})", .0.message, .0.code.0)]
    Protocol(ErrorData),
}

impl CallError {
    /// The status code of the answer, were it sent over HTTP to a client of
    /// 2026-07-28.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Denied(Denial::Unauthenticated(_) | Denial::WrongSource(_)) => 401,
            Self::Denied(Denial::InsufficientScope(_) | Denial::Forbidden) => 403,
            Self::Denied(Denial::TooMany { .. }) => 429,
            Self::Denied(Denial::Unknown) => 400,
            Self::Protocol(error) => match error.code {
                RATE_LIMITED => 429,
                ErrorCode::METHOD_NOT_FOUND => 404,
                ErrorCode::INTERNAL_ERROR => 200,
                _ => 400,
            },
        }
    }

    /// The JSON-RPC code, if it is a JSON-RPC error.
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::Denied(_) => None,
            Self::Protocol(error) => Some(error.code.0),
        }
    }

    pub(super) fn invalid(message: &'static str) -> Self {
        Self::Protocol(ErrorData::invalid_params(message, None))
    }

    pub(super) fn no_resource(uri: &str) -> Self {
        Self::Protocol(ErrorData::invalid_params(
            "Resource not found",
            Some(json!({ "uri": uri })),
        ))
    }

    pub(super) fn unexpected() -> Self {
        Self::Protocol(ErrorData::internal_error("Internal error", None))
    }
}

impl From<ErrorData> for CallError {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}
