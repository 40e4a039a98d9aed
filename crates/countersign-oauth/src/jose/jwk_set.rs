//! Sets of keys: RFC 7517 §5, and the choice of a key: RFC 7515 §4.1.4, RFC 8725 §3.
//!
//! One bad key never spoils a set: it is skipped with a warning, and a token
//! that names it finds no key. Two different keys under one id are both
//! skipped, because a guess between them would be a choice of the attacker.

use std::collections::BTreeSet;

use serde_json::Value;

use super::algorithm::Algorithm;
use super::error::{JwkSetError, JwsError, KeyError};
use super::header::Header;
use super::key::VerifyingKey;
use crate::json;

/// The largest number of keys in a set.
pub const MAX_KEYS: usize = 100;

/// Where a key set came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no third place")]
pub enum KeyOrigin {
    /// Fetched from an issuer. Symmetric keys in it are skipped.
    Remote,
    /// Configured here. Symmetric keys are allowed.
    Local,
}

/// Keys of one issuer.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
    ambiguous: BTreeSet<String>,
    origin: KeyOrigin,
}

/// A key set and what was wrong with the keys that are not in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParsedSet {
    /// The usable keys.
    pub set: JwkSet,
    /// One entry for each key that was skipped.
    pub warnings: Vec<KeyWarning>,
}

/// A key that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyWarning {
    /// The position in `keys`, from 0.
    pub position: usize,
    /// The id of the key, if it has a readable one, cut to 64 characters.
    pub kid: Option<String>,
    /// Why it was skipped.
    pub reason: KeyError,
}

impl KeyWarning {
    /// Whether somebody must act: the issuer publishes a private or shared key.
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self.reason,
            KeyError::PrivateMembers | KeyError::SymmetricFromRemote
        )
    }
}

impl JwkSet {
    /// Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are skipped.
    ///
    /// `bytes` is the whole document; its size is limited by whoever fetched it.
    ///
    /// # Errors
    ///
    /// [`JwkSetError`] if it is no strict JSON, has no array `keys`, or has more
    /// than [`MAX_KEYS`] of them. A set without a usable key is no error.
    pub fn parse(bytes: &[u8], origin: KeyOrigin) -> Result<ParsedSet, JwkSetError> {
        let document = json::parse_object(bytes)?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(JwkSetError::KeysMissing);
        };
        if entries.len() > MAX_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut keys = Vec::with_capacity(entries.len());
        let mut warnings = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            match parse_entry(entry, origin) {
                Ok(key) => keys.push((position, key)),
                Err(reason) => {
                    let kid = entry.get("kid").and_then(Value::as_str).map(shortened);
                    warnings.push(KeyWarning {
                        position,
                        kid,
                        reason,
                    });
                }
            }
        }
        let ambiguous = ambiguous_ids(keys.iter().map(|(_, key)| key));
        keys.retain(|(position, key)| {
            let Some(kid) = key.kid().filter(|kid| ambiguous.contains(*kid)) else {
                return true;
            };
            let (kid, reason) = (Some(shortened(kid)), KeyError::DuplicateKeyId);
            warnings.push(KeyWarning {
                position: *position,
                kid,
                reason,
            });
            false
        });
        let keys = keys.into_iter().map(|(_, key)| key).collect();
        Ok(ParsedSet {
            set: Self {
                keys,
                ambiguous,
                origin,
            },
            warnings,
        })
    }

    /// Keys that are configured here. Different keys under one id are dropped.
    pub fn from_keys(mut keys: Vec<VerifyingKey>) -> Self {
        let ambiguous = ambiguous_ids(keys.iter());
        keys.retain(|key| key.kid().is_none_or(|kid| !ambiguous.contains(kid)));
        Self {
            keys,
            ambiguous,
            origin: KeyOrigin::Local,
        }
    }

    /// The usable keys, in the order of the document.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key has the id `kid`.
    pub fn contains_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The one key that may verify a token with this header.
    ///
    /// `kid` is compared byte for byte. A token without one is verified only if
    /// exactly one key fits its algorithm. A token with an id that no key has is
    /// refused, except where the keys are configured here without ids: then the
    /// only key without an id that fits the algorithm is used, because the id
    /// is a hint (RFC 7515 §4.1.4) and the operator named no other.
    pub(super) fn select(&self, header: &Header) -> Result<&VerifyingKey, JwsError> {
        let Some(kid) = &header.kid else {
            return self
                .only(|key| key.allows(header.alg))
                .map_err(|found| found.without_id());
        };
        if self.ambiguous.contains(kid) {
            return Err(JwsError::AmbiguousKeyId);
        }
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.kid() == Some(kid))
            .peekable();
        if named.peek().is_some() {
            // Several entries may hold one key, each declared for another algorithm.
            return named
                .find(|key| key.allows(header.alg))
                .ok_or(JwsError::KeyMismatch);
        }
        match self.origin {
            KeyOrigin::Remote => Err(JwsError::UnknownKeyId),
            KeyOrigin::Local => self
                .only(|key| key.kid().is_none() && key.allows(header.alg))
                .map_err(|_| JwsError::UnknownKeyId),
        }
    }

    fn only(&self, fits: impl Fn(&VerifyingKey) -> bool) -> Result<&VerifyingKey, Count> {
        let mut candidates = self.keys.iter().filter(|key| fits(key));
        let first = candidates.next().ok_or(Count::None)?;
        if candidates.all(|key| key.is_same_key(first)) {
            Ok(first)
        } else {
            Err(Count::Several)
        }
    }

    /// Whether some key could verify one of `algorithms`.
    pub fn allows_any(&self, algorithms: &[Algorithm]) -> bool {
        algorithms
            .iter()
            .any(|algorithm| self.keys.iter().any(|key| key.allows(*algorithm)))
    }
}

/// How many keys there are where exactly one is needed.
enum Count {
    None,
    Several,
}

impl Count {
    const fn without_id(&self) -> JwsError {
        match self {
            Self::None => JwsError::NoCandidateKey,
            Self::Several => JwsError::SeveralCandidateKeys,
        }
    }
}

fn parse_entry(entry: &Value, origin: KeyOrigin) -> Result<VerifyingKey, KeyError> {
    let jwk = entry.as_object().ok_or(KeyError::Malformed)?;
    if origin == KeyOrigin::Remote && jwk.get("kty").is_some_and(|kty| kty == "oct") {
        return Err(KeyError::SymmetricFromRemote);
    }
    VerifyingKey::from_jwk(jwk)
}

/// The ids that stand for more than one key.
fn ambiguous_ids<'a>(keys: impl Iterator<Item = &'a VerifyingKey> + Clone) -> BTreeSet<String> {
    let mut ambiguous = BTreeSet::new();
    for key in keys.clone() {
        let Some(kid) = key.kid() else { continue };
        if keys
            .clone()
            .any(|other| other.kid() == Some(kid) && !other.is_same_key(key))
        {
            ambiguous.insert(kid.to_owned());
        }
    }
    ambiguous
}

fn shortened(kid: &str) -> String {
    kid.chars().take(64).collect()
}
