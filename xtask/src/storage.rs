//! `cargo xtask races`, `cargo xtask kills` and `cargo xtask flood`: the long runs that prove
//! the store, the endpoints over it, and limits.
//!
//! Two are examples of `countersign-store`, one is a test of the authorization server that
//! is told how long to go on, one an example of `countersign-resource-server`, one of
//! `countersign`; short runs of all are among the tests. They run for minutes, so they are
//! built to run.

use anyhow::{Result, bail};

use crate::command;
use crate::workspace::Workspace;

/// Races on the store, then at the endpoints of the authorization server. True if nothing
/// was won twice.
pub(crate) fn races(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let rounds = match options {
        [] => "10000",
        ["--rounds", rounds] => rounds,
        _ => bail!("usage: cargo xtask races [--rounds N]"),
    };
    let on_the_store = example(
        workspace,
        "countersign-store",
        "races",
        &["--rounds", rounds],
    )?;
    println!("{rounds} rounds of requests at the endpoints, three races");
    let arguments = [
        "test",
        "--release",
        "--locked",
        "--package",
        "countersign-authorization-server",
        "--test",
        "it",
        "races::",
    ];
    let mut command = command::cargo(&workspace.root, &arguments);
    command.env("COUNTERSIGN_RACE_ROUNDS", rounds);
    let at_the_endpoints = command::follow(&mut command, |_| {})?;
    Ok(on_the_store && at_the_endpoints)
}

/// Kills processes that write to the store, and clients that refresh, log in and log out at
/// our server; and lets two of them refresh one token. True if nothing was lost.
pub(crate) fn kills(workspace: &Workspace, options: &[&str]) -> Result<bool> {
    let rounds = match options {
        [] => "1000",
        ["--rounds", rounds] => rounds,
        _ => bail!("usage: cargo xtask kills [--rounds N]"),
    };
    let in_the_store = example(
        workspace,
        "countersign-store",
        "kills",
        &["--rounds", rounds],
    )?;
    let mut in_clients = true;
    for what in ["--rounds", "--race", "--others"] {
        let options = [what, rounds];
        in_clients &= example(workspace, "countersign", "killed_clients", &options)?;
    }
    Ok(in_the_store && in_clients)
}

/// Sends ten million users to the limits. True if memory stayed bounded and nobody who
/// was over a limit was let off.
pub(crate) fn flood(workspace: &Workspace) -> Result<bool> {
    example(workspace, "countersign-resource-server", "flood", &[])
}

fn example(workspace: &Workspace, package: &str, name: &str, options: &[&str]) -> Result<bool> {
    let mut arguments = vec![
        "run",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        package,
        "--example",
        name,
        "--",
    ];
    arguments.extend(options);
    command::follow(&mut command::cargo(&workspace.root, &arguments), |_| {})
}
