//! Files that the documents at the root name in backquotes are there.

use anyhow::Result;

use super::Finding;
use crate::workspace::Workspace;

const DOCUMENTS: [&str; 4] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let files: Vec<&str> = workspace.rust_files().collect();
    let mut problems = Vec::new();
    let mut named = 0;
    for document in DOCUMENTS {
        if !workspace.files.iter().any(|file| file == document) {
            problems.push(format!("{document} is not there"));
            continue;
        }
        for name in named_files(&workspace.required_text(document)?) {
            named += 1;
            if !files.iter().any(|file| ends_with_path(file, name)) {
                problems.push(format!("{document} names {name}, which is not there"));
            }
        }
    }
    Ok(Finding::new(
        format!("{named} file names in {} documents", DOCUMENTS.len()),
        problems,
    ))
}

/// What stands between backquotes and ends like a Rust file.
fn named_files(document: &str) -> impl Iterator<Item = &str> {
    document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| name.ends_with(".rs"))
}

fn ends_with_path(file: &str, name: &str) -> bool {
    file.strip_suffix(name)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_end_of_a_path() {
        let document = "see `a/b.rs` and `c` and `d.rs`, not e.rs";
        assert_eq!(
            named_files(document).collect::<Vec<_>>(),
            ["a/b.rs", "d.rs"]
        );
        assert!(ends_with_path("x/a/b.rs", "a/b.rs"));
        assert!(ends_with_path("b.rs", "b.rs"));
        assert!(!ends_with_path("x/aa/b.rs", "a/b.rs"));
    }
}
