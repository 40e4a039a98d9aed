//! The keys that seal: read from a file or the environment, newest first.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::Secret;
use zeroize::Zeroizing;

use crate::secret_hash::digest_of;

/// The length of a key, in bytes.
const KEY_LEN: usize = 32;

/// The beginning of the digest of a key. It is made from the key, so that a key cannot
/// be filed under the name of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// One key or more. The newest seals, all open.
pub struct SealingKeys {
    newest: (KeyId, LessSafeKey),
    older: Vec<(KeyId, LessSafeKey)>,
}

/// Why the sealing keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeysError {
    /// There is no key in the text.
    #[error("there is no sealing key: expected one a line, newest first")]
    Empty,
    /// A line is no key.
    #[error(
        "line {0} of the sealing keys is no key: expected 32 bytes as 43 characters of base64url"
    )]
    Malformed(usize),
    /// The same key is there twice.
    #[error("line {0} of the sealing keys repeats a key")]
    Repeated(usize),
    /// The file cannot be read or written.
    #[error("the file of the sealing keys, {path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl SealingKeys {
    /// Reads keys from `text`: one a line, newest first, each 32 bytes in base64url
    /// without padding. Blank lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    ///
    /// [`SealingKeysError`] naming the line, never what is on it.
    pub fn parse(text: &Secret) -> Result<Self, SealingKeysError> {
        let mut keys: Vec<(KeyId, LessSafeKey)> = Vec::new();
        for (number, line) in (1..).zip(text.reveal().lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, key) = read_key(line).ok_or(SealingKeysError::Malformed(number))?;
            if keys.iter().any(|(known, _)| *known == id) {
                return Err(SealingKeysError::Repeated(number));
            }
            keys.push((id, key));
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            newest: keys.next().ok_or(SealingKeysError::Empty)?,
            older: keys.collect(),
        })
    }

    /// Reads keys from the file at `path`, which must belong to its owner alone.
    ///
    /// # Errors
    ///
    /// [`SealingKeysError`].
    pub fn from_file(path: &Path) -> Result<Self, SealingKeysError> {
        let failed = |reason: String| SealingKeysError::File {
            path: path.display().to_string(),
            reason,
        };
        let metadata = fs::symlink_metadata(path).map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is not a regular file".to_owned()));
        }
        if let Some(mode) = crate::owner_only::looser_mode(&metadata) {
            return Err(failed(format!(
                "others may use it (mode {mode:04o}): run chmod 600 on it"
            )));
        }
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&Secret::new(text))
    }

    /// Writes a file with the one key made of `drawn`, for its owner alone, where
    /// there is none yet.
    ///
    /// # Errors
    ///
    /// [`SealingKeysError::File`], also if there is a file already.
    pub fn create_file(path: &Path, drawn: [u8; KEY_LEN]) -> Result<Self, SealingKeysError> {
        let text = Self::text_of(drawn);
        let keys = Self::parse(&text)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", keys.newest_id()));
        write_new(path, Path::new(&beside), text.reveal()).map_err(|error| {
            SealingKeysError::File {
                path: path.display().to_string(),
                reason: error.to_string(),
            }
        })?;
        Ok(keys)
    }

    /// The line for the key made of `drawn`, 32 fresh bytes from a cryptographic
    /// generator. To rotate, put it before the others.
    pub fn text_of(drawn: [u8; KEY_LEN]) -> Secret {
        let drawn = Zeroizing::new(drawn);
        Secret::new(URL_SAFE_NO_PAD.encode(*drawn) + "\n")
    }

    /// The id of the key that seals.
    pub fn newest_id(&self) -> KeyId {
        self.newest.0
    }

    /// The ids of all keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .map(|(id, _)| *id)
    }

    pub(super) fn newest(&self) -> (KeyId, &LessSafeKey) {
        (self.newest.0, &self.newest.1)
    }

    pub(super) fn find(&self, id: KeyId) -> Option<&LessSafeKey> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|(known, _)| *known == id)
            .map(|(_, key)| key)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn read_key(line: &str) -> Option<(KeyId, LessSafeKey)> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(line).ok()?);
    let bytes: &[u8; KEY_LEN] = bytes.as_slice().try_into().ok()?;
    let digest = digest_of("countersign sealing key id 1", &[bytes]);
    let id = KeyId(*digest.first_chunk()?);
    let key = UnboundKey::new(&AES_256_GCM, bytes).ok()?;
    Some((id, LessSafeKey::new(key)))
}

/// Makes the file at once and whole: a process that dies in between leaves none at
/// `path`, and of two that begin together one fails with `AlreadyExists`.
fn write_new(path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    write(beside, text)?;
    let linked = fs::hard_link(beside, path);
    fs::remove_file(beside)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has hard links.
        Err(_) => write(path, text)?,
    }
    #[cfg(unix)]
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    crate::owner_only::on_creation(&mut options);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
