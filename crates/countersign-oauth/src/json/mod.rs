//! Strict JSON: RFC 8259, with the restrictions of RFC 7515 §4 and RFC 7519 §4.
//!
//! RFC 8259 leaves room that attackers use: two parsers may read two values from
//! one text. Here a text has one reading or none. Refused, although other
//! libraries accept it:
//!
//! - a member name that occurs twice in one object, at any level, compared after
//!   escapes are resolved (`"exp"` and `"e\u0078p"` are the same name);
//! - a byte order mark, UTF-16, and anything that is not UTF-8;
//! - nesting deeper than [`MAX_DEPTH`], found by a scan before any recursion;
//! - a number that no `f64` can hold, such as `1e400`.
//!
//! The size of the text is limited by the caller.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use thiserror::Error;

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
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    if text.starts_with('\u{FEFF}') {
        return Err(JsonError::ByteOrderMark);
    }
    if is_too_deep(text) {
        return Err(JsonError::TooDeep);
    }
    let duplicate = Cell::new(false);
    let failed = |_| {
        if duplicate.get() {
            JsonError::DuplicateMember
        } else {
            JsonError::Syntax
        }
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = UniqueMembers(&duplicate)
        .deserialize(&mut deserializer)
        .map_err(failed)?;
    deserializer.end().map_err(|_| JsonError::Syntax)?;
    Ok(value)
}

/// Reads one JSON object.
///
/// # Errors
///
/// As [`parse`]; [`JsonError::NotAnObject`] for every other value.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Counts brackets outside strings. On a text that is no JSON the count may be
/// off; the parser refuses such a text at the first byte where they disagree.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Builds a [`Value`], and fails on the second occurrence of a member name.
struct UniqueMembers<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for UniqueMembers<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(UniqueMembers(self.0))? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                self.0.set(true);
                return Err(A::Error::custom("a member name occurs twice"));
            }
            let value = members.next_value_seed(UniqueMembers(self.0))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
