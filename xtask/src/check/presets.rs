//! Each file of a provider is read, has a page, and has a contract test: one that plays
//! a whole login against a fake of the provider, or for a provider without login, that
//! judges its tokens. The table in the documents is what the files say.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Finding;
use super::coverage::test_names;
use crate::presets::{DOCUMENT, Listed, judged, listed, table, with_table};
use crate::workspace::Workspace;

const FILES: &str = "crates/countersign-resource-server/presets/";
const PAGES: &str = "docs/providers/";
/// Pages that are about no provider.
const OTHER_PAGES: [&str; 2] = ["README", "format"];
/// Where logins are played.
const LOGIN_TESTS: &str = "crates/countersign-authorization-server/tests/";
/// Where tokens are judged.
const TOKEN_TESTS: &str = "crates/countersign-resource-server/tests/";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let providers = listed(workspace)?;
    let files: BTreeSet<&str> = stems(workspace, FILES, ".toml").collect();
    let pages: BTreeSet<&str> = stems(workspace, PAGES, ".md").collect();
    let mut problems = judge(&providers, &files, &pages);
    for file in &files {
        // The command says what is wrong with a file that it does not list.
        if !providers.iter().any(|provider| provider.name == *file)
            && let Err(error) = judged(workspace, &format!("{FILES}{file}.toml"))
        {
            problems.push(error.to_string());
        }
    }
    let logins = tests(workspace, LOGIN_TESTS)?;
    let tokens = tests(workspace, TOKEN_TESTS)?;
    for provider in &providers {
        problems.extend(untested(provider, &logins, &tokens));
    }
    let document = workspace.required_text(DOCUMENT)?;
    if with_table(&document, &table(&providers))? != document {
        problems.push(format!(
            "{DOCUMENT} is not what the files say: run cargo xtask presets"
        ));
    }
    Ok(Finding::new(
        format!("{} providers", providers.len()),
        problems,
    ))
}

fn stems<'a>(
    workspace: &'a Workspace,
    folder: &'a str,
    ending: &'a str,
) -> impl Iterator<Item = &'a str> {
    let files = workspace.files.iter();
    files.filter_map(move |file| file.strip_prefix(folder)?.strip_suffix(ending))
}

fn tests(workspace: &Workspace, folder: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in workspace
        .rust_files()
        .filter(|file| file.starts_with(folder))
    {
        let text = workspace.text(file)?.unwrap_or_default();
        names.extend(test_names(&text).map(str::to_owned));
    }
    Ok(names)
}

/// Files, pages and what is built in are the same providers.
fn judge(providers: &[Listed], files: &BTreeSet<&str>, pages: &BTreeSet<&str>) -> Vec<String> {
    let known: BTreeSet<&str> = providers.iter().map(|one| one.name.as_str()).collect();
    let mut problems = Vec::new();
    for name in files.difference(&known) {
        problems.push(format!("{FILES}{name}.toml is not built in"));
    }
    for name in known.difference(files) {
        problems.push(format!("{name} is built in from a file of another name"));
    }
    for name in known.difference(pages) {
        problems.push(format!("{name} has no page {PAGES}{name}.md"));
    }
    for name in pages.difference(&known) {
        if !OTHER_PAGES.contains(name) {
            problems.push(format!("{PAGES}{name}.md is about no provider"));
        }
    }
    problems
}

fn untested(
    provider: &Listed,
    logins: &BTreeSet<String>,
    tokens: &BTreeSet<String>,
) -> Option<String> {
    let (tests, folder, what) = if provider.login.is_some() {
        (logins, LOGIN_TESTS, "plays a login")
    } else {
        (tokens, TOKEN_TESTS, "judges a token")
    };
    let prefix = format!("preset_{}_", provider.name.replace('-', "_"));
    if tests.iter().any(|name| name.starts_with(&prefix)) {
        return None;
    }
    Some(format!(
        "no test in {folder} {what}: one whose name begins with {prefix}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(login: bool) -> Result<Listed> {
        let login = if login {
            r#"{"identity_from":"userinfo","proof_key":true,"nonce":false,
                "client_authentication":["none"],"knows_verified_emails":false,
                "knows_domains":false,"knows_groups":false,"revokes":null}"#
        } else {
            "null"
        };
        let text = format!(
            r#"{{"name":"my-own","display_name":"Mine","variables":[],"login":{login},
                "accepted_tokens":null,"open_registration":false}}"#
        );
        Ok(serde_json::from_str(&text)?)
    }

    #[test]
    fn a_provider_has_a_file_and_a_page_of_its_name() -> Result<()> {
        let providers = [provider(true)?];
        let with =
            |names: &[&'static str]| -> BTreeSet<&'static str> { names.iter().copied().collect() };
        let pages = with(&["my-own", "README", "format"]);
        assert!(judge(&providers, &with(&["my-own"]), &pages).is_empty());
        assert_eq!(judge(&providers, &with(&["my-own", "x"]), &pages).len(), 1);
        assert_eq!(judge(&providers, &with(&[]), &pages).len(), 1);
        assert_eq!(
            judge(&providers, &with(&["my-own"]), &with(&["x"])).len(),
            2
        );
        Ok(())
    }

    #[test]
    fn a_login_is_tested_where_logins_are_played() -> Result<()> {
        let test = BTreeSet::from(["preset_my_own_logs_in".to_owned()]);
        let other = BTreeSet::from(["preset_my_owner_logs_in".to_owned()]);
        let none = BTreeSet::new();
        assert_eq!(untested(&provider(true)?, &test, &none), None);
        assert!(untested(&provider(true)?, &none, &test).is_some());
        assert!(untested(&provider(true)?, &other, &test).is_some());
        assert_eq!(untested(&provider(false)?, &none, &test), None);
        assert!(untested(&provider(false)?, &test, &other).is_some());
        Ok(())
    }
}
