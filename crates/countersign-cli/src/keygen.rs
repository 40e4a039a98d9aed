//! `countersign keygen`.

use std::path::PathBuf;

use clap::Args;
use countersign::keys::KeyPair;
use countersign::oauth::jose::Algorithm;

use crate::{file, output};

/// Make a key pair to sign and verify tokens with
#[derive(Debug, Args)]
#[command(after_help = "\
Writes private.pem, readable by you alone, and public.pem, for a server, and prints their
names. Files that exist are never overwritten.

Example:
  countersign keygen --out keys
  countersign serve --public-key keys/public.pem")]
pub(crate) struct Keygen {
    /// What to sign with: ES256, EdDSA or RS256 (3072 bits)
    #[arg(long, value_name = "NAME", default_value_t = Algorithm::ES256)]
    algorithm: Algorithm,

    /// The folder for the two files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl Keygen {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let files = KeyPair::generate(self.algorithm)?
            .save(&self.out)
            .map_err(file::key_error)?;
        for file in [&files.private, &files.public] {
            let file = file.strip_prefix(".").unwrap_or(file);
            output::line(&file.display().to_string())?;
        }
        Ok(())
    }
}
