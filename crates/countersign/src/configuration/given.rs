//! A value, and where it was given.

use std::fmt;
use std::path::PathBuf;

use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Secret;

use super::setting::{Kind, Setting};

/// Where a value was given. What comes first counts more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// On the command line, by this option.
    Option(String),
    /// In the environment, by this variable.
    Variable(String),
    /// In this file, on this line.
    File(PathBuf, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) | Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A value as it was given, after its form was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<String>),
    Switch(bool),
    Seconds(u64),
    Secret(SecretPlace),
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// It was given as it is, in a variable.
    Given(Secret),
    /// It is the text of this file.
    File(PathBuf),
    /// It is what this command prints.
    Command(Vec<String>),
}

/// A value and where it was given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Value {
    /// The value of `setting` that `text` is, in a variable or an option. The text is not repeated in
    /// a refusal: it may be a secret in the wrong place.
    pub(crate) fn from_variable(
        setting: &Setting,
        name: &str,
        text: &str,
    ) -> Result<Self, ConfigurationError> {
        let text = text.trim();
        let value = match setting.kind {
            Kind::Text | Kind::File => Some(Self::Text(text.to_owned())),
            Kind::List => Some(Self::List(list(text))).filter(Self::has_something),
            Kind::Switch => switch(text).map(Self::Switch),
            Kind::Seconds => text.parse().ok().map(Self::Seconds),
            Kind::Secret => Some(Self::Secret(SecretPlace::Given(Secret::new(text)))),
        };
        value.ok_or_else(|| {
            let expected = match setting.kind {
                Kind::List => "a list of texts, separated by commas",
                kind => kind.expected(),
            };
            ConfigurationError::new(format!(
                "{name} is not {expected}: set it to one, or take it away ({})",
                setting.about
            ))
        })
    }

    fn has_something(&self) -> bool {
        !matches!(self, Self::List(texts) if texts.is_empty())
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", texts.join(", "))
            }
            Self::Switch(on) => on.to_string(),
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Secret(SecretPlace::Given(_)) => "(redacted)".to_owned(),
            Self::Secret(SecretPlace::File(path)) => {
                format!("{{ file = {} }}", quoted(&path.display().to_string()))
            }
            // Its arguments may be secrets themselves.
            Self::Secret(SecretPlace::Command(words)) => {
                let program = words.first().map_or("", String::as_str);
                format!("{{ command = [{}, (redacted)] }}", quoted(program))
            }
        }
    }
}

/// `text` between quotes, without what would do something to a terminal, and without a
/// password that an address may have.
fn quoted(text: &str) -> String {
    let shown = match text.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (_, host) = authority.rsplit_once('@')?;
        Some(format!("{scheme}://(redacted)@{host}{path}"))
    }) {
        Some(redacted) => redacted,
        None => text.to_owned(),
    };
    format!("\"{}\"", shown.escape_debug())
}

fn list(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
