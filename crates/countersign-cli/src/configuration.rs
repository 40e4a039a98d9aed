//! `countersign config`.

use clap::{Args, Subcommand};

use crate::output;
use crate::settings::SettingsFile;

/// Read the settings of the environment and of a file, without starting anything
#[derive(Debug, Args)]
#[command(after_help = "\
Options of `countersign serve` count most, then variables with one underscore
(FASTMCP_AUTH_…, COUNTERSIGN_…), then those with two (FASTMCP_AUTH__…), then the file.

Examples:
  countersign config check
  countersign config print --config /etc/countersign.toml")]
pub(crate) struct Settings {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say in words who gets in and what others can reach
    Check(SettingsFile),
    /// Print all settings as they were merged, without secrets, each with where it is from
    Print(SettingsFile),
}

impl Settings {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match &self.action {
            Action::Check(file) => {
                for sentence in file.read()?.check()? {
                    output::line(&output::harmless(&sentence))?;
                }
            }
            Action::Print(file) => output::line(file.read()?.print().trim_end())?,
        }
        Ok(())
    }
}
