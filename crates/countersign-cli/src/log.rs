//! Logs on standard error, and the runtime they are written from.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

/// Starts logging what `filter` says, else `RUST_LOG`, else `usual`.
pub(crate) fn start(filter: Option<&str>, usual: &str) -> anyhow::Result<()> {
    let filter = match filter {
        Some(told) => EnvFilter::builder()
            .parse(told)
            .with_context(|| format!("--log {told}: not a log filter"))?,
        None => EnvFilter::try_from_default_env().or_else(|_| EnvFilter::builder().parse(usual))?,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// The runtime of the commands that use the network.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("cannot start the runtime")
}
