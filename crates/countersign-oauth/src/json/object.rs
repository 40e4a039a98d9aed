//! JSON that borrows from its text: RFC 8259, as strict as [`super::parse`].
//!
//! A token is looked at once and then forgotten, so most of its strings need not
//! be copied. Members are found by looking through them: there are few.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Number, Value};

use super::{JsonError, Reader};

/// Up to so many members are compared with each other one by one.
const FEW: usize = 16;

/// A JSON value; strings without escapes are borrowed.
#[derive(Clone, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8259 §3 has no other values")]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// A string, with its escapes resolved.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object<'a>),
}

/// The members of a JSON object; no name occurs twice.
#[derive(Clone, Default, PartialEq)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(redacted)")
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Object(redacted)")
    }
}

impl<'a> Object<'a> {
    /// Reads one JSON object.
    ///
    /// # Errors
    ///
    /// As [`super::parse_object`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        match Json::parse(bytes)? {
            Json::Object(members) => Ok(members),
            _ => Err(JsonError::NotAnObject),
        }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let mut members = self.0.iter();
        members.find(|(of, _)| of == name).map(|(_, value)| value)
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The members with their names, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl From<Object<'_>> for Map<String, Value> {
    fn from(object: Object<'_>) -> Self {
        let members = object.0.into_iter();
        members
            .map(|(name, value)| (name.into_owned(), value.into()))
            .collect()
    }
}

impl From<Json<'_>> for Value {
    fn from(value: Json<'_>) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(value) => Self::Number(value),
            Json::Text(value) => Self::String(value.into_owned()),
            Json::Array(values) => Self::Array(values.into_iter().map(Self::from).collect()),
            Json::Object(members) => Self::Object(members.into()),
        }
    }
}

impl<'a> Json<'a> {
    /// Reads one JSON value.
    ///
    /// # Errors
    ///
    /// As [`super::parse`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        if text.starts_with('\u{FEFF}') {
            return Err(JsonError::ByteOrderMark);
        }
        let mut reader = Reader::new(text, super::MAX_DEPTH);
        let value = value(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

fn value<'a>(reader: &mut Reader<'a>) -> Result<Json<'a>, JsonError> {
    Ok(match reader.first_byte().ok_or(JsonError::Syntax)? {
        b'"' => Json::Text(reader.string()?),
        b'{' => Json::Object(object(reader)?),
        b'[' => {
            reader.open_array()?;
            let mut array = Vec::new();
            while reader.element(array.is_empty())? {
                array.push(value(reader)?);
            }
            Json::Array(array)
        }
        b't' => reader.pass().map(|_| Json::Bool(true))?,
        b'f' => reader.pass().map(|_| Json::Bool(false))?,
        b'n' => reader.pass().map(|_| Json::Null)?,
        _ => Json::Number(number(reader.pass()?)?),
    })
}

fn number(text: &str) -> Result<Number, JsonError> {
    match text.parse::<u64>() {
        Ok(whole) => Ok(whole.into()),
        // Signs, fractions, exponents; and what no double can hold.
        Err(_) => serde_json::from_str(text).map_err(|_| JsonError::Syntax),
    }
}

/// An object, or an error at the second occurrence of a member name.
fn object<'a>(reader: &mut Reader<'a>) -> Result<Object<'a>, JsonError> {
    reader.open_object()?;
    let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
    while let Some(name) = reader.member(members.is_empty())? {
        if members.len() < FEW && members.iter().any(|(other, _)| *other == name) {
            return Err(JsonError::DuplicateMember);
        }
        if members.is_empty() {
            members.reserve(FEW / 2);
        }
        members.push((name, value(reader)?));
    }
    // Comparing each with each would take long for a text of names alone.
    if members.len() > FEW {
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return Err(JsonError::DuplicateMember);
        }
    }
    Ok(Object(members))
}
