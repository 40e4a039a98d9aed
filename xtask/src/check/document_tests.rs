//! Tests that SECURITY.md names in backquotes for its advisories are there: what it says
//! about one is then at least tried.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::{Finding, coverage};
use crate::workspace::Workspace;

const DOCUMENT: &str = "SECURITY.md";

/// What the part that names tests begins with.
const HEADING: &str = "## Advisory classes";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut tests = BTreeSet::new();
    for file in workspace.rust_files() {
        let text = workspace.text(file)?.unwrap_or_default();
        tests.extend(coverage::test_names(&text).map(str::to_owned));
    }
    let text = workspace.required_text(DOCUMENT)?;
    let (_, advisories) = text
        .split_once(HEADING)
        .with_context(|| format!("{DOCUMENT} has no part `{HEADING}`"))?;
    let named: BTreeSet<&str> = named_tests(advisories).collect();
    let missing = named.iter().filter(|name| !tests.contains(**name));
    let problems = missing.map(|name| format!("{DOCUMENT} names {name}, which is no test"));
    Ok(Finding::new(
        format!("{} tests in {DOCUMENT}", named.len()),
        problems.collect(),
    ))
}

/// What stands between backquotes and is a sentence of words with underscores.
fn named_tests(document: &str) -> impl Iterator<Item = &str> {
    document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| {
            let is_word =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            name.bytes().all(is_word) && name.matches('_').count() >= 3
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_with_underscores_is_the_name_of_a_test() {
        let document =
            "`a1_this_is_one`, `not_one`, `Nor_this_it_is`, a_b_c_d, `x/a_b_c_d.rs`\n`a_b_c_d`";
        assert_eq!(
            named_tests(document).collect::<Vec<_>>(),
            ["a1_this_is_one", "a_b_c_d"]
        );
    }
}
