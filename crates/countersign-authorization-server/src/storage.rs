//! A store and the keys that seal what is in it: they belong together.

use std::fmt;
use std::sync::Arc;

use countersign_resource_server::ConfigurationError;
use countersign_store::{Journal, MemoryStore, SealingKeys, Store};

use crate::random::{SystemGenerator, draw};

/// Where a server keeps its state, and what seals the part of it that must be read
/// back.
pub struct Storage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealing: SealingKeys,
    journal: Option<Arc<dyn Journal>>,
}

impl Storage {
    /// `store`, sealed with `sealing`.
    pub fn new(store: Arc<dyn Store>, sealing: SealingKeys) -> Self {
        Self {
            store,
            sealing,
            journal: None,
        }
    }

    /// The same, where the audit log can be kept in `journal`, which is usually the store
    /// itself.
    #[must_use]
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Where the audit log can be kept ([`StoreSink`](crate::audit::StoreSink)), if there
    /// is such a place.
    pub const fn journal(&self) -> Option<&Arc<dyn Journal>> {
        self.journal.as_ref()
    }

    /// Nothing outlives the process: for tests, and for servers that may forget.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the generator of random bytes does not work.
    pub fn memory() -> Result<Self, ConfigurationError> {
        let text = SealingKeys::text_of(fresh_key()?);
        let sealing = SealingKeys::parse(&text).map_err(said)?;
        let store = Arc::new(MemoryStore::new());
        Ok(Self::new(store.clone(), sealing).with_journal(store))
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::ffi::OsString;
    use std::fs::DirBuilder;
    use std::path::{Path, PathBuf};

    use countersign_store::sqlite::Folder;
    use countersign_store::{SqliteOptions, SqliteStore};

    use super::*;

    impl Storage {
        /// Everything in the SQLite database at `path`. The sealing keys are in the
        /// file beside it that [`Storage::sealing_keys_file`] names. Both are made at
        /// the first start, for their owner alone, in a folder into which nobody else
        /// may write, and which is made if it is missing.
        ///
        /// Must be called inside a Tokio runtime. With other options, or with sealing
        /// keys from elsewhere, open a [`SqliteStore`] and call [`Storage::new`].
        ///
        /// # Errors
        ///
        /// [`ConfigurationError`] says which file cannot be used, and what to do.
        ///
        /// # Security
        ///
        /// Whoever has both files can issue tokens. A backup keeps them apart.
        pub async fn sqlite(path: impl Into<PathBuf>) -> Result<Self, ConfigurationError> {
            let path = path.into();
            make_folder(&path)?;
            let sealing = sealing_keys(&path)?;
            Self::sqlite_sealed(path, sealing).await
        }

        /// As [`Storage::sqlite`], with sealing keys from elsewhere, such as the
        /// environment; no file of keys is read or made.
        ///
        /// # Errors
        ///
        /// [`ConfigurationError`] says which file cannot be used, and what to do.
        pub async fn sqlite_sealed(
            path: impl Into<PathBuf>,
            sealing: SealingKeys,
        ) -> Result<Self, ConfigurationError> {
            let options = SqliteOptions::new(path).folder(Folder::OwnerWrites);
            let store = SqliteStore::open_with(options).await.map_err(said)?;
            let store = Arc::new(store);
            Ok(Self::new(store.clone(), sealing).with_journal(store))
        }

        /// Where the key is with which the audit log in the database at `path` is chained:
        /// beside it, with `.audit.key` behind its name.
        pub fn audit_key_file(path: &Path) -> PathBuf {
            let mut name = OsString::from(path);
            name.push(".audit.key");
            PathBuf::from(name)
        }

        /// Where the sealing keys of the database at `path` are: beside it, with
        /// `.keys` behind its name.
        pub fn sealing_keys_file(path: &Path) -> PathBuf {
            let mut name = OsString::from(path);
            name.push(".keys");
            PathBuf::from(name)
        }
    }

    /// The folder of `path`, made for its owner alone if it is missing.
    fn make_folder(path: &Path) -> Result<(), ConfigurationError> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let Some(folder) = folder.filter(|folder| !folder.exists()) else {
            return Ok(());
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| {
            ConfigurationError::new(format!(
                "the folder {} of the database cannot be made: {error}: make it, for the user \
                 that the server runs as alone",
                folder.display()
            ))
        })
    }

    /// The keys of the database at `path`, made if there is neither.
    fn sealing_keys(path: &Path) -> Result<SealingKeys, ConfigurationError> {
        let file = Storage::sealing_keys_file(path);
        let exists = |path: &Path| path.symlink_metadata().is_ok();
        if exists(&file) {
            return SealingKeys::from_file(&file).map_err(said);
        }
        // New keys open nothing that the old ones sealed, and would hide that they
        // are lost. The keys are made first, so that they are looked for last.
        if exists(path) && !exists(&file) {
            return Err(ConfigurationError::new(format!(
                "the database {} is there and its sealing keys, {}, are not: put the file back, \
                 or move the database away to begin anew",
                path.display(),
                file.display()
            )));
        }
        match SealingKeys::create_file(&file, fresh_key()?) {
            // Another process was quicker.
            Err(_) if exists(&file) => SealingKeys::from_file(&file).map_err(said),
            made => made.map_err(said),
        }
    }
}

/// 32 bytes from the generator of the operating system.
fn fresh_key() -> Result<[u8; 32], ConfigurationError> {
    draw(&SystemGenerator).map_err(said)
}

fn said(error: impl fmt::Display) -> ConfigurationError {
    ConfigurationError::new(error.to_string())
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("sealing", &self.sealing)
            .finish_non_exhaustive()
    }
}
