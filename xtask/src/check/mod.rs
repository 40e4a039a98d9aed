//! `cargo xtask check`: one line per check, then how many failed.

mod arrows;
mod coverage;
mod dependencies;
mod document_paths;
mod document_tests;
mod file_lengths;
mod file_names;
mod licence;
mod machine_paths;
mod presets;
mod toolchain;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// What a check found.
pub(crate) struct Finding {
    /// What was looked at, for the line of a check that passes.
    summary: String,
    /// One line each; none when the check passes.
    problems: Vec<String>,
}

impl Finding {
    fn new(summary: impl Into<String>, problems: Vec<String>) -> Self {
        Self {
            summary: summary.into(),
            problems,
        }
    }
}

type Check = fn(&Workspace) -> Result<Finding>;

const CHECKS: [(&str, Check); 14] = [
    ("format", toolchain::format),
    ("file-lengths", file_lengths::check),
    ("file-names", file_names::check),
    ("machine-paths", machine_paths::check),
    ("document-paths", document_paths::check),
    ("document-tests", document_tests::check),
    ("crate-graph", arrows::check),
    ("dependencies", dependencies::check),
    ("advisories", toolchain::deny),
    ("requirements", coverage::check),
    ("presets", presets::check),
    ("lints", toolchain::clippy),
    ("crates-alone", toolchain::alone),
    ("documentation", toolchain::doc),
];

/// Runs the checks called `names`, or all of them; also after one has failed.
/// True if all passed.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<bool> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !CHECKS.iter().any(|(known, _)| known == *name))
    {
        let known: Vec<&str> = CHECKS.iter().map(|(known, _)| *known).collect();
        bail!(
            "no check is called {unknown}; there are {}",
            known.join(", ")
        );
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in CHECKS {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let finding = check(workspace)?;
        if finding.problems.is_empty() {
            passed += 1;
            println!("ok      {name}: {}", finding.summary);
        } else {
            failed += 1;
            println!("FAILED  {name}: {}", finding.summary);
            for problem in &finding.problems {
                println!("        {problem}");
            }
        }
    }
    println!("{passed} checks passed, {failed} failed");
    Ok(failed == 0)
}
