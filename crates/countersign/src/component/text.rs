//! Arguments that are texts on the wire: those of prompts and of URI templates.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::Variables;
use crate::ToolError;

/// Reads `text`, the value of `name`.
///
/// # Errors
///
/// [`ToolError::invalid_arguments`] if it is not of type `T`.
pub fn from_text<T: FromStr>(name: &str, text: &str) -> Result<T, ToolError> {
    text.parse().map_err(|_| {
        ToolError::invalid_arguments(format!(
            "Invalid arguments: `{name}` is not of the expected type"
        ))
    })
}

/// Reads the variable `name` of a URI template.
///
/// # Errors
///
/// [`ToolError::invalid_arguments`] if it is missing or not of type `T`.
pub fn variable<T: FromStr>(variables: &Variables, name: &str) -> Result<T, ToolError> {
    match variables.get(name) {
        Some(text) => from_text(name, text),
        None => Err(missing(name)),
    }
}

fn missing(name: &str) -> ToolError {
    ToolError::invalid_arguments(format!("Invalid arguments: `{name}` is missing"))
}

/// The arguments of a prompt.
pub struct Texts(BTreeMap<String, String>);

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts(redacted)")
    }
}

impl Texts {
    /// The argument `name`.
    ///
    /// # Errors
    ///
    /// [`ToolError::invalid_arguments`] if it is missing or not of type `T`.
    pub fn required<T: FromStr>(&self, name: &str) -> Result<T, ToolError> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    /// The argument `name`, if it is there.
    ///
    /// # Errors
    ///
    /// [`ToolError::invalid_arguments`] if it is not of type `T`.
    pub fn optional<T: FromStr>(&self, name: &str) -> Result<Option<T>, ToolError> {
        self.0
            .get(name)
            .map(|text| from_text(name, text))
            .transpose()
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((name, text)) = map.next_entry::<String, String>()? {
            if texts.insert(name, text).is_some() {
                return Err(Error::custom("an argument is given twice"));
            }
        }
        Ok(Texts(texts))
    }
}
