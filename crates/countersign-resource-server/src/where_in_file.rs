//! TOML files, and where in one something is wrong.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a file: the line, the field, and what to write.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub struct FileError {
    line: Option<usize>,
    field: Option<String>,
    sentence: String,
}

impl FileError {
    /// The line, counted from one.
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// The path of the field, such as `rules.0.who.role`; lists are counted from zero.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.sentence)
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The path of the field, with dots.
    pub(crate) field: String,
    /// What is wrong and what to write.
    pub(crate) sentence: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            sentence: sentence.into(),
        }
    }

    /// The same inside of the field `outer`.
    pub(crate) fn within(mut self, outer: &str) -> Self {
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

/// The text of a file, whose fields can be found again.
pub(crate) struct FileText<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> FileText<'a> {
    /// Reads a text of at most `most` bytes, which are `size` in words.
    pub(crate) fn read<T: DeserializeOwned>(
        text: &'a str,
        (most, size): (usize, &str),
    ) -> Result<(T, Self), FileError> {
        if text.len() > most {
            return Err(FileError {
                line: None,
                field: None,
                sentence: format!("the file has more than {size}"),
            });
        }
        let table = DeTable::parse(text).map_err(|error| refused(text, None, &error))?;
        let read = toml::from_str(text);
        let read = read.map_err(|error| refused(text, Some(table.get_ref()), &error))?;
        Ok((read, Self { text, table }))
    }

    /// The line of the field at `path`, or of the part of the file that it would be in.
    pub(crate) fn line_of(&self, path: &str) -> Option<usize> {
        let offset = offset_of(self.table.get_ref(), path)?;
        Some(line_at(self.text, offset))
    }

    /// `fault` with its line.
    pub(crate) fn located(&self, fault: Fault) -> FileError {
        FileError {
            line: self.line_of(&fault.field),
            field: Some(fault.field).filter(|field| !field.is_empty()),
            sentence: fault.sentence,
        }
    }
}

fn refused(text: &str, table: Option<&DeTable<'_>>, error: &toml::de::Error) -> FileError {
    // This span stands for the whole file.
    let span = error.span().filter(|span| *span != (0..0));
    FileError {
        line: span.as_ref().map(|span| line_at(text, span.start)),
        field: span
            .as_ref()
            .and_then(|span| table.and_then(|table| field_at(table, span))),
        sentence: error.message().to_owned(),
    }
}

/// The line of the byte at `offset`, counted from one.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The path of the innermost field that has all of `span`.
fn field_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let mut best: Option<String> = None;
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if has(&key.span(), span) {
            return Some(name.to_owned());
        }
        if let Some(inner) = inside(value.get_ref(), span) {
            return Some(format!("{name}.{inner}"));
        }
        if has(&value.span(), span) {
            best = Some(name.to_owned());
        }
    }
    best
}

fn has(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn inside(value: &DeValue<'_>, span: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => field_at(table, span),
        DeValue::Array(values) => values.iter().enumerate().find_map(|(index, value)| {
            if let Some(inner) = inside(value.get_ref(), span) {
                return Some(format!("{index}.{inner}"));
            }
            has(&value.span(), span).then(|| index.to_string())
        }),
        _ => None,
    }
}

/// Where the field at `path` begins, or the part of the file that it would be in.
fn offset_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (key, value) = table.iter().find(|(key, _)| {
        let after = path.strip_prefix(key.get_ref().as_ref());
        after.is_some_and(|after| after.is_empty() || after.starts_with('.'))
    })?;
    let rest = path.strip_prefix(key.get_ref().as_ref())?;
    let inner = offset_inside(value.get_ref(), rest.trim_start_matches('.'));
    Some(inner.unwrap_or(key.span().start))
}

fn offset_inside(value: &DeValue<'_>, path: &str) -> Option<usize> {
    match value {
        DeValue::Table(table) => offset_of(table, path),
        DeValue::Array(values) => {
            let (index, rest) = path.split_once('.').unwrap_or((path, ""));
            let item = values.get(index.parse::<usize>().ok()?)?;
            Some(offset_inside(item.get_ref(), rest).unwrap_or(item.span().start))
        }
        _ => None,
    }
}
