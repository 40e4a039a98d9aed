//! Running other programs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// `cargo` with `arguments`, in `root`.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    program("cargo", root, arguments)
}

/// Any program with `arguments`, in `root`.
pub(crate) fn program(name: impl AsRef<Path>, root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(name.as_ref());
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null());
    command
}

/// Runs to the end and returns what was printed.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("cannot run {}", name(command)))
}

/// Runs to the end and returns the standard output; an error if it failed.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        bail!(
            "{} failed: {}",
            name(command),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs to the end, printing the standard output line by line while `each`
/// reads along; the standard error is passed through. True if it succeeded.
pub(crate) fn follow(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    command.stdout(Stdio::piped());
    let mut child = Running(
        command
            .spawn()
            .with_context(|| format!("cannot run {}", name(command)))?,
    );
    let stdout = child.0.stdout.take().context("a piped output")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        each(&line);
    }
    Ok(child.0.wait()?.success())
}

/// Whether a program of this name can be started.
pub(crate) fn exists(name: &str) -> bool {
    Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether this runs where a skipped suite must not go unnoticed.
#[expect(
    clippy::disallowed_methods,
    reason = "CI is how a build service says that it is one"
)]
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// A child process that does not outlive this value.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when the child has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn name(command: &Command) -> String {
    Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
