//! Fields of a TOML file and the lines they are on.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The line of the byte at `offset`, counted from one.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The path of the innermost field that has all of `span`.
pub(crate) fn field_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
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
pub(crate) fn offset_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
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
