//! What is wrong with a set of rules, and where.

use std::fmt;

/// What is wrong: the path of the field, and what to write there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) sentence: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            sentence: sentence.into(),
        }
    }

    /// The same inside of the field `outer`.
    pub(super) fn within(mut self, outer: &str) -> Self {
        self.field = if self.field.is_empty() {
            outer.to_owned()
        } else {
            format!("{outer}.{}", self.field)
        };
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.sentence)
    }
}

/// A name of a rule, role or tag: 1 to 128 characters without control characters, and no
/// blank at either end.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    let bad = name.is_empty()
        || name.len() > 128
        || name.chars().any(char::is_control)
        || name.trim() != name;
    if bad {
        return Err(Fault::new(
            field,
            "write 1 to 128 characters, without control characters and blanks around them",
        ));
    }
    Ok(())
}
