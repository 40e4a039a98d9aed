//! Settings that are not options: those of the environment and of a file.

use std::path::{Path, PathBuf};

use clap::Args;
use countersign::Configuration;

/// The file that is read if it is there.
const USUAL: &str = "countersign.toml";

/// Which file of settings.
#[derive(Debug, Args)]
pub(crate) struct SettingsFile {
    /// Take what no option and no variable says from this file
    /// [default: countersign.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsFile {
    /// What the environment and the file say.
    pub(crate) fn read(&self) -> anyhow::Result<Configuration> {
        let configuration = Configuration::from_env()?;
        let usual = Path::new(USUAL);
        let there = self.config.is_none() && usual.exists();
        let path = self.config.as_deref().or_else(|| there.then_some(usual));
        Ok(match path {
            Some(path) => configuration.file(path)?,
            None => configuration,
        })
    }
}
