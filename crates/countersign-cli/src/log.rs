//! Logs on standard error, and the runtime they are written from.

use std::io::{self, IsTerminal};

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::output;

/// What to log.
#[derive(Debug, Args)]
pub(crate) struct LogOption {
    /// What to log to standard error: error, warn, info, debug, trace, or a filter such
    /// as `countersign=debug` [default: RUST_LOG]
    #[arg(long, value_name = "FILTER", display_order = 900, global = true)]
    log: Option<String>,
}

/// Starts logging what `option` says, else `RUST_LOG`, else `usual`.
pub(crate) fn start(option: &LogOption, usual: &str) -> anyhow::Result<()> {
    let filter = match &option.log {
        // The reason the parser gives names every level, twice.
        Some(told) => EnvFilter::builder().parse(told).map_err(|_| {
            anyhow!("--log {told}: not a log filter; write a level such as debug, or target=level")
        })?,
        None => environment().map_or_else(|| EnvFilter::builder().parse(usual), Ok)?,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// The filter in `RUST_LOG`. One that cannot be read is said and left out: it may be
/// meant for other programs.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the command, and its environment"
)]
fn environment() -> Option<EnvFilter> {
    let told = std::env::var_os(EnvFilter::DEFAULT_ENV).filter(|told| !told.is_empty())?;
    let filter = told
        .to_str()
        .and_then(|told| EnvFilter::builder().parse(told).ok());
    if filter.is_none() {
        let told = told.to_string_lossy();
        output::note(&output::harmless(&format!(
            "warning: RUST_LOG is ignored: {told} is not a log filter"
        )));
    }
    filter
}

/// The runtime of the commands that use the network.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("cannot start the runtime")
}
