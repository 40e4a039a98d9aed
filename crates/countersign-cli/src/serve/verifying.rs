//! With which keys `countersign serve` verifies the tokens of another issuer.

use std::path::{Path, PathBuf};

use anyhow::bail;
use countersign::keys::{KeyFileError, KeyFiles};
use countersign::oauth::Secret;
use countersign::oauth::jose::Algorithm;
use countersign::{JwtVerifier, JwtVerifierBuilder};

use super::options::{Serve, authority, is_loopback};
use crate::{AUDIENCE, ISSUER, file};

/// The keys, and what the tokens must name.
pub(super) struct Verifying {
    keys: Keys,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
}

enum Keys {
    Public { pem: String, file: PathBuf },
    Remote { url: String },
    Hmac { secret: Secret, file: PathBuf },
}

impl Verifying {
    /// The keys that `options` name; nothing if they name none.
    pub(super) fn from_options(options: &Serve) -> anyhow::Result<Option<Self>> {
        let keys = if let Some(file) = &options.public_key {
            Keys::Public {
                pem: public_key(file)?,
                file: file.clone(),
            }
        } else if let Some(url) = &options.jwks_url {
            let plain = url.starts_with("http://") && is_loopback(authority(url));
            if plain && !options.danger_allow_loopback {
                bail!("{url} has no TLS: use https, or say --danger-allow-loopback as well");
            }
            Keys::Remote { url: url.clone() }
        } else if let Some(file) = &options.hmac_secret_file {
            let text = file::text(file)?;
            let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
            Keys::Hmac {
                secret,
                file: file.clone(),
            }
        } else {
            return Ok(None);
        };
        // An issuer of your own has a name of its own; ours has the one `token` writes.
        let ours = matches!(keys, Keys::Public { .. });
        let usual = |given: &Option<String>, usual: &str| {
            given.clone().or_else(|| ours.then(|| usual.to_owned()))
        };
        if !ours && options.issuer.is_none() && options.audience.is_none() {
            bail!(
                "say with --issuer and --audience whose tokens are accepted, and for which server"
            );
        }
        Ok(Some(Self {
            keys,
            issuer: usual(&options.issuer, ISSUER),
            audience: usual(&options.audience, AUDIENCE),
        }))
    }

    /// The verifier that these keys make.
    pub(super) fn verifier(&self, options: &Serve) -> JwtVerifierBuilder {
        let mut verifier = match &self.keys {
            Keys::Public { pem, .. } => JwtVerifier::public_key(pem),
            Keys::Remote { url } => JwtVerifier::jwks(url),
            Keys::Hmac { secret, .. } => {
                let algorithm = options.algorithms.first().copied();
                JwtVerifier::hmac(secret.clone(), algorithm.unwrap_or(Algorithm::HS256))
            }
        };
        if options.danger_allow_loopback {
            verifier = verifier.danger_allow_loopback();
        }
        if let Some(issuer) = &self.issuer {
            verifier = verifier.issuer(issuer);
        }
        if let Some(audience) = &self.audience {
            verifier = verifier.audience(audience);
        }
        if !options.algorithms.is_empty() {
            verifier = verifier.algorithms(options.algorithms.iter().copied());
        }
        verifier
    }

    /// The private key that makes tokens for this server, if it lies beside the public one.
    pub(super) fn private_key(&self) -> Option<PathBuf> {
        let directory = match &self.keys {
            Keys::Public { file, .. } => file.parent()?,
            Keys::Remote { .. } | Keys::Hmac { .. } => return None,
        };
        let private = KeyFiles::of(directory).private;
        private.exists().then_some(private)
    }

    /// Which option or file the keys are from. A URL may hold a password.
    pub(super) fn option(&self) -> String {
        match &self.keys {
            Keys::Remote { .. } => "--jwks-url".into(),
            _ => self.source(),
        }
    }

    /// Where the keys are from.
    fn source(&self) -> String {
        match &self.keys {
            Keys::Public { file, .. } | Keys::Hmac { file, .. } => file.display().to_string(),
            Keys::Remote { url } => url.clone(),
        }
    }

    /// What is accepted, for people.
    pub(super) fn explained(&self, options: &Serve) -> String {
        let keys = match &self.keys {
            Keys::Public { .. } => "verified with",
            Keys::Remote { .. } => "verified with the keys of",
            Keys::Hmac { .. } => "verified with the secret in",
        };
        let mut line = format!("Accepted tokens: {keys} {}", self.source());
        if let Some(issuer) = &self.issuer {
            line.push_str(&format!(", issuer {issuer}"));
        }
        if let Some(audience) = &self.audience {
            line.push_str(&format!(", audience {audience}"));
        }
        let scopes = options.required_scopes();
        if !scopes.is_empty() {
            line.push_str(&format!(", scopes {}", scopes.join(" ")));
        }
        line
    }
}

fn public_key(file: &Path) -> anyhow::Result<String> {
    if !file.exists() {
        return Err(file::key_error(KeyFileError::Missing(file.into())));
    }
    file::text(file)
}
