//! A file is named after the thing in it, and lies at most two folders below `src`.

use anyhow::Result;

use super::Finding;
use crate::workspace::Workspace;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 11] = [
    "common", "helper", "helpers", "manager", "managers", "misc", "shared", "type", "types",
    "util", "utils",
];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let files: Vec<&str> = workspace.rust_files().collect();
    let problems = files.iter().filter_map(|file| judge(file)).collect();
    Ok(Finding::new(
        format!("{} Rust files", files.len()),
        problems,
    ))
}

fn judge(file: &str) -> Option<String> {
    let parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if let Some(name) = parts.iter().find(|part| EMPTY_NAMES.contains(part)) {
        return Some(format!("{file}: `{name}` does not say what is inside"));
    }
    let below_src = parts
        .iter()
        .position(|part| *part == "src")
        .map_or(0, |src| parts.len().saturating_sub(src + 2));
    (below_src > 2).then(|| format!("{file} lies {below_src} folders below src"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_and_deep_folders_are_found() {
        assert!(judge("crates/a/src/utils.rs").is_some());
        assert!(judge("crates/a/src/common/mod.rs").is_some());
        assert!(judge("crates/a/src/b/c/d/e.rs").is_some());
        assert!(judge("crates/a/src/b/c/d.rs").is_none());
        assert!(judge("crates/a/tests/it/main.rs").is_none());
    }
}
