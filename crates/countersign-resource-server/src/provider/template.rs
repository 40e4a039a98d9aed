//! Texts of a preset with places to fill: `{domain}` is a variable, `{claim:tid}` a
//! claim of a token, `{{` and `}}` are braces.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Literal(Cow<'a, str>),
    Variable(&'a str),
    Claim(&'a str),
}

/// A text in pieces. No two literals stand side by side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template<'a>(Vec<Part<'a>>);

/// Why a text is no template.
const BRACES: &str = "a brace stands alone: write {name} for a variable, {{ and }} for braces";
const NAME: &str = "between braces stands a variable ({domain}) or a claim ({claim:tid})";

impl<'a> Template<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, found) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = found.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = found.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let inner = found.strip_prefix('{').ok_or(BRACES)?;
                let (name, after) = inner.split_once('}').ok_or(BRACES)?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(named(name)?);
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        Ok(Self(parts))
    }

    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.0
    }

    /// Whether a claim is named.
    pub(super) fn has_claims(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Claim(_)))
    }

    /// The text with the claims in their places; nothing if one is missing, or could
    /// leave its place.
    pub(super) fn with_claims(&self, claims: &Map<String, Value>) -> Option<String> {
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Claim(name) => {
                    let value = claims.get(*name)?.as_str()?;
                    if value.is_empty() || !value.bytes().all(harmless) {
                        return None;
                    }
                    text.push_str(value);
                }
                Part::Variable(_) => return None,
            }
        }
        Some(text)
    }
}

fn named(name: &str) -> Result<Part<'_>, &'static str> {
    if let Some(claim) = name.strip_prefix("claim:") {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        return if !claim.is_empty() && claim.bytes().all(legal) {
            Ok(Part::Claim(claim))
        } else {
            Err(NAME)
        };
    }
    if is_variable_name(name) {
        Ok(Part::Variable(name))
    } else {
        Err(NAME)
    }
}

/// Lower-case letters, digits and underscores, a letter first.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `text` as a literal of a template.
pub(super) fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
