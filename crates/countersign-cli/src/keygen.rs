//! `countersign keygen`.

use std::path::PathBuf;

use clap::Args;
use countersign::keys::KeyPair;
use countersign::oauth::jose::Algorithm;

use crate::output;

/// Make a key pair to sign and verify tokens with.
///
/// Writes private.pem, readable by you alone, and public.pem, for a server. Files
/// that exist are never overwritten.
#[derive(Debug, Args)]
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
        let files = KeyPair::generate(self.algorithm)?.save(&self.out)?;
        for file in [&files.private, &files.public] {
            let file = file.strip_prefix(".").unwrap_or(file);
            output::line(&file.display().to_string())?;
        }
        Ok(())
    }
}
