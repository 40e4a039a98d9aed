//! Checks that Cargo makes for us.

use anyhow::Result;

use super::Finding;
use crate::command;
use crate::workspace::Workspace;

/// Crates that are of use on their own and must build with only the features
/// they ask for themselves.
const ALONE: [&str; 4] = [
    "countersign-oauth",
    "countersign-store",
    "countersign-resource-server",
    "countersign",
];

pub(super) fn format(workspace: &Workspace) -> Result<Finding> {
    cargo(workspace, "cargo fmt", &["fmt", "--all", "--check"])
}

pub(super) fn clippy(workspace: &Workspace) -> Result<Finding> {
    cargo(
        workspace,
        "cargo clippy, warnings are errors",
        &[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    )
}

pub(super) fn alone(workspace: &Workspace) -> Result<Finding> {
    let mut problems = Vec::new();
    for name in ALONE {
        let finding = cargo(
            workspace,
            name,
            &["check", "--locked", "--quiet", "--package", name],
        )?;
        if !finding.problems.is_empty() {
            problems.push(format!("{name} does not build alone"));
            problems.extend(finding.problems);
        }
    }
    Ok(Finding::new(ALONE.join(", "), problems))
}

/// The libraries alone: the command has the name of the main library, and the
/// documentation of both would be written to the same place.
pub(super) fn doc(workspace: &Workspace) -> Result<Finding> {
    let mut command = command::cargo(
        &workspace.root,
        &[
            "doc",
            "--locked",
            "--workspace",
            "--lib",
            "--no-deps",
            "--quiet",
        ],
    );
    finding(
        "cargo doc of the libraries, warnings are errors",
        command.env("RUSTDOCFLAGS", "-D warnings"),
    )
}

pub(super) fn deny(workspace: &Workspace) -> Result<Finding> {
    if !command::exists("cargo-deny") {
        return Ok(Finding::new(
            "skipped, cargo-deny is not here (cargo install --locked cargo-deny)",
            Vec::new(),
        ));
    }
    cargo(
        workspace,
        "cargo deny check",
        &["deny", "--locked", "check", "--hide-inclusion-graph"],
    )
}

fn cargo(workspace: &Workspace, summary: &str, arguments: &[&str]) -> Result<Finding> {
    finding(summary, &mut command::cargo(&workspace.root, arguments))
}

/// Whatever a failing command prints is what it found.
fn finding(summary: &str, command: &mut std::process::Command) -> Result<Finding> {
    let output = command::output(command)?;
    let mut problems = Vec::new();
    if !output.status.success() {
        for printed in [&output.stdout, &output.stderr] {
            problems.extend(String::from_utf8_lossy(printed).lines().map(str::to_owned));
        }
        if problems.is_empty() {
            problems.push(format!("ended with {}", output.status));
        }
    }
    Ok(Finding::new(summary, problems))
}
