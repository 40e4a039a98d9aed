//! The text of a key: `<prefix>_<id: 12><_><secret: 32><checksum: 6>`, in base 62.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::checksum::{base62, crc32};
use super::{ApiKeyId, ID};
use crate::Secret;

/// Half of the characters of a secret: as many digits as one number is good for.
const HALF: usize = 16;
const SECRET: usize = 2 * HALF;
const CHECKSUM: usize = 6;
/// What follows the prefix.
const REST: usize = 1 + ID + 1 + SECRET + CHECKSUM;
/// The prefix unless another one is chosen: "countersign key".
const USUAL: &str = "csk";
/// The longest prefix.
const LONGEST_PREFIX: usize = 24;

/// What keys look like: all the same but for their prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyFormat {
    prefix: Cow<'static, str>,
}

/// A key that was just made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewApiKey {
    /// By which it is found.
    pub id: ApiKeyId,
    /// The whole key.
    pub text: Secret,
}

/// Why a prefix cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the prefix of API keys has 2 to 24 small letters, digits and single `_` between them, and \
     begins with a letter"
)]
#[non_exhaustive]
pub struct InvalidApiKeyPrefix;

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a text that is of others may be judged by others, and nothing else may"
)]
pub enum MalformedApiKey {
    /// It begins otherwise: it is of somebody else.
    #[error("the text does not begin like an API key")]
    OtherPrefix,
    /// It is too short or too long.
    #[error("the API key does not have the length that keys have")]
    Length,
    /// It has a character that no key has.
    #[error("the API key has characters that no key has")]
    Characters,
    /// It was not copied as it is.
    #[error("the checksum of the API key does not fit")]
    Checksum,
}

impl Default for ApiKeyFormat {
    fn default() -> Self {
        Self {
            prefix: Cow::Borrowed(USUAL),
        }
    }
}

impl ApiKeyFormat {
    /// How many random bytes a key is made of.
    pub const RANDOM_BYTES: usize = 48;

    /// Keys that begin with `prefix` and `_`, such as `acme` for `acme_…`.
    ///
    /// # Errors
    ///
    /// [`InvalidApiKeyPrefix`] says what a prefix is.
    pub fn new(prefix: impl Into<String>) -> Result<Self, InvalidApiKeyPrefix> {
        let prefix = prefix.into();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_good = (2..=LONGEST_PREFIX).contains(&prefix.len())
            && prefix.bytes().all(fits)
            && prefix.starts_with(|first: char| first.is_ascii_lowercase())
            && !prefix.ends_with('_')
            && !prefix.contains("__");
        if is_good {
            Ok(Self {
                prefix: Cow::Owned(prefix),
            })
        } else {
            Err(InvalidApiKeyPrefix)
        }
    }

    /// What stands before the first `_` of a key that is not part of it.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether `text` begins like a key: then nobody else has to judge it.
    pub fn recognises(&self, text: &str) -> bool {
        text.strip_prefix(self.prefix.as_ref())
            .is_some_and(|rest| rest.starts_with('_'))
    }

    /// The id of the key `text`, which was typed or copied without a mistake. Nothing else
    /// is established: anybody can make a text that fits.
    ///
    /// # Errors
    ///
    /// [`MalformedApiKey`], after looking at the text alone.
    pub fn parse(&self, text: &str) -> Result<ApiKeyId, MalformedApiKey> {
        if !self.recognises(text) {
            return Err(MalformedApiKey::OtherPrefix);
        }
        if text.len() != self.prefix.len() + REST {
            return Err(MalformedApiKey::Length);
        }
        let rest = text.strip_prefix(self.prefix.as_ref());
        let rest = rest.and_then(|rest| rest.strip_prefix('_'));
        let parts = rest.and_then(|rest| rest.split_once('_'));
        let (id, secret) = parts.ok_or(MalformedApiKey::Characters)?;
        let id = ApiKeyId::parse(id).ok_or(MalformedApiKey::Characters)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(MalformedApiKey::Characters);
        }
        let body = text.len().saturating_sub(CHECKSUM);
        let (body, checksum) = text
            .split_at_checked(body)
            .ok_or(MalformedApiKey::Characters)?;
        if checksum_of(body) != checksum {
            return Err(MalformedApiKey::Checksum);
        }
        Ok(id)
    }

    /// The key that is made of `random`, which nobody may know or guess: bytes of a
    /// generator, used once.
    pub fn compose(&self, random: &[u8; Self::RANDOM_BYTES]) -> NewApiKey {
        // 2^128 is more than 2^32 times what the digits can say, so that the remainder
        // prefers no text by more than that fraction.
        let mut numbers = random.chunks_exact(16).map(|bytes| {
            let bytes = bytes.iter().copied();
            bytes.fold(0_u128, |number, byte| number << 8 | u128::from(byte))
        });
        let mut digits = |width| base62(numbers.next().unwrap_or_default(), width);
        let (id, first, second) = (digits(ID), digits(HALF), digits(HALF));
        let mut text = format!("{}_{id}_{first}{second}", self.prefix);
        text.push_str(&checksum_of(&text));
        NewApiKey {
            id: ApiKeyId(id),
            text: Secret::new(text),
        }
    }

    /// A regular expression that finds keys in files, for scanners of secrets.
    pub fn pattern(&self) -> String {
        format!(
            r"\b{}_[0-9A-Za-z]{{{ID}}}_[0-9A-Za-z]{{{}}}\b",
            self.prefix,
            SECRET + CHECKSUM
        )
    }
}

impl fmt::Display for ApiKeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_…", self.prefix)
    }
}

fn checksum_of(body: &str) -> String {
    base62(crc32(body.as_bytes()).into(), CHECKSUM)
}
