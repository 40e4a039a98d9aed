//! Sealed copies of what must be read back: AES-256-GCM, bound to one place.
//!
//! A ciphertext opens only at the [`Place`] for which it was sealed: in a database that is
//! the kind, the id and the column, so that swapping two of them is noticed. The envelope names
//! its key; the newest key seals, every key opens, and [`SealingKeys::reseal`] moves a
//! copy to the newest.

mod keys;
mod stored;

use std::fmt;

use aws_lc_rs::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

pub use keys::{KeyId, SealingKeys, SealingKeysError};
pub use stored::StoredSealError;

use crate::Key;
use crate::secret_hash::digest_of;

/// Changes with the format.
const VERSION: u8 = 1;

/// 12 fresh bytes from a cryptographic generator, for one sealing.
pub type FreshNonce = [u8; NONCE_LEN];

/// Which sealed copy of a record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "they are the sealed columns of a record"
)]
pub enum Column {
    /// [`crate::Record::sealed`].
    Sealed,
    /// The receipt of [`crate::Status::Used`].
    Receipt,
}

impl Column {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Receipt => "receipt",
        }
    }
}

/// Ciphertext with its version, the id of its key and its nonce.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// What a backend keeps.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For backends: what was kept. It is judged when it is opened.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The key that opens it, as the envelope says; nothing if this is no envelope.
    pub fn key_id(&self) -> Option<KeyId> {
        Some(self.parts()?.0)
    }

    fn parts(&self) -> Option<(KeyId, FreshNonce, &[u8])> {
        let (&version, rest) = self.0.split_first()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        (version == VERSION && rest.len() >= MAX_TAG_LEN).then_some((
            KeyId::from_bytes(*key_id),
            *nonce,
            rest,
        ))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Why a copy does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It was sealed with a key that is not given.
    #[error("it is sealed with the key {0}, which is not among the sealing keys")]
    UnknownKey(KeyId),
    /// It is no envelope, was altered, or belongs to another place.
    #[error("the seal is broken")]
    Broken,
}

/// The ciphertext cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the cryptographic library refused to seal")]
#[non_exhaustive]
pub struct SealError;

/// What a ciphertext is bound to. It opens nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place([u8; 32]);

impl Place {
    /// The place that `parts` name together. `purpose` keeps those who seal apart: it is
    /// written into the program, ends in the number of its format, and is used for
    /// nothing else.
    pub fn new(purpose: &str, parts: &[&[u8]]) -> Self {
        Self(digest_of(purpose, parts))
    }

    /// 43 characters of base64url, good as the name of a file.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// `column` of the record under `key`.
    fn of(key: &Key, column: Column) -> Self {
        Self::new(
            "countersign sealed 1",
            &[
                key.kind().as_str().as_bytes(),
                key.id().as_bytes(),
                column.as_str().as_bytes(),
            ],
        )
    }
}

impl SealingKeys {
    /// Seals `plaintext` for `column` of the record under `key`, with the newest key.
    ///
    /// # Errors
    ///
    /// [`SealError`] if the library refuses, as for a plaintext of many gigabytes.
    ///
    /// # Security
    ///
    /// A nonce that is used twice gives both plaintexts away.
    pub fn seal(
        &self,
        key: &Key,
        column: Column,
        plaintext: &[u8],
        nonce: FreshNonce,
    ) -> Result<Sealed, SealError> {
        self.seal_at(&Place::of(key, column), plaintext, nonce)
    }

    /// Seals `plaintext` for `place`, with the newest key.
    ///
    /// # Errors
    ///
    /// [`SealError`] if the library refuses, as for a plaintext of many gigabytes.
    ///
    /// # Security
    ///
    /// A nonce that is used twice gives both plaintexts away.
    pub fn seal_at(
        &self,
        place: &Place,
        plaintext: &[u8],
        nonce: FreshNonce,
    ) -> Result<Sealed, SealError> {
        let (id, cipher) = self.newest();
        let mut sealed = Vec::with_capacity(plaintext.len() + MAX_TAG_LEN);
        sealed.extend_from_slice(plaintext);
        cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.0),
                &mut sealed,
            )
            .map_err(|_| SealError)?;
        let mut envelope = vec![VERSION];
        envelope.extend_from_slice(id.as_bytes());
        envelope.extend_from_slice(&nonce);
        envelope.append(&mut sealed);
        Ok(Sealed(envelope))
    }

    /// Opens what was sealed for `column` of the record under `key`.
    ///
    /// # Errors
    ///
    /// [`OpenError`], without telling what is wrong with a broken seal.
    pub fn open(
        &self,
        key: &Key,
        column: Column,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_at(&Place::of(key, column), sealed)
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    ///
    /// [`OpenError`], without telling what is wrong with a broken seal.
    pub fn open_at(&self, place: &Place, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, nonce, ciphertext) = sealed.parts().ok_or(OpenError::Broken)?;
        let cipher = self.find(id).ok_or(OpenError::UnknownKey(id))?;
        let mut opened = Zeroizing::new(ciphertext.to_vec());
        let length = cipher
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.0),
                &mut opened,
            )
            .map_err(|_| OpenError::Broken)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }

    /// The same plaintext sealed with the newest key; nothing if it already is.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if it does not open.
    pub fn reseal(
        &self,
        key: &Key,
        column: Column,
        sealed: &Sealed,
        nonce: FreshNonce,
    ) -> Result<Option<Sealed>, OpenError> {
        if sealed.key_id() == Some(self.newest_id()) {
            return Ok(None);
        }
        let opened = self.open(key, column, sealed)?;
        self.seal(key, column, &opened, nonce)
            .map(Some)
            .map_err(|_| OpenError::Broken)
    }
}
