//! What a call costs, in CPU time of the server, as a ratio to the bare HTTP floor.
//!
//! Every server is a child process of this one, all over loopback. They are driven
//! in turn, round after round, so that a slow moment of the machine hits all of
//! them; the table shows medians over the rounds. Nothing is asserted.

mod access;
mod authorization;
mod child;
mod client;
mod leg;
mod load;
mod report;
mod request;
mod run;
mod server;
mod signature;
mod tokens;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures what a call costs, in CPU time of the server.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(flatten)]
    plan: run::Plan,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Is one of the measured servers, until standard input ends.
    #[command(hide = true)]
    Serve(server::Settings),
    /// Is the measured authorization server, until standard input ends.
    #[command(hide = true)]
    Authorize(server::AuthorizationSettings),
    /// Is the database beside it, until standard input ends.
    #[command(hide = true)]
    Commit(server::CommitSettings),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Serve(settings)) => server::serve(settings),
        Some(Command::Authorize(settings)) => server::authorize(&settings),
        Some(Command::Commit(settings)) => server::commit(&settings),
        None => run::run(&arguments.plan),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
