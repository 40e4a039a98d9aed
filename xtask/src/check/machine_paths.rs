//! No file names a folder of the machine it was written on.

use anyhow::Result;

use super::Finding;
use crate::workspace::Workspace;

/// First folders of absolute paths that exist on some machines only.
const FIRST_FOLDERS: [&str; 4] = ["home", "root", "Users", "work"];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut problems = Vec::new();
    for file in &workspace.files {
        let Some(text) = workspace.text(file)? else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(folder) = machine_path(line) {
                problems.push(format!("{file}:{}: /{folder}/", number + 1));
            }
        }
    }
    Ok(Finding::new(
        format!("{} files", workspace.files.len()),
        problems,
    ))
}

/// The first folder, if `line` holds an absolute path into one of them.
fn machine_path(line: &str) -> Option<&'static str> {
    FIRST_FOLDERS.into_iter().find(|folder| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().last());
            // Within a longer path or a URL it is not the first folder.
            !before.is_some_and(|c| c.is_alphanumeric() || "/.-_~}>*".contains(c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_begin_there_are_found() {
        for folder in FIRST_FOLDERS {
            assert_eq!(machine_path(&format!("\"/{folder}/x\"")), Some(folder));
            assert_eq!(machine_path(&format!("https://a.test/{folder}/x")), None);
        }
    }
}
