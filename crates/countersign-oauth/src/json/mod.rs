//! Strict JSON: RFC 8259, with the restrictions of RFC 7515 §4 and RFC 7519 §4.
//!
//! RFC 8259 leaves room that attackers use: two parsers may read two values from
//! one text. Here a text has one reading or none. Refused, although other
//! libraries accept it:
//!
//! - a member name that occurs twice in one object, at any level, compared after
//!   escapes are resolved (`"exp"` and `"e\u0078p"` are the same name);
//! - a byte order mark, UTF-16, and anything that is not UTF-8;
//! - nesting deeper than [`MAX_DEPTH`], found before it is followed;
//! - a number that no `f64` can hold, such as `1e400`.
//!
//! The size of the text is limited by the caller.

mod object;
mod reader;

use serde_json::{Map, Value};
use thiserror::Error;

pub use object::{Json, Object};
pub use reader::Reader;

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 32;

/// Why a text is refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// The bytes are not UTF-8 (RFC 8259 §8.1).
    #[error("the JSON text is not UTF-8")]
    NotUtf8,
    /// The text starts with a byte order mark (RFC 8259 §8.1).
    #[error("the JSON text starts with a byte order mark")]
    ByteOrderMark,
    /// More than [`MAX_DEPTH`] arrays and objects are open at once.
    #[error("the JSON text is nested too deeply")]
    TooDeep,
    /// A member name occurs twice in one object (RFC 8259 §4).
    #[error("a member name occurs twice in one JSON object")]
    DuplicateMember,
    /// The text does not fit the grammar, or goes on behind its value.
    #[error("the text is not JSON")]
    Syntax,
    /// The value is not an object, where one is required.
    #[error("the JSON text is not an object")]
    NotAnObject,
}

/// Reads one JSON value.
///
/// # Errors
///
/// [`JsonError`] if the text has no reading or more than one.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    Json::parse(bytes).map(Value::from)
}

/// Reads one JSON object.
///
/// # Errors
///
/// As [`parse`]; [`JsonError::NotAnObject`] for every other value.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    Object::parse(bytes).map(Map::from)
}
