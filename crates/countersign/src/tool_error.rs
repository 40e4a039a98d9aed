//! What a tool, resource or prompt answers when it cannot do what it was asked.
//!
//! Only text that was written for the caller goes to the caller. An error of
//! another library is logged and answered with a fixed sentence.

use std::error::Error as StdError;
use std::fmt;

use countersign_resource_server::oauth::ScopeSet;

use crate::middleware::plain;
use crate::protocol::{ErrorCode, ErrorData, InputRequiredResult};

/// Why a call failed.
pub struct ToolError(Box<Kind>);

pub(crate) enum Kind {
    Message(String),
    InsufficientScope(ScopeSet),
    InvalidArguments(String),
    NotFound(String),
    Internal(Box<dyn StdError + Send + Sync>),
    Protocol(ErrorData),
    InputRequired(InputRequiredResult),
}

impl ToolError {
    /// A failure that the caller should read. A tool answers with an error
    /// result that holds `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Kind::Message(message.into())))
    }

    /// The caller lacks scopes, found out inside the call. Prefer scopes on the
    /// component: those are refused before dispatch, with a real 403.
    pub fn insufficient_scope(required: ScopeSet) -> Self {
        Self(Box::new(Kind::InsufficientScope(required)))
    }

    /// The arguments are well-formed JSON and make no sense (JSON-RPC −32602).
    pub fn invalid_arguments(message: impl Into<String>) -> Self {
        Self(Box::new(Kind::InvalidArguments(message.into())))
    }

    /// There is nothing at `uri`.
    pub fn not_found(uri: impl Into<String>) -> Self {
        Self(Box::new(Kind::NotFound(uri.into())))
    }

    /// Something else failed. It is logged; the caller reads "Internal error".
    pub fn internal(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Box::new(Kind::Internal(error.into())))
    }

    /// A JSON-RPC error, as it is.
    pub fn protocol(error: ErrorData) -> Self {
        Self(Box::new(Kind::Protocol(error)))
    }

    /// The call goes on when the client has answered (2026-07-28 only).
    pub(crate) fn input_required(result: InputRequiredResult) -> Self {
        Self(Box::new(Kind::InputRequired(result)))
    }

    /// Arguments that do not fit their type. The text of the parser would echo
    /// input, so only the place is told.
    pub(crate) fn unfit_arguments(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let told = match text.split_once('`') {
            Some(("missing field ", rest)) => {
                let name = rest.split('`').next().unwrap_or_default();
                format!("Invalid arguments: `{name}` is missing")
            }
            _ => "Invalid arguments: a value is not of the type in the input schema".to_owned(),
        };
        Self::invalid_arguments(told)
    }

    pub(crate) fn from_kind(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    pub(crate) fn into_kind(self) -> Kind {
        *self.0
    }

    /// The questions, if it is the end of a run that asks; else the error itself.
    pub(crate) fn asking(self) -> Result<InputRequiredResult, Self> {
        match *self.0 {
            Kind::InputRequired(result) => Ok(result),
            kind => Err(Self::from_kind(kind)),
        }
    }

    /// What kind of failure it is, in words.
    pub(crate) fn noun(&self) -> &'static str {
        match *self.0 {
            Kind::Message(_) => "tool error",
            Kind::InsufficientScope(_) => "insufficient scope",
            Kind::InvalidArguments(_) => "invalid arguments",
            Kind::NotFound(_) => "not found",
            Kind::Internal(_) => "internal error",
            Kind::Protocol(_) => "protocol error",
            Kind::InputRequired(_) => "input required",
        }
    }

    /// The same kind of failure without its words; `instead` stands for those
    /// that a handler chose.
    pub(crate) fn masked(self, instead: &'static str) -> Self {
        let kind = match self.into_kind() {
            Kind::Message(_) => Kind::Message(instead.to_owned()),
            Kind::InvalidArguments(_) => Kind::InvalidArguments("Invalid arguments".to_owned()),
            Kind::Protocol(error) => {
                let fixed = match error.code {
                    ErrorCode::INVALID_PARAMS => "Invalid params",
                    ErrorCode::INVALID_REQUEST => "Invalid request",
                    // Clients act on the data of this one.
                    ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => {
                        return Self::protocol(error);
                    }
                    _ => "Internal error",
                };
                Kind::Protocol(ErrorData::new(error.code, fixed, None))
            }
            kept @ (Kind::InsufficientScope(_)
            | Kind::NotFound(_)
            | Kind::Internal(_)
            | Kind::InputRequired(_)) => kept,
        };
        Self::from_kind(kind)
    }

    /// The JSON-RPC error for everything that has one, whatever was called.
    pub(crate) fn into_error_data(self) -> ErrorData {
        match self.into_kind() {
            Kind::Message(message) => ErrorData::new(ErrorCode::INTERNAL_ERROR, message, None),
            Kind::InsufficientScope(required) => {
                ErrorData::new(ErrorCode::INVALID_REQUEST, insufficient(&required), None)
            }
            Kind::InvalidArguments(message) => ErrorData::invalid_params(message, None),
            Kind::NotFound(uri) => ErrorData::invalid_params(
                "Resource not found",
                Some(serde_json::json!({ "uri": uri })),
            ),
            Kind::Internal(error) => {
                log("a handler failed", error.as_ref());
                ErrorData::internal_error("Internal error", None)
            }
            Kind::Protocol(error) => error,
            Kind::InputRequired(_) => {
                ErrorData::internal_error("This method cannot ask the client for input", None)
            }
        }
    }
}

/// Logs an error that the client does not see. Its text may quote what a client
/// sent, so it stays on its line (checklist H10).
pub(crate) fn log(what: &str, error: &(dyn StdError + Send + Sync)) {
    let text = error.to_string();
    tracing::error!(error = %plain(&text).up_to(1000), "{what}");
}

pub(crate) fn insufficient(required: &ScopeSet) -> String {
    let noun = if required.len() == 1 {
        "scope"
    } else {
        "scopes"
    };
    format!("Insufficient permissions. Required {noun}: {required}")
}

impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match *self.0 {
            Kind::Message(_) => "Message",
            Kind::InsufficientScope(_) => "InsufficientScope",
            Kind::InvalidArguments(_) => "InvalidArguments",
            Kind::NotFound(_) => "NotFound",
            Kind::Internal(_) => "Internal",
            Kind::Protocol(_) => "Protocol",
            Kind::InputRequired(_) => "InputRequired",
        };
        f.debug_tuple("ToolError").field(&kind).finish()
    }
}

/// `?` on the error of another library: logged, never shown.
impl<E: StdError + Send + Sync + 'static> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self::internal(error)
    }
}
