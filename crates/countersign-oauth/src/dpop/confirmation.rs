//! What a token is bound to: RFC 9449 §6.1, RFC 7800 §3.1.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::jose::base64url;
use crate::json::{Json, Object};

/// How long a thumbprint is: 32 bytes in base64url.
const CHARACTERS: usize = 43;

/// A `cnf` that is no binding to one key by its thumbprint.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the token is bound in a way that is not supported")]
#[non_exhaustive]
pub struct UnusableConfirmation;

/// The SHA-256 thumbprint of a public key in base64url (RFC 7638 §3): `jkt` and `dpop_jkt`
/// (RFC 9449 §6.1, §10). It is no secret. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(Arc<str>);

impl Thumbprint {
    /// Checks that `text` is the canonical base64url form of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`UnusableConfirmation`] for every other text.
    pub fn parse(text: &str) -> Result<Self, UnusableConfirmation> {
        let fits = text.len() == CHARACTERS && base64url::decode(text).is_some();
        fits.then(|| Self(text.into())).ok_or(UnusableConfirmation)
    }

    /// That of a key that was parsed.
    pub(super) fn of_key(text: &str) -> Self {
        Self(text.into())
    }

    /// The thumbprint as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = UnusableConfirmation;

    fn try_from(text: String) -> Result<Self, UnusableConfirmation> {
        Self::parse(&text)
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.as_str().to_owned()
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The key that the claim `cnf` binds a token to (RFC 9449 §6.1).
///
/// # Errors
///
/// [`UnusableConfirmation`] if it names no key by `jkt`, or anything besides: a second
/// confirmation, such as that of a certificate (RFC 8705 §3.1), would go unchecked.
pub fn confirmed_key(cnf: &Json<'_>) -> Result<Thumbprint, UnusableConfirmation> {
    let Json::Object(members) = cnf else {
        return Err(UnusableConfirmation);
    };
    sole_member(members).and_then(Thumbprint::parse)
}

fn sole_member<'o>(members: &'o Object<'_>) -> Result<&'o str, UnusableConfirmation> {
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some(("jkt", Json::Text(thumbprint))), None) => Ok(thumbprint),
        _ => Err(UnusableConfirmation),
    }
}
