//! No file is longer than 600 lines. A file that was allowed to be longer may
//! only shrink, and leaves the list once it is short enough.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::Finding;
use crate::workspace::Workspace;

const CEILING: usize = 600;

/// Lines `path length`; blank lines and lines that begin with `#` are passed over.
const ALLOWED: &str = "xtask/long_files.txt";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut allowed = allowed(&workspace.required_text(ALLOWED)?)?;
    let mut problems = Vec::new();
    let mut seen = 0;
    for file in workspace.rust_files() {
        seen += 1;
        let Some(text) = workspace.text(file)? else {
            problems.push(format!("{file} is not UTF-8"));
            continue;
        };
        problems.extend(judge(file, text.lines().count(), allowed.remove(file)));
    }
    problems.extend(
        allowed
            .into_keys()
            .map(|file| format!("{ALLOWED} names {file}, which is not there")),
    );
    Ok(Finding::new(
        format!("{seen} Rust files of at most {CEILING} lines"),
        problems,
    ))
}

fn allowed(text: &str) -> Result<BTreeMap<String, usize>> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (file, length) = line
                .rsplit_once(' ')
                .with_context(|| format!("{ALLOWED}: expected `path length`, found `{line}`"))?;
            Ok((file.to_owned(), length.parse()?))
        })
        .collect()
}

fn judge(file: &str, length: usize, allowed: Option<usize>) -> Option<String> {
    match allowed {
        None if length > CEILING => Some(format!("{file} has {length} lines")),
        Some(_) if length <= CEILING => Some(format!("take {file} off {ALLOWED}")),
        Some(limit) if length > limit => {
            Some(format!("{file} grew from {limit} to {length} lines"))
        }
        Some(limit) if length < limit => Some(format!(
            "{file} shrank: write {length} instead of {limit} in {ALLOWED}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_long_files_may_only_shrink() {
        assert!(judge("a.rs", 601, None).is_some());
        assert!(judge("a.rs", 600, None).is_none());
        assert!(judge("a.rs", 701, Some(700)).is_some());
        assert!(judge("a.rs", 699, Some(700)).is_some());
        assert!(judge("a.rs", 700, Some(700)).is_none());
        assert!(judge("a.rs", 600, Some(700)).is_some());
    }
}
