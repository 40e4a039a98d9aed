//! JSON that borrows from its text: RFC 8259, as strict as [`super::parse`].
//!
//! A token is looked at once and then forgotten, so most of its strings need not
//! be copied. Members are found by looking through them: there are few.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::JsonError;

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
        if super::is_too_deep(text) {
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

/// Builds a value, and fails on the second occurrence of a member name.
struct UniqueMembers<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for UniqueMembers<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueMembers<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(UniqueMembers(self.0))? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        let twice = || {
            self.0.set(true);
            A::Error::custom("a member name occurs twice")
        };
        while let Some(name) = members.next_key_seed(Name)? {
            if object.len() < FEW && object.iter().any(|(other, _)| *other == name) {
                return Err(twice());
            }
            if object.is_empty() {
                object.reserve(FEW / 2);
            }
            object.push((name, members.next_value_seed(UniqueMembers(self.0))?));
        }
        // Comparing each with each would take long for a text of names alone.
        if object.len() > FEW {
            let mut names: Vec<&str> = object.iter().map(|(name, _)| name.as_ref()).collect();
            names.sort_unstable();
            if names
                .windows(2)
                .any(|pair| matches!(pair, [a, b] if a == b))
            {
                return Err(twice());
            }
        }
        Ok(Json::Object(Object(object)))
    }
}

/// The name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
