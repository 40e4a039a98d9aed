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

    /// The caller lacks the scopes `required`, found out inside the call: the answer
    /// is "Insufficient permissions. Required scope: …", with HTTP 200. Prefer scopes
    /// on the component, which are refused before dispatch with a real 403; to compare
    /// and refuse in one step there is [`Context::require_scopes`](crate::Context::require_scopes).
    ///
    /// A name outside the grammar (RFC 6749 §3.3) is a mistake of the server: an
    /// internal error.
    ///
    /// ```
    /// use countersign::{Context, ToolError, tool};
    ///
    /// /// Deletes a user.
    /// #[tool]
    /// async fn delete_user(id: u64, context: Context) -> Result<String, ToolError> {
    ///     if !context.scopes().contains("admin:write") {
    ///         return Err(ToolError::insufficient_scope(["admin:write"]));
    ///     }
    ///     Ok(format!("User {id} is gone"))
    /// }
    /// ```
    pub fn insufficient_scope<I>(required: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match ScopeSet::from_names(required) {
            Ok(required) => Self(Box::new(Kind::InsufficientScope(required))),
            Err(error) => Self::internal(error),
        }
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

    /// Whether something broke inside, and the caller is not told what.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(*self.0, Kind::Internal(_))
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
            // Each lane turns the code into −32602 for clients of 2026-07-28 (SEP-2164).
            Kind::NotFound(uri) => ErrorData::resource_not_found(
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn told(error: ToolError) -> String {
        error.into_error_data().message.into_owned()
    }

    #[test]
    fn m_17_the_missing_scopes_are_named() {
        assert_eq!(
            told(ToolError::insufficient_scope(["admin:write"])),
            "Insufficient permissions. Required scope: admin:write"
        );
        assert_eq!(
            told(ToolError::insufficient_scope(["data:read", "admin:write"])),
            "Insufficient permissions. Required scopes: admin:write data:read"
        );
        assert_eq!(
            told(ToolError::insufficient_scope(["a b"])),
            "Internal error"
        );
    }

    #[test]
    fn errors_of_other_libraries_are_not_shown() {
        let error = std::io::Error::other("password=hunter2 at /etc/secret");
        let error = ToolError::from(error);
        assert_eq!(format!("{error:?}"), "ToolError(\"Internal\")");
        assert_eq!(told(error), "Internal error");
    }

    #[test]
    fn e16_what_does_not_fit_is_not_echoed() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct Shape {
            count: u8,
            unit: Unit,
        }
        #[derive(Debug, Deserialize)]
        enum Unit {
            Metric,
        }
        for (input, expected) in [
            (
                r#"{"unit":"Metric"}"#,
                "Invalid arguments: `count` is missing",
            ),
            (r#"{"count":1}"#, "Invalid arguments: `unit` is missing"),
            (r#"{"count":"canary","unit":"Metric"}"#, UNFIT),
            (r#"{"count":1,"unit":"canary"}"#, UNFIT),
            (r#"{"count":1,"unit":"missing field `canary`"}"#, UNFIT),
            (r#"{"count":1,"count":2,"unit":"Metric"}"#, UNFIT),
            (r#"{"count":1,"unit":{"canary":1}}"#, UNFIT),
        ] {
            let error = serde_json::from_str::<Shape>(input).unwrap_err();
            let data = ToolError::unfit_arguments(&error).into_error_data();
            assert_eq!(data.code, ErrorCode::INVALID_PARAMS, "{input}");
            assert_eq!(data.message, expected, "{input}");
            assert!(data.data.is_none(), "{input}");
        }
    }

    const UNFIT: &str = "Invalid arguments: a value is not of the type in the input schema";
}
