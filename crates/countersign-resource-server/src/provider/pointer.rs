//! JSON pointers: RFC 6901.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The longest pointer, in bytes.
const MAX_BYTES: usize = 256;

/// A place in a JSON document. The default is the whole document.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

/// A text that is no pointer.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error(
    "a JSON pointer (RFC 6901) is empty or begins with /, has ~ only in ~0 and ~1, and at most \
     256 bytes: write /sub, not sub"
)]
#[non_exhaustive]
pub struct InvalidPointer;

impl Pointer {
    /// Judges and keeps `text` (RFC 6901 §3).
    ///
    /// # Errors
    ///
    /// [`InvalidPointer`].
    pub fn parse(text: &str) -> Result<Self, InvalidPointer> {
        let begins = text.is_empty() || text.starts_with('/');
        let escaped = text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']));
        if begins && escaped && text.len() <= MAX_BYTES && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPointer)
        }
    }

    /// The member `name` of the document.
    pub fn member(name: &str) -> Self {
        Self(format!("/{}", name.replace('~', "~0").replace('/', "~1")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is there in `document`.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0)
    }

    /// The text that is there; an integer in decimal digits, because many providers
    /// number their people. Nothing for everything else, and for the empty text.
    pub fn text(&self, document: &Value) -> Option<String> {
        match self.find(document)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
            _ => None,
        }
    }
}

impl TryFrom<String> for Pointer {
    type Error = InvalidPointer;

    fn try_from(text: String) -> Result<Self, InvalidPointer> {
        Self::parse(&text)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
