//! The arguments of a call, deserialized once and into their type.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::ToolError;
use crate::middleware::Passing;
use crate::protocol::JsonObject;

/// The `arguments` member of a call: a JSON object that was not looked into yet.
pub struct Arguments<'a>(Source<'a>);

enum Source<'a> {
    Absent,
    Text(&'a str),
    Object(JsonObject),
}

impl fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arguments(redacted)")
    }
}

impl<'a> Arguments<'a> {
    /// The JSON text of the arguments; empty if there are none, which is an empty object.
    pub(crate) fn from_json(text: &'a [u8]) -> Self {
        match std::str::from_utf8(text) {
            Ok(text) if !text.is_empty() => Self(Source::Text(text)),
            _ => Self(Source::Absent),
        }
    }

    /// The JSON text of the arguments, or none.
    pub fn from_text(text: Option<&'a RawValue>) -> Self {
        Self(text.map_or(Source::Absent, |text| Source::Text(text.get())))
    }

    /// Arguments that were parsed already.
    pub fn from_object(object: Option<JsonObject>) -> Arguments<'static> {
        match object {
            Some(object) => Arguments(Source::Object(object)),
            None => Arguments(Source::Absent),
        }
    }

    /// The same arguments without the message they stand in.
    pub(crate) fn into_passing(self) -> Passing {
        match self.0 {
            Source::Absent => Passing::Text(String::new()),
            Source::Text(text) => Passing::Text(text.to_owned()),
            Source::Object(object) => Passing::Object(object),
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
            // A list would be read as the members of a struct in their order.
            Source::Text(text) if !text.trim_start().starts_with('{') => {
                return Err(ToolError::invalid_arguments(
                    "Invalid arguments: they are not an object",
                ));
            }
            Source::Text(text) => serde_json::from_str(text),
            Source::Object(object) => serde_json::from_value(object.into()),
        };
        parsed.map_err(|error| ToolError::unfit_arguments(&error))
    }
}
