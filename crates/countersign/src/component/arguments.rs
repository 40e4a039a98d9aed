//! The arguments of a call, deserialized once and into their type.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::ToolError;
use crate::protocol::JsonObject;

/// The `arguments` member of a call: a JSON object that was not looked into yet.
pub struct Arguments<'a>(Source<'a>);

enum Source<'a> {
    Absent,
    Text(&'a RawValue),
    Object(JsonObject),
}

impl fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arguments(redacted)")
    }
}

impl<'a> Arguments<'a> {
    /// Arguments as they stand in the message; absent ones are an empty object.
    pub const fn from_text(text: Option<&'a RawValue>) -> Self {
        match text {
            Some(text) => Self(Source::Text(text)),
            None => Self(Source::Absent),
        }
    }

    /// Arguments that were parsed already.
    pub fn from_object(object: Option<JsonObject>) -> Arguments<'static> {
        match object {
            Some(object) => Arguments(Source::Object(object)),
            None => Arguments(Source::Absent),
        }
    }

    /// Deserializes the arguments.
    ///
    /// # Errors
    ///
    /// [`ToolError::invalid_arguments`] (JSON-RPC −32602) if they are not of type `T`.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T, ToolError> {
        let parsed = match self.0 {
            Source::Absent => serde_json::from_str("{}"),
            Source::Text(text) => serde_json::from_str(text.get()),
            Source::Object(object) => serde_json::from_value(object.into()),
        };
        parsed.map_err(|error| ToolError::unfit_arguments(&error))
    }
}
