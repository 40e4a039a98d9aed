//! `cargo xtask races` and `cargo xtask kills`: the long runs that prove the store.
//!
//! Both are examples of `countersign-store`; their short runs are among its tests.

use anyhow::{Result, bail};

use crate::command;
use crate::workspace::Workspace;

/// Runs the example called `name` with `options`, or with `rounds` rounds without any.
/// True if it succeeded.
pub(crate) fn run(
    workspace: &Workspace,
    name: &str,
    rounds: &str,
    options: &[&str],
) -> Result<bool> {
    let mut arguments = vec![
        "run",
        "--locked",
        "--quiet",
        "--package",
        "countersign-store",
        "--example",
        name,
        "--",
    ];
    match options {
        [] => arguments.extend(["--rounds", rounds]),
        [option, ..] if option.starts_with("--") => arguments.extend(options),
        _ => bail!("usage: cargo xtask {name} [--rounds N]"),
    }
    command::follow(&mut command::cargo(&workspace.root, &arguments), |_| {})
}
