//! The client that the MCP conformance suite starts, once for each scenario: the URL
//! of its server is the last argument, what it wants is in the environment. It is
//! built on the public API alone.

mod authorization;
mod scenario;
mod tools;

use std::process::ExitCode;

use anyhow::Result;

use scenario::Scenario;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let scenario = Scenario::of_process()?;
    match scenario.name() {
        name if name.starts_with("auth/") => authorization::run(&scenario).await?,
        _ => tools::run(&scenario).await?,
    }
    Ok(ExitCode::SUCCESS)
}
