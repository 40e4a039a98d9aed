//! Which scenarios a revision requires of a server or a client, as the suite itself
//! says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// What `revision` requires of a server; `suite` is the folder of the suite.
pub(super) fn of_servers(suite: &Path, revision: &str) -> Result<BTreeSet<String>> {
    of("server", suite, revision)
}

/// What `revision` requires of a client.
pub(super) fn of_clients(suite: &Path, revision: &str) -> Result<BTreeSet<String>> {
    of("client", suite, revision)
}

/// The list `role` of `requirements/<revision>.yaml` in the folder of the suite.
fn of(role: &str, suite: &Path, revision: &str) -> Result<BTreeSet<String>> {
    let file = suite.join("requirements").join(format!("{revision}.yaml"));
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let names = list(&text, role);
    if names.is_empty() {
        bail!("{} requires nothing of a {role}", file.display());
    }
    Ok(names)
}

fn list(text: &str, role: &str) -> BTreeSet<String> {
    text.lines()
        .skip_while(|line| line.trim_end().strip_suffix(':') != Some(role))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(|name| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_ends_with_the_next_key() {
        let text = "# a\nclient:\n  - auth/x\n\nserver:\n  # b\n  - ping\n\n  - tools-list\nnot_scored:\n  - scenario: y\n";
        let names: Vec<String> = list(text, "server").into_iter().collect();
        assert_eq!(names, ["ping", "tools-list"]);
        assert!(list("client:\n  - a\n", "server").is_empty());
        let names: Vec<String> = list(text, "client").into_iter().collect();
        assert_eq!(names, ["auth/x"]);
    }
}
