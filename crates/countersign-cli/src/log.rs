//! Logs on standard error, and the runtime they are written from.

use std::fmt;
use std::io::{self, IsTerminal};

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::runtime::Runtime;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::exit::Interrupted;
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
    let filter = match told(option)? {
        Some(told) => told,
        None => EnvFilter::builder().parse(usual)?,
    };
    lines(filter);
    Ok(())
}

/// The same for commands that a person waits for: unless told otherwise, a line is a
/// warning and nothing else.
pub(crate) fn start_plain(option: &LogOption, usual: &str) -> anyhow::Result<()> {
    match told(option)? {
        Some(told) => lines(told),
        None => tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::builder().parse(usual)?)
            .with_writer(io::stderr)
            .with_ansi(false)
            .event_format(Plain)
            .init(),
    }
    Ok(())
}

/// What somebody wants to be logged.
fn told(option: &LogOption) -> anyhow::Result<Option<EnvFilter>> {
    let Some(told) = &option.log else {
        return Ok(environment());
    };
    // The reason the parser gives names every level, twice.
    let filter = EnvFilter::builder().parse(told).map_err(|_| {
        anyhow!("--log {told}: not a log filter; write a level such as debug, or target=level")
    })?;
    Ok(Some(filter))
}

fn lines(filter: EnvFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// One line for a person, without time and place.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("warning: ")?;
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
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

/// Does `work`, until somebody presses Ctrl-C; `so_far` is what may have happened then.
pub(crate) fn until_interrupted(
    so_far: &'static str,
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        tokio::select! {
            // First, so that it counts before anything is begun.
            biased;
            Ok(()) = tokio::signal::ctrl_c() => Err(Interrupted(so_far).into()),
            // In a task of its own: some of it waits for a keyboard.
            done = tokio::spawn(work) => done.context("this program failed")?,
        }
    });
    // Nobody waits for a name that is still looked up.
    runtime.shutdown_background();
    done
}

/// The runtime of the commands that use the network.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("cannot start the runtime")
}
