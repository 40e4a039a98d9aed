//! Sealed records in a folder, as plain calls that block.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use countersign_store::SealingKeys;
use countersign_store::seal::Sealed;
use tracing::warn;
use zeroize::Zeroizing;

use super::folder::{Folder, unusable};
use super::key::KeyPlace;
use super::record::place_of;
use crate::random::{SystemGenerator, draw};
use crate::store::StoreError;

/// The folder, and the keys once they were needed.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    key_place: KeyPlace,
    keys: OnceLock<Arc<SealingKeys>>,
}

impl Records {
    pub(super) const fn new(path: PathBuf, key_place: KeyPlace) -> Self {
        Self {
            path,
            key_place,
            keys: OnceLock::new(),
        }
    }

    /// The folder, if it is there or `may_make` it.
    pub(super) fn folder(&self, may_make: bool) -> Result<Option<Folder>, StoreError> {
        Folder::open(&self.path, may_make)
    }

    /// The folder, made if it was not there.
    pub(super) fn made_folder(&self) -> Result<Folder, StoreError> {
        let folder = self.folder(true)?;
        folder.ok_or_else(|| unusable(&self.path, "it was removed"))
    }

    /// What is sealed under `name`. What does not open is like what is not there, and
    /// the log says so.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some(folder) = self.folder(false)? else {
            return Ok(None);
        };
        let Some(bytes) = folder.read(name)? else {
            return Ok(None);
        };
        let Some(keys) = self.keys(&folder, false)? else {
            self.warn(name, "its key is gone");
            return Ok(None);
        };
        match keys.open_at(&place_of(name), &Sealed::from_bytes(bytes)) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                self.warn(name, &error.to_string());
                Ok(None)
            }
        }
    }

    /// What is sealed under `name`, as `read` understands it.
    pub(super) fn read_as<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str, &[u8]) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.read(name)? else {
            return Ok(None);
        };
        let understood = read(name, &text);
        if understood.is_none() {
            self.warn(name, "it belongs elsewhere or is of another version");
        }
        Ok(understood)
    }

    /// Seals `text` under `name`. Whoever calls it holds the lock of `name`.
    pub(super) fn write(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        let folder = self.made_folder()?;
        let keys = self.keys(&folder, true)?;
        let keys = keys.ok_or_else(|| unusable(&self.path, "there is no key"))?;
        let nonce = draw(&SystemGenerator)
            .map_err(|_| StoreError::Unusable("the system gives no random bytes".to_owned()))?;
        let sealed = keys
            .seal_at(&place_of(name), text, nonce)
            .map_err(|error| unusable(&self.path, &error.to_string()))?;
        folder.replace(name, sealed.as_bytes())
    }

    /// Removes what is under `name`. Whoever calls it holds the lock of `name`.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.folder(false)?
            .map_or(Ok(()), |folder| folder.remove(name))
    }

    /// The keys; made if there are none yet and `may_make` them.
    fn keys(
        &self,
        folder: &Folder,
        may_make: bool,
    ) -> Result<Option<Arc<SealingKeys>>, StoreError> {
        if let Some(keys) = self.keys.get() {
            return Ok(Some(keys.clone()));
        }
        let keys = self.key_place.read(folder, may_make)?;
        Ok(keys.map(|keys| self.keys.get_or_init(|| Arc::new(keys)).clone()))
    }

    fn warn(&self, name: &str, reason: &str) {
        warn!(
            record = %self.path.join(name).display(),
            reason,
            "a record of the token store cannot be used; the login that it was of is forgotten"
        );
    }
}
