//! The `countersign` command: an authenticated MCP server for development, key
//! pairs, test tokens, and calls.
//!
//! Answers go to standard output, everything else to standard error. Each failure
//! is one sentence and an exit code of [`exit`].

mod argument;
mod call;
mod demo;
mod exit;
mod file;
mod keygen;
mod list;
mod log;
mod output;
mod serve;
mod span;
mod token;
mod token_option;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The issuer of tokens for the development server.
const ISSUER: &str = "http://localhost:8000";
/// The audience of tokens for the development server.
const AUDIENCE: &str = "my-mcp-server";
/// What the development server tells clients to ask for. Nothing there needs it, but
/// many authorization servers issue no token for no scope.
const SCOPE: &str = "mcp";

/// Serve the Model Context Protocol with authentication, and try it out
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = exit::HELP
)]
struct Command {
    #[command(subcommand)]
    subcommand: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Serve(serve::Serve),
    Keygen(keygen::Keygen),
    Token(token::Token),
    Call(call::Call),
    List(list::List),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn run() -> anyhow::Result<()> {
    match Command::try_parse()?.subcommand {
        Action::Serve(serve) => {
            log::start(&serve.log, "warn,countersign=info")?;
            log::runtime()?.block_on(serve.run())
        }
        Action::Keygen(keygen) => keygen.run(),
        Action::Token(token) => token.run(),
        Action::Call(call) => {
            log::start(&call.log, "off")?;
            log::runtime()?.block_on(call.run())
        }
        Action::List(list) => {
            log::start(&list.log, "off")?;
            log::runtime()?.block_on(list.run())
        }
    }
}
