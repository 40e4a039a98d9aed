//! `--token` and `--token-file`.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use countersign::oauth::Secret;

/// A token is never longer.
const MAX_BYTES: u64 = 64 * 1024;

/// The token to show to the server.
#[derive(Args)]
pub(crate) struct TokenOption {
    /// The access token; other users of this machine can see it while the command runs,
    /// --token-file is safer
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,

    /// A file with the access token; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The token stays out of every log.
impl std::fmt::Debug for TokenOption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenOption").finish_non_exhaustive()
    }
}

impl TokenOption {
    pub(crate) fn read(self) -> anyhow::Result<Option<Secret>> {
        let (text, place) = match (self.token, self.token_file) {
            (Some(token), _) => (token, "--token".to_owned()),
            (None, None) => return Ok(None),
            (None, Some(file)) if file.as_os_str() == "-" => {
                let text = limited(io::stdin().lock()).context("standard input")?;
                (text, "standard input".to_owned())
            }
            (None, Some(file)) => {
                let name = file.display().to_string();
                let opened = File::open(&file).with_context(|| format!("cannot read {name}"))?;
                let text = limited(opened).with_context(|| format!("cannot read {name}"))?;
                (text, name)
            }
        };
        let token = text.trim();
        if token.is_empty() {
            bail!("{place}: the token is empty");
        }
        // RFC 6750 §2.1: b64token.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !token.bytes().all(allowed) {
            bail!("{place}: this is not one bearer token");
        }
        Ok(Some(Secret::new(token)))
    }
}

fn limited(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
