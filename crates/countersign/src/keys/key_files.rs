//! Key pairs in files. The private key is readable by its owner alone, whatever the
//! umask, and neither file ever replaces another.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use countersign_resource_server::oauth::Secret;
use thiserror::Error;

use super::key_pair::{KeyPair, KeyPairError};

/// The name of the file with the private key.
pub const PRIVATE_KEY_FILE: &str = "private.pem";
/// The name of the file with the public key.
pub const PUBLIC_KEY_FILE: &str = "public.pem";
/// A key file is never larger.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a saved key pair is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFiles {
    /// The private key.
    pub private: PathBuf,
    /// The public key.
    pub public: PathBuf,
}

/// Why a key file could not be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Keys are never overwritten.
    #[error("{0} exists already; it is not overwritten")]
    Exists(PathBuf),
    /// There is no such file.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// The file is not a key.
    #[error("{path}: {error}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyPairError,
    },
    /// The operating system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl KeyFiles {
    /// The files a pair has in `directory`.
    pub fn of(directory: &Path) -> Self {
        Self {
            private: directory.join(PRIVATE_KEY_FILE),
            public: directory.join(PUBLIC_KEY_FILE),
        }
    }
}

impl KeyPair {
    /// Writes [`PRIVATE_KEY_FILE`] and [`PUBLIC_KEY_FILE`] into `directory`, which is
    /// made if it does not exist, for its owner alone.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Exists`] if either file is there, also as a link to elsewhere;
    /// then nothing is left behind. [`KeyFileError::Io`] if they cannot be written.
    ///
    /// # Security
    ///
    /// The private key is stored as it is; its file has mode 0600.
    pub fn save(&self, directory: &Path) -> Result<KeyFiles, KeyFileError> {
        make_directory(directory)?;
        let files = KeyFiles::of(directory);
        let mut private = create(&files.private, 0o600)?;
        let written = create(&files.public, 0o644).and_then(|mut public| {
            write(&mut private, &files.private, self.private_pem().reveal())
                .and_then(|()| write(&mut public, &files.public, self.public_pem()))
                .inspect_err(|_| drop(fs::remove_file(&files.public)))
        });
        if let Err(error) = written {
            // Both files are ours or none: this one was made above.
            drop(fs::remove_file(&files.private));
            return Err(error);
        }
        Ok(files)
    }

    /// Reads the private key in `file` (PKCS#8 PEM, at most 64 KiB).
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Missing`], [`KeyFileError::Key`] if it is no private key, and
    /// [`KeyFileError::Io`] if it cannot be read.
    pub fn load(file: &Path) -> Result<Self, KeyFileError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing(file.into()),
            _ => KeyFileError::Io {
                path: file.into(),
                error,
            },
        };
        let mut pem = String::new();
        File::open(file)
            .and_then(|opened| opened.take(MAX_BYTES).read_to_string(&mut pem))
            .map_err(failed)?;
        Self::from_pem(&Secret::new(pem)).map_err(|error| KeyFileError::Key {
            path: file.into(),
            error,
        })
    }
}

fn make_directory(directory: &Path) -> Result<(), KeyFileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| KeyFileError::Io {
        path: directory.into(),
        error,
    })
}

/// Makes a new file: an existing one is refused, and so is a link (`O_EXCL`).
fn create(path: &Path, mode: u32) -> Result<File, KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.into()),
        _ => KeyFileError::Io {
            path: path.into(),
            error,
        },
    })?;
    // The umask may have taken bits away from the owner of a private key as well.
    #[cfg(unix)]
    if mode == 0o600 {
        drop(file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)));
    }
    #[cfg(not(unix))]
    let _ = mode;
    Ok(file)
}

fn write(file: &mut File, path: &Path, text: &str) -> Result<(), KeyFileError> {
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| KeyFileError::Io {
            path: path.into(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_resource_server::oauth::jose::Algorithm;

    fn keys() -> KeyPair {
        KeyPair::generate(Algorithm::EdDSA).unwrap()
    }

    #[test]
    fn an_existing_file_of_either_name_is_kept_and_nothing_is_left_behind() {
        for name in [PRIVATE_KEY_FILE, PUBLIC_KEY_FILE] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "mine").unwrap();
            let refused = keys().save(folder.path()).unwrap_err();
            assert!(matches!(refused, KeyFileError::Exists(path) if path.ends_with(name)));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            assert_eq!(
                fs::read_to_string(folder.path().join(name)).unwrap(),
                "mine"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn h7_a_link_in_the_place_of_a_key_is_not_followed() {
        for name in [PRIVATE_KEY_FILE, PUBLIC_KEY_FILE] {
            let folder = tempfile::tempdir().unwrap();
            let elsewhere = folder.path().join("elsewhere");
            let directory = folder.path().join("keys");
            fs::create_dir(&directory).unwrap();
            std::os::unix::fs::symlink(&elsewhere, directory.join(name)).unwrap();
            let refused = keys().save(&directory).unwrap_err();
            assert!(matches!(refused, KeyFileError::Exists(_)));
            assert!(!elsewhere.exists());
        }
    }

    #[cfg(unix)]
    #[test]
    fn h7_the_private_key_and_its_folder_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/keys");
        let files = keys().save(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&files.private), 0o600);
        assert_eq!(mode(&directory), 0o700);
    }

    #[test]
    fn a_missing_file_and_a_file_without_a_key_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        assert!(matches!(KeyPair::load(&file), Err(KeyFileError::Missing(path)) if path == file));
        fs::write(&file, "canary").unwrap();
        let refused = KeyPair::load(&file).unwrap_err();
        assert!(matches!(refused, KeyFileError::Key { .. }));
        assert!(!refused.to_string().contains("canary"));
        assert!(matches!(
            KeyPair::load(folder.path()),
            Err(KeyFileError::Io { .. })
        ));
    }

    #[test]
    fn a_saved_pair_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let made = keys();
        let files = made.save(folder.path()).unwrap();
        let read = KeyPair::load(&files.private).unwrap();
        assert_eq!(read.kid(), made.kid());
        assert_eq!(
            fs::read_to_string(&files.public).unwrap(),
            made.public_pem()
        );
    }
}
