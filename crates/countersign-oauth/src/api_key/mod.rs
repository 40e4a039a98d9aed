//! API keys: what they look like, and what is kept of them.
//!
//! A key is `csk_<id>_<secret><checksum>`. The prefix says what it is, so that scanners
//! find one that leaked; the checksum says whether it was copied whole, so that typing
//! errors and texts of others fail before anything is looked up. The id is no secret: it
//! finds the record, and is what people see. Of the whole key a digest is kept.
//!
//! What this module does not do: it draws no randomness and keeps nothing.

mod checksum;
mod format;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use format::{ApiKeyFormat, InvalidApiKeyPrefix, MalformedApiKey, NewApiKey};

use crate::Secret;
use crate::jose::base64url;

/// How many characters an id has.
const ID: usize = 12;

/// By which a key is found and named: 12 letters and digits. It is no secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    /// Reads an id as people and lists give it; nothing for other text, such as a whole
    /// key.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == ID && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyId({})", self.0)
    }
}

impl<'de> Deserialize<'de> for ApiKeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not the id of an API key"))
    }
}

/// The SHA-256 digest of the whole text of a key, which serializes as base64url.
///
/// # Security
///
/// A plain digest is enough because 190 bits of a key are random. It is not for passwords.
#[derive(Clone, Copy)]
pub struct ApiKeyDigest([u8; 32]);

impl ApiKeyDigest {
    /// The digest of `text`.
    pub fn of(text: &Secret) -> Self {
        let digest = digest(&SHA256, text.reveal().as_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The digest of no text that anybody knows: to compare with where there is no key, so
    /// that it takes as long as where there is one.
    pub const fn of_nothing() -> Self {
        Self([0; 32])
    }

    /// Whether it is the digest of `presented`, in constant time.
    pub fn matches(&self, presented: &Secret) -> bool {
        *self == Self::of(presented)
    }

    /// 43 characters of base64url.
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }

    /// Reads what [`Self::to_text`] wrote; nothing for other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base64url::decode(text)?;
        bytes.try_into().ok().map(Self)
    }
}

impl PartialEq for ApiKeyDigest {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for ApiKeyDigest {}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest(redacted)")
    }
}

impl Serialize for ApiKeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for ApiKeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not the digest of an API key"))
    }
}
