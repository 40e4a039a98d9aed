//! Every check of the project behind one command.
//!
//! - `cargo xtask check`: format, lints, documentation, the crate graph, the
//!   files, the dependencies, and that every requirement has its test. With
//!   names, such as `check file-lengths format`, only those.
//! - `cargo xtask test`: all tests, documentation tests, examples and the
//!   conformance suite; the last line is `N passed, M failed`.
//! - `cargo xtask races` and `cargo xtask kills`: ten thousand rounds of calls that
//!   race, on the SQLite store and at the endpoints over it, and a thousand processes
//!   and two thousand clients killed; fewer with `--rounds N`.
//! - `cargo xtask flood`: ten million users at the limits of one server.
//! - `cargo xtask conformance`: the conformance suite alone.
//! - `cargo xtask presets`: writes the table of providers in their documents.
#![expect(
    clippy::print_stdout,
    reason = "what a check finds is printed; there is no other output"
)]

mod check;
mod command;
mod conformance;
mod presets;
mod storage;
mod suites;
mod totals;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str =
    "usage: cargo xtask check [NAME …] | test | races | kills | flood | conformance | presets";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what the command line asks for; false when something failed.
fn run() -> anyhow::Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["check", names @ ..] => check::run(&Workspace::load()?, names),
        ["races", options @ ..] => storage::races(&Workspace::load()?, options),
        ["kills", options @ ..] => storage::kills(&Workspace::load()?, options),
        ["flood"] => storage::flood(&Workspace::load()?),
        ["presets"] => presets::write(&Workspace::load()?),
        ["test"] => suites::run(&Workspace::load()?),
        ["conformance"] => {
            let totals = conformance::run(&Workspace::load()?)?;
            println!("{totals}");
            // Nothing that ran is nothing that passed.
            Ok(totals.failed == 0 && totals.passed > 0)
        }
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => anyhow::bail!("{USAGE}"),
    }
}
