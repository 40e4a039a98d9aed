//! Conditions about a claim of the verified token.

use std::fmt;

use serde_json::Value;

use crate::Caller;
use crate::where_in_file::Fault;

/// Where a claim is: its name, and the names of the members inside of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<Box<str>>);

impl ClaimPath {
    /// A path written with dots, such as `realm_access.roles`.
    pub fn dotted(path: &str) -> Self {
        Self(path.split('.').map(Into::into).collect())
    }

    /// A path of names that may have dots in them, such as
    /// `["https://example.com/roles"]`.
    pub fn names<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        Self(names.into_iter().map(Into::into).collect())
    }

    pub(super) fn check(&self, dotted: bool) -> Result<(), Fault> {
        let nothing = self.0.is_empty() || self.0.iter().any(|name| name.is_empty());
        if nothing || self.0.len() > 8 {
            return Err(Fault::new(
                "",
                "write the name of a claim, such as groups, or a path of at most eight names \
                 with dots between them",
            ));
        }
        if dotted && self.0.iter().any(|name| name.contains([':', '/'])) {
            return Err(Fault::new(
                "",
                "the dots in this name would be read as a path: write it in brackets, such as \
                 [\"https://example.com/roles\"]",
            ));
        }
        Ok(())
    }

    fn find<'a>(&self, caller: &'a Caller) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        let claim = caller.access_token()?.get(first)?;
        rest.iter()
            .try_fold(claim, |value, name| value.as_object()?.get(&**name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClaimTest {
    /// The claim is one of these texts, or a list that has one of them.
    Any(Vec<Box<str>>),
    /// The claim is this text, number or truth value, and no list.
    Equals(Value),
}

impl ClaimTest {
    pub(super) fn holds(&self, path: &ClaimPath, caller: &Caller) -> bool {
        let Some(value) = path.find(caller) else {
            return false;
        };
        match self {
            Self::Any(wanted) => {
                let is_wanted = |value: &Value| {
                    let text = value.as_str();
                    text.is_some_and(|text| wanted.iter().any(|wanted| **wanted == *text))
                };
                match value {
                    Value::Array(values) => values.iter().any(is_wanted),
                    value => is_wanted(value),
                }
            }
            Self::Equals(wanted) => value == wanted,
        }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Any(wanted) if wanted.is_empty() => Err(Fault::new(
                "any",
                "an empty list matches nobody: name a value",
            )),
            Self::Equals(Value::Array(_) | Value::Object(_) | Value::Null) => Err(Fault::new(
                "equals",
                "write a text, a number or a truth value; for members of a list there is any",
            )),
            _ => Ok(()),
        }
    }

    /// `contains admins`, after the name of the claim.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Any(wanted) => match wanted.as_slice() {
                [one] => format!("has {one}"),
                several => format!("has one of {}", several.join(", ")),
            },
            Self::Equals(Value::String(text)) => format!("is {text}"),
            Self::Equals(value) => format!("is {value}"),
        }
    }
}
