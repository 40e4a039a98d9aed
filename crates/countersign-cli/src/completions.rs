//! `countersign completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output;

/// Print what a shell needs to complete this command
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign completions bash > ~/.local/share/bash-completion/completions/countersign
  countersign completions zsh > \"${fpath[1]}/_countersign\"
  countersign completions fish > ~/.config/fish/completions/countersign.fish")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    /// For `command`, the whole of it.
    pub(crate) fn run(&self, mut command: Command) -> anyhow::Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "countersign", &mut text);
        Ok(output::line(String::from_utf8_lossy(&text).trim_end())?)
    }
}
