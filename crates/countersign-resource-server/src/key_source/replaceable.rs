//! Keys that are configured here and can be changed while the server runs.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_oauth::jose::JwkSet;

use super::{KeySource, Keys, RemoteOptions, algorithms_of};
use crate::{ConfigurationError, Liveness};

/// Keys of an issuer that can be replaced without a restart, such as when a secret is
/// rotated. Give [`Keys::replaceable`] to a verifier; cloning is cheap, and every clone
/// stands for the same keys.
#[derive(Clone)]
pub struct ReplaceableKeys {
    current: Arc<ArcSwap<Current>>,
    /// What stands for the issuer stays the same when the keys do not.
    namespace: Arc<str>,
}

impl fmt::Debug for ReplaceableKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplaceableKeys")
    }
}

/// The keys that count now.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) set: JwkSet,
    /// Ends when other keys take their place, and with it every remembered token.
    pub(crate) life: Liveness,
}

impl ReplaceableKeys {
    /// Begins with `keys`, which are no remote set.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if they cannot be used.
    pub fn new(keys: &Keys) -> Result<Self, ConfigurationError> {
        let (source, set) = opened(keys)?;
        let namespace = keys.namespace(&source).into();
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(Current::of(set))),
            namespace,
        })
    }

    /// Puts `keys` in the place of those that count now. Tokens that were verified with
    /// the old ones are refused from the next request on, unless the new ones verify them.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if they cannot be used, or are of another kind than the
    /// verifier was made for; the old ones stay.
    pub fn replace(&self, keys: &Keys) -> Result<(), ConfigurationError> {
        let (_, set) = opened(keys)?;
        if algorithms_of(&set) != algorithms_of(&self.current().set) {
            return Err(ConfigurationError::new(
                "the new keys are of another kind than the old ones: restart the server to change \
                 the algorithm",
            ));
        }
        self.current.swap(Arc::new(Current::of(set))).life.end();
        Ok(())
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(super) fn namespace(&self) -> String {
        self.namespace.as_ref().to_owned()
    }
}

impl Current {
    fn of(set: JwkSet) -> Self {
        Self {
            set,
            life: Liveness::default(),
        }
    }
}

fn opened(keys: &Keys) -> Result<(KeySource, JwkSet), ConfigurationError> {
    match keys.open(&mut RemoteOptions::default())? {
        KeySource::Local(set) => {
            let kept = set.clone();
            Ok((KeySource::Local(set), kept))
        }
        KeySource::Remote(_) | KeySource::Replaceable(_) => Err(ConfigurationError::new(
            "only keys that are configured here can be replaced: a remote set is fetched again by \
             itself",
        )),
    }
}
