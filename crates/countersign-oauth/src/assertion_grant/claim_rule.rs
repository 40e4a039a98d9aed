//! What a claim of a workload's token must be.

use serde_json::{Map, Value};
use thiserror::Error;

/// A claim and the text that it must be.
///
/// The name of a claim of a claim is a JSON Pointer (RFC 6901), such as
/// `/kubernetes.io/namespace`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimRule {
    name: String,
    expected: Expected,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Expected {
    Exactly(String),
    Beginning(String),
}

/// Why a rule about a claim cannot be made.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimRuleError {
    /// The name or the text is empty.
    #[error("a rule about a claim needs a name and a text")]
    Empty,
    /// A `*` is not at the end of the text, or has nothing before it.
    #[error("`*` may stand for the rest of a claim, once and with something before it")]
    Wildcard,
}

impl ClaimRule {
    /// The claim `name` is exactly `text`, byte for byte.
    ///
    /// # Errors
    ///
    /// [`ClaimRuleError::Empty`] if either is empty.
    pub fn is(name: &str, text: &str) -> Result<Self, ClaimRuleError> {
        Self::of(name, text, Expected::Exactly(text.to_owned()))
    }

    /// The claim `name` is like `pattern`, in which a `*` at the end stands for any rest,
    /// such as `repo:acme/app:*`.
    ///
    /// # Errors
    ///
    /// [`ClaimRuleError`] if either is empty, or for a `*` elsewhere.
    pub fn like(name: &str, pattern: &str) -> Result<Self, ClaimRuleError> {
        let expected = match pattern.strip_suffix('*') {
            None => Expected::Exactly(pattern.to_owned()),
            Some(beginning) => Expected::Beginning(beginning.to_owned()),
        };
        let (Expected::Exactly(text) | Expected::Beginning(text)) = &expected;
        if text.contains('*') || (text.is_empty() && !pattern.is_empty()) {
            return Err(ClaimRuleError::Wildcard);
        }
        Self::of(name, pattern, expected)
    }

    fn of(name: &str, text: &str, expected: Expected) -> Result<Self, ClaimRuleError> {
        if name.is_empty() || text.is_empty() {
            return Err(ClaimRuleError::Empty);
        }
        Ok(Self {
            name: name.to_owned(),
            expected,
        })
    }

    /// Whether `claims` have the claim, as a text that fits.
    pub fn fits(&self, claims: &Map<String, Value>) -> bool {
        let found = match self.name.strip_prefix('/') {
            None => claims.get(&self.name),
            Some(path) => find(claims, path),
        };
        found
            .and_then(Value::as_str)
            .is_some_and(|text| match &self.expected {
                Expected::Exactly(expected) => text == expected,
                Expected::Beginning(beginning) => text.starts_with(beginning.as_str()),
            })
    }
}

/// RFC 6901 §4, through objects alone.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut segments = path
        .split('/')
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&segments.next()?)?;
    segments.try_fold(first, |value, segment| value.as_object()?.get(&segment))
}
