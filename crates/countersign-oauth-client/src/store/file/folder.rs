//! The folder of a store and the files in it.
//!
//! `key` opens all others; `tokens-…` and `client-…` are sealed records, whose names are
//! digests of what they belong to; `….lock` is held by whoever changes the record, and
//! `….new` is a record that is being written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use countersign_store::owner_only;

use crate::store::StoreError;

/// No record is longer.
const MAX_RECORD_BYTES: u64 = 256 * 1024;

/// What the names of sealed records end in.
const ENDING: &str = ".sealed";

/// A folder that others cannot write to.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`; nothing if there is none and it need not be made.
    pub(super) fn open(path: &Path, may_make: bool) -> Result<Option<Self>, StoreError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !may_make => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)
                .and_then(|()| fs::metadata(path))
                .map_err(|error| unusable(path, &format!("it cannot be made: {error}")))?,
            Err(error) => return Err(unusable(path, &error.to_string())),
        };
        if !metadata.is_dir() {
            return Err(unusable(path, "it is not a folder"));
        }
        if let Some(mode) = owner_only::looser_mode(&metadata)
            && mode & 0o022 != 0
        {
            return Err(unusable(
                path,
                &format!("others may write to it (mode {mode:04o}): run chmod 700 on it"),
            ));
        }
        Ok(Some(Self(path.to_owned())))
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.0.join("key")
    }

    /// The folder by a name that is the same wherever it is opened from.
    #[cfg(any(test, all(feature = "keychain", any(target_os = "macos", windows))))]
    pub(super) fn full_name(&self) -> String {
        let full = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        full.to_string_lossy().into_owned()
    }

    /// The names of all records that begin with `kind`, in alphabetical order.
    pub(super) fn names(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let failed = |error: io::Error| unusable(&self.0, &error.to_string());
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            names.extend(
                name.filter(|name| name.starts_with(kind))
                    .map(str::to_owned),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What is in the record `name`; nothing if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.record(name);
        let failed = |error: io::Error| unusable(&path, &error.to_string());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_RECORD_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Puts `bytes` in the place of the record `name`, in one step that outlives a loss
    /// of power. Whoever calls it holds the lock of `name`.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.record(name);
        let new = self.0.join(format!("{name}.new"));
        let write = || {
            match fs::remove_file(&new) {
                // A process that was killed left it.
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            owner_only::on_creation(&mut options);
            let mut file = options.open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            drop(file);
            fs::rename(&new, &path)?;
            self.sync()
        };
        write().map_err(|error| unusable(&path, &format!("it cannot be written: {error}")))
    }

    /// Removes the record `name`, if there is one.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.record(name);
        let remove = || match fs::remove_file(&path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        remove().map_err(|error| unusable(&path, &format!("it cannot be removed: {error}")))
    }

    /// The file that whoever changes the record `name` locks. It stays: who removed it
    /// could remove the one that somebody else has just locked.
    pub(super) fn lock_file(&self, name: &str) -> Result<File, StoreError> {
        let path = self.0.join(format!("{name}.lock"));
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        owner_only::on_creation(&mut options);
        let opened = options.open(&path);
        opened.map_err(|error| unusable(&path, &error.to_string()))
    }

    fn record(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}{ENDING}"))
    }

    /// A rename and a removal are on disk when their folder is.
    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(super) fn unusable(path: &Path, reason: &str) -> StoreError {
    StoreError::Unusable(format!("{}: {reason}", path.display()))
}
