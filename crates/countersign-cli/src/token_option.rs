//! `--token` and `--token-file`.

use std::io;
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;
use countersign::oauth::Secret;

use crate::file;

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
                let text = file::limited(io::stdin().lock());
                let text =
                    text.map_err(|error| anyhow!("standard input: {}", file::why(&error)))?;
                (text, "standard input".to_owned())
            }
            (None, Some(file)) => (file::text(&file)?, file.display().to_string()),
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
