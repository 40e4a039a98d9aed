//! Keys in files and secrets, read when the server starts and again when they change.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use countersign_resource_server::oauth::jose::Algorithm;
use countersign_resource_server::{ConfigurationError, Keys, ReplaceableKeys};

use super::given::SecretPlace;

/// Reads keys again. Answers whether they have changed.
pub(crate) type Reread = Box<dyn Fn() -> Result<bool, ConfigurationError> + Send + Sync>;

/// Where keys are, and how those look that were read last.
pub(super) struct LocalKeys {
    place: Place,
    /// A digest: the keys themselves are kept by the verifier alone.
    seen: Mutex<Vec<u8>>,
}

enum Place {
    Public(PathBuf),
    #[cfg(feature = "authorization-server")]
    Set(PathBuf),
    Secret(SecretPlace, Algorithm),
}

impl LocalKeys {
    pub(super) fn public(file: &str) -> Self {
        Self::at(Place::Public(file.into()))
    }

    pub(super) fn secret(place: SecretPlace, algorithm: Algorithm) -> Self {
        Self::at(Place::Secret(place, algorithm))
    }

    /// A JWK Set (RFC 7517 §5).
    #[cfg(feature = "authorization-server")]
    pub(super) fn key_set(file: &str) -> Self {
        Self::at(Place::Set(file.into()))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            seen: Mutex::default(),
        }
    }

    /// Whether it costs little to look whether they have changed: a command is run only
    /// when somebody says so.
    pub(super) const fn is_watched(&self) -> bool {
        match &self.place {
            Place::Secret(place, _) => matches!(place, SecretPlace::File(_)),
            _ => true,
        }
    }

    /// The keys, as they are now.
    pub(super) fn read(&self) -> Result<Keys, ConfigurationError> {
        let (keys, seen) = self.look()?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(keys)
    }

    /// Puts them into `replaceable` if they have changed.
    pub(super) fn put_into(
        &self,
        replaceable: &ReplaceableKeys,
    ) -> Result<bool, ConfigurationError> {
        let (keys, seen) = self.look()?;
        let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == seen {
            return Ok(false);
        }
        replaceable.replace(&keys)?;
        *last = seen;
        Ok(true)
    }

    fn look(&self) -> Result<(Keys, Vec<u8>), ConfigurationError> {
        let seen = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
        match &self.place {
            Place::Public(file) => {
                let pem = std::fs::read(file).map_err(|error| {
                    let file = file.display();
                    ConfigurationError::new(format!("{file} cannot be read: {error}"))
                })?;
                let seen = seen(&pem);
                Ok((Keys::public_key(pem), seen))
            }
            #[cfg(feature = "authorization-server")]
            Place::Set(file) => {
                let set = std::fs::read_to_string(file).map_err(|error| {
                    let file = file.display();
                    ConfigurationError::new(format!("{file} cannot be read: {error}"))
                })?;
                let seen = seen(set.as_bytes());
                Ok((Keys::key_set(set), seen))
            }
            Place::Secret(place, algorithm) => {
                let secret = place
                    .read()
                    .map_err(|error| ConfigurationError::new(error.to_string()))?;
                let seen = seen(secret.reveal().as_bytes());
                Ok((Keys::hmac(secret, *algorithm), seen))
            }
        }
    }
}
