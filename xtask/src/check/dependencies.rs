//! Licences, origin and bans of every dependency, by the lists in `deny.toml`.
//!
//! cargo-deny reads the same lists and advisories besides; this runs where it
//! is not installed.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::{Finding, licence};
use crate::command;
use crate::workspace::{Package, Workspace};

const LISTS: &str = "deny.toml";
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let lists = workspace.required_text(LISTS)?;
    let licences = strings(&lists, "licenses", "allow")?;
    let banned = strings(&lists, "bans", "deny")?;
    let used = used(workspace)?;
    let packages: Vec<&Package> = workspace
        .metadata
        .packages
        .iter()
        .filter(|package| used.contains(&format!("{} v{}", package.name, package.version)))
        .collect();
    let problems = packages
        .iter()
        .flat_map(|package| judge(package, &licences, &banned))
        .collect();
    Ok(Finding::new(
        format!("{} packages", packages.len()),
        problems,
    ))
}

/// What is built on any platform with all features, as `name vVersion`. The
/// metadata names more: optional packages that nothing switches on.
fn used(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let tree = command::stdout(&mut command::cargo(
        &workspace.root,
        &[
            "tree",
            "--locked",
            "--workspace",
            "--all-features",
            "--target",
            "all",
            "--prefix",
            "none",
        ],
    ))?;
    Ok(tree
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect())
}

fn judge(package: &Package, licences: &[&str], banned: &[&str]) -> Vec<String> {
    let named = format!("{} {}", package.name, package.version);
    let mut problems = Vec::new();
    if banned.contains(&package.name.as_str()) {
        problems.push(format!("{named} is banned"));
    }
    if package.source.as_deref().is_some_and(|s| s != REGISTRY) {
        problems.push(format!("{named} does not come from the registry"));
    }
    let expression = package.license.as_deref().unwrap_or("");
    if !licence::is_allowed(expression, &|name| licences.contains(&name)) {
        problems.push(format!("{named} has the licence `{expression}`"));
    }
    problems
}

/// The quoted strings of the array `key` in the table `table`.
fn strings<'a>(toml: &'a str, table: &str, key: &str) -> Result<Vec<&'a str>> {
    let missing = || format!("{LISTS} has no array `{key}` in [{table}]");
    let (_, body) = toml
        .split_once(&format!("[{table}]\n"))
        .with_context(missing)?;
    let body = body.split("\n[").next().unwrap_or(body);
    let (_, array) = body
        .split_once(&format!("{key} = [\n"))
        .with_context(missing)?;
    let (array, _) = array.split_once("\n]").with_context(missing)?;
    Ok(array
        .lines()
        .filter_map(|line| line.split('"').nth(1))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, licence: &str, source: &str) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            source: Some(source.to_owned()),
            license: Some(licence.to_owned()),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn bans_origins_and_licences_are_judged() {
        let lists = "[bans]\ndeny = [\n    { crate = \"openssl\" }, # no\n]\n\n[licenses]\nallow = [\n    \"MIT\",\n]\n";
        let licences = strings(lists, "licenses", "allow").unwrap();
        let banned = strings(lists, "bans", "deny").unwrap();
        assert_eq!(
            (licences.as_slice(), banned.as_slice()),
            (["MIT"].as_slice(), ["openssl"].as_slice())
        );
        let judge = |package: &Package| judge(package, &licences, &banned).len();
        assert_eq!(judge(&package("a", "MIT", REGISTRY)), 0);
        assert_eq!(judge(&package("openssl", "MIT", REGISTRY)), 1);
        assert_eq!(judge(&package("a", "GPL-3.0", REGISTRY)), 1);
        assert_eq!(judge(&package("a", "MIT", "git+https://a.test")), 1);
    }
}
