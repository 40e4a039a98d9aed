//! Every requirement and every attack row has a test whose name carries its id.
//!
//! `RS-14` is carried by a test named `rs_14_…` or `…_rs_14_…`; `A36`, `E2` and
//! `H1` by one whose name begins with ids, such as `a36_rs_17_…`. A name that
//! begins with a range, such as `r1_to_r45_…`, carries the rows of the range that
//! its file names one by one, as `"R7"`: the cases are then in a table beside it, or in
//! one of [`TABLES`] that the file uses by its name, as `corpus::REDIRECTS`.
//! What has no test stands in [`UNCOVERED`] with its reason, and leaves it as soon
//! as a test carries it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use anyhow::{Context, Result};

use super::Finding;
use crate::workspace::Workspace;

/// Lines `id reason`; blank lines and lines that begin with `#` are passed over.
const UNCOVERED: &str = "xtask/uncovered.txt";

/// The tables of rows that tests share.
const TABLES: &str = "crates/testkit/src/corpus.rs";

/// Numbered in two digits, spelled `rs_01`.
const REQUIREMENTS: [(&str, RangeInclusive<u32>); 9] = [
    ("as", 1..=48),
    ("bp", 1..=12),
    ("cc", 1..=3),
    ("cl", 1..=47),
    ("dp", 1..=6),
    ("em", 1..=9),
    ("rs", 1..=38),
    ("tr", 1..=29),
    ("wi", 1..=3),
];

/// Spelled `a36`.
const ROWS: [(char, &[RangeInclusive<u32>]); 12] = [
    ('a', &[1..=85]),
    ('c', &[1..=45]),
    ('d', &[1..=18, 20..=34]),
    ('e', &[1..=35, 37..=44, 46..=46, 48..=50]),
    (
        'f',
        &[1..=2, 4..=8, 12..=12, 14..=14, 18..=18, 20..=22, 24..=24],
    ),
    ('g', &[1..=17]),
    ('h', &[1..=17]),
    ('i', &[1..=17, 19..=20]),
    ('l', &[1..=13]),
    ('p', &[1..=26]),
    ('r', &[1..=46]),
    ('x', &[1..=30]),
];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut carried = BTreeSet::new();
    let mut tests = 0;
    let tables = workspace.required_text(TABLES)?;
    for file in workspace.rust_files() {
        let mut text = workspace.text(file)?.unwrap_or_default();
        text.extend(used_tables(&text, &tables));
        for name in test_names(&text) {
            tests += 1;
            carried.extend(ids(name, &text));
        }
    }
    let reasons = reasons(&workspace.required_text(UNCOVERED)?)?;
    let required = required();
    let problems = judge(&required, &carried, &reasons);
    Ok(Finding::new(
        format!(
            "{} of {} ids carried by {tests} tests, {} with a reason why not",
            required.intersection(&carried).count(),
            required.len(),
            reasons.len()
        ),
        problems,
    ))
}

/// The text of those of `tables` that `file` uses by their names.
fn used_tables(file: &str, tables: &str) -> Vec<String> {
    let tables = tables.split("pub const ").skip(1);
    let used = tables.filter(|table| {
        let name = table.split(':').next().unwrap_or_default();
        let called = format!("corpus::{name}");
        file.match_indices(&called).any(|(at, _)| {
            let behind = file.get(at + called.len()..).unwrap_or_default();
            !behind.starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    });
    used.map(str::to_owned).collect()
}

fn required() -> BTreeSet<String> {
    let requirements = REQUIREMENTS.into_iter().flat_map(|(prefix, numbers)| {
        numbers.map(move |number| format!("{}-{number:02}", prefix.to_uppercase()))
    });
    let rows = ROWS.into_iter().flat_map(|(letter, ranges)| {
        ranges
            .iter()
            .cloned()
            .flatten()
            .map(move |number| format!("{}{number}", letter.to_ascii_uppercase()))
    });
    requirements.chain(rows).collect()
}

fn reasons(text: &str) -> Result<BTreeMap<String, String>> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, reason) = line
                .split_once(' ')
                .with_context(|| format!("{UNCOVERED}: expected `id reason`, found `{line}`"))?;
            Ok((id.to_owned(), reason.trim().to_owned()))
        })
        .collect()
}

fn judge(
    required: &BTreeSet<String>,
    carried: &BTreeSet<String>,
    reasons: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for id in required.difference(carried) {
        if !reasons.contains_key(id) {
            problems.push(format!("no test carries {id}"));
        }
    }
    for id in reasons.keys() {
        if !required.contains(id) {
            problems.push(format!("{UNCOVERED} names {id}, which nobody asks for"));
        } else if carried.contains(id) {
            problems.push(format!("a test carries {id}: take it off {UNCOVERED}"));
        }
    }
    problems
}

/// The names of the functions that follow a test attribute.
pub(super) fn test_names(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let name = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")?
            .split('(')
            .next()?;
        std::mem::take(&mut is_test).then_some(name)
    })
}

/// The ids in the name of a test that stands in `file`.
fn ids(name: &str, file: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut leading = true;
    let mut words = name.split('_').peekable();
    while let Some(word) = words.next() {
        if REQUIREMENTS.iter().any(|(prefix, _)| *prefix == word) {
            let number = words.next_if(|next| next.len() == 2 && next.parse::<u32>().is_ok());
            if let Some(number) = number {
                found.push(format!("{}-{number}", word.to_uppercase()));
                continue;
            }
        }
        let row = row(word).filter(|_| leading);
        leading = row.is_some();
        let Some((letter, first)) = row else {
            continue;
        };
        let last = end_of_range(&mut words, letter);
        for number in first..=last.unwrap_or(first) {
            let id = format!("{}{number}", letter.to_ascii_uppercase());
            if last.is_none() || file.contains(&format!("\"{id}\"")) {
                found.push(id);
            }
        }
    }
    found
}

/// The last number of a range of rows, if the next words are `to` and a row with
/// the same letter.
fn end_of_range<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str> + Clone>,
    letter: char,
) -> Option<u32> {
    let mut ahead = words.clone();
    let is_range = ahead.next() == Some("to");
    let (other, last) = row(ahead.next().filter(|_| is_range)?)?;
    if other != letter {
        return None;
    }
    *words = ahead;
    Some(last)
}

/// The letter and the number of a row.
fn row(word: &str) -> Option<(char, u32)> {
    let mut letters = word.chars();
    let letter = letters.next()?;
    let (letter, _) = ROWS.iter().find(|(row, _)| *row == letter)?;
    Some((*letter, letters.as_str().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_table_counts_where_it_is_used_by_its_name_alone() {
        let tables = "pub const ONE: &[Row] = &[(\"R1\", &[])];\n\
                      pub const ONES: &[Row] = &[(\"R2\", &[])];\n";
        assert!(used_tables("for row in other::ONE {}", tables).is_empty());
        assert!(used_tables("for row in corpus::ONE_MORE {}", tables).is_empty());
        let used = used_tables("for row in corpus::ONES {}", tables);
        assert_eq!(used.len(), 1);
        assert_eq!(ids("r1_to_r2_x", &used.concat()), ["R2"]);
    }

    #[test]
    fn ids_are_read_from_names() {
        assert_eq!(ids("a36_rs_17_no_kid_is_refused", ""), ["A36", "RS-17"]);
        assert_eq!(ids("a_bad_origin_tr_01_rs_5", ""), ["TR-01"]);
        assert_eq!(ids("rs_02_e4_h1_and_a9", ""), ["RS-02", "E4", "H1"]);
        assert_eq!(ids("over_h1_and_e256", ""), Vec::<String>::new());
    }

    #[test]
    fn a_range_carries_the_rows_that_its_file_names() {
        let file = r#"("L3", &[…]), ("L4", &[…]), L5, "L6"#;
        assert_eq!(ids("l3_to_l6_p2_nothing", file), ["L3", "L4", "P2"]);
        assert_eq!(ids("l3_to_p6_nothing", file), ["L3"]);
        assert_eq!(ids("l3_to_nothing", file), ["L3"]);
    }

    #[test]
    fn only_functions_under_a_test_attribute_count() {
        let source = "fn a1_no() {}\n#[test]\n#[ignore]\nfn a2_yes() {}\nfn a3_no() {}\n    #[tokio::test(start_paused = true)]\n    async fn a4_yes() {}\n";
        assert_eq!(test_names(source).collect::<Vec<_>>(), ["a2_yes", "a4_yes"]);
    }

    #[test]
    fn the_reasons_may_only_shrink() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let because = |id: &str| BTreeMap::from([(id.to_owned(), "reason".to_owned())]);
        let required: BTreeSet<String> = set(&["A1", "A2"]);
        let carried: BTreeSet<String> = set(&["A1"]);
        assert!(judge(&required, &carried, &because("A2")).is_empty());
        assert_eq!(judge(&required, &carried, &BTreeMap::new()).len(), 1);
        assert_eq!(judge(&required, &carried, &because("A1")).len(), 2);
        assert_eq!(judge(&required, &carried, &because("A3")).len(), 2);
    }

    #[test]
    fn all_rows_of_the_corpus_are_asked_for() {
        assert_eq!(
            required().len(),
            48 + 12
                + 3
                + 47
                + 6
                + 9
                + 38
                + 29
                + 3
                + 85
                + 45
                + 33
                + 47
                + 14
                + 17
                + 17
                + 19
                + 13
                + 26
                + 46
                + 30
        );
    }
}
