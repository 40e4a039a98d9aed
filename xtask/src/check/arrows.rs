//! The crate graph in `ARCHITECTURE.md` is the one Cargo sees.
//!
//! The block is fenced as `crate-graph`; each line is `crate -> crate, crate`.
//! It lists normal and build dependencies among the crates of the workspace and
//! on the crates in [`WATCHED`]. A test may use `testkit` besides.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::Finding;
use crate::workspace::Workspace;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// Crates from outside that only some of ours may see.
const WATCHED: [&str; 1] = ["rmcp"];

/// What tests of any crate may use.
const FOR_TESTS: &str = "testkit";

type Graph = BTreeMap<String, BTreeSet<String>>;

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let drawn = drawn(&workspace.required_text(DOCUMENT)?)?;
    let members: BTreeSet<&str> = workspace.members().map(|p| p.name.as_str()).collect();
    let mut built = Graph::new();
    let mut for_tests = Graph::new();
    for package in workspace.members() {
        let arrows = built.entry(package.name.clone()).or_default();
        let test_arrows = for_tests.entry(package.name.clone()).or_default();
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let counts = members.contains(name) || WATCHED.contains(&name);
            // A crate may switch on its own features for its tests.
            if !counts || name == package.name {
                continue;
            }
            if dependency.kind.as_deref() == Some("dev") {
                test_arrows.insert(name.to_owned());
            } else {
                arrows.insert(name.to_owned());
            }
        }
    }
    let count: usize = built.values().map(BTreeSet::len).sum();
    Ok(Finding::new(
        format!("{} crates, {count} arrows", built.len()),
        compare(&drawn, &built, &for_tests),
    ))
}

fn drawn(document: &str) -> Result<Graph> {
    let (_, rest) = document
        .split_once("```crate-graph\n")
        .with_context(|| format!("{DOCUMENT} has no block ```crate-graph"))?;
    let (block, _) = rest
        .split_once("```")
        .with_context(|| format!("{DOCUMENT}: the block does not end"))?;
    block
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (from, to) = line
                .split_once("->")
                .with_context(|| format!("{DOCUMENT}: no arrow in `{line}`"))?;
            let to = to
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect();
            Ok((from.trim().to_owned(), to))
        })
        .collect()
}

fn compare(drawn: &Graph, built: &Graph, for_tests: &Graph) -> Vec<String> {
    let nothing = BTreeSet::new();
    let names: BTreeSet<&String> = drawn.keys().chain(built.keys()).collect();
    let mut problems = Vec::new();
    for name in names {
        let Some(built) = built.get(name) else {
            problems.push(format!("{DOCUMENT} draws {name}, which is not a crate"));
            continue;
        };
        let Some(drawn) = drawn.get(name) else {
            problems.push(format!("{DOCUMENT} does not draw {name}"));
            continue;
        };
        for to in built.difference(drawn) {
            problems.push(format!("{name} -> {to} is not in {DOCUMENT}"));
        }
        for to in drawn.difference(built) {
            problems.push(format!("{name} -> {to} is in {DOCUMENT} only"));
        }
        for to in for_tests.get(name).unwrap_or(&nothing) {
            if to != FOR_TESTS && !drawn.contains(to) {
                problems.push(format!(
                    "tests of {name} use {to}, which {name} itself may not"
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Graph {
        drawn(&format!("```crate-graph\n{text}\n```\n")).unwrap()
    }

    #[test]
    fn an_arrow_missing_on_either_side_is_found() {
        let drawn = graph("a -> b, rmcp\nb ->");
        let none = Graph::new();
        assert_eq!(compare(&drawn, &drawn, &none), Vec::<String>::new());
        assert_eq!(compare(&drawn, &graph("a -> b\nb ->"), &none).len(), 1);
        assert_eq!(
            compare(&drawn, &graph("a -> b, rmcp\nb -> a"), &none).len(),
            1
        );
        assert_eq!(compare(&drawn, &graph("a -> b, rmcp"), &none).len(), 1);
    }

    #[test]
    fn tests_see_testkit_and_nothing_else_in_addition() {
        let drawn = graph("a -> b\nb ->");
        assert!(compare(&drawn, &drawn, &graph("a -> testkit")).is_empty());
        assert_eq!(compare(&drawn, &drawn, &graph("b -> a")).len(), 1);
    }
}
