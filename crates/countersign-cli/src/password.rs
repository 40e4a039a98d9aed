//! A new password: typed at a terminal, or from a file or standard input. Never an
//! argument, which other users of the machine could read.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use countersign::authorization_server::accounts::Password;
use countersign::oauth::Secret;

use crate::file;

/// Where the password comes from.
#[derive(Debug, Args)]
pub(crate) struct PasswordOption {
    /// A file with the password, on one line; `-` reads standard input
    /// [default: asked for, or standard input if that is no terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordOption {
    pub(crate) fn read(&self) -> anyhow::Result<Password> {
        let (text, place) = match self.password_file.as_deref() {
            Some(file) if file != Path::new("-") => (file::text(file)?, file.display().to_string()),
            None if io::stdin().is_terminal() => {
                return Password::new(ask()?).map_err(Into::into);
            }
            _ => {
                let text = file::limited(io::stdin().lock());
                let text =
                    text.map_err(|error| anyhow!("standard input: {}", file::why(&error)))?;
                (text, "standard input".to_owned())
            }
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            bail!("{place}: the password is empty");
        }
        if line.contains(['\n', '\r']) {
            bail!("{place}: the password is longer than one line");
        }
        Password::new(Secret::new(line)).with_context(|| place)
    }
}

/// Asks twice, without showing what is typed.
fn ask() -> anyhow::Result<Secret> {
    let typed = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(Secret::new)
            .map_err(|error| anyhow!("the password cannot be read: {}", file::why(&error)))
    };
    let first = typed("New password: ")?;
    // Before it is typed again for nothing.
    Password::new(first.clone())?;
    if typed("Once more: ")? != first {
        bail!("the two passwords differ");
    }
    Ok(first)
}
