//! The `countersign` command: an authenticated MCP server for development, key
//! pairs, test tokens, and calls.
//!
//! Answers go to standard output, everything else to standard error. Each failure
//! is one sentence and an exit code of [`exit`].

mod argument;
mod call;
mod demo;
mod exit;
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

/// Serve the Model Context Protocol with authentication, and try it out.
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

    /// What to log to standard error: error, warn, info, debug, trace, or a filter
    /// such as `countersign=debug` [default: RUST_LOG]
    #[arg(long, value_name = "FILTER", global = true, display_order = 900)]
    log: Option<String>,
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
    let command = Command::try_parse()?;
    let filter = command.log.as_deref();
    match command.subcommand {
        Action::Serve(serve) => {
            log::start(filter, "warn,countersign=info")?;
            log::runtime()?.block_on(serve.run())
        }
        Action::Keygen(keygen) => keygen.run(),
        Action::Token(token) => token.run(),
        Action::Call(call) => {
            log::start(filter, "off")?;
            log::runtime()?.block_on(call.run())
        }
        Action::List(list) => {
            log::start(filter, "off")?;
            log::runtime()?.block_on(list.run())
        }
    }
}
