//! Client identifiers: RFC 6749 §2.2 and appendix A.1.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest client id, in bytes; ids that are URLs included.
pub const MAX_CLIENT_ID_BYTES: usize = 2_048;

/// A text that is no client id.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a client id is 1 to 2048 visible ASCII characters or blanks")]
#[non_exhaustive]
pub struct InvalidClientId;

/// The id of a client, compared byte for byte. It is not a secret (RFC 6749 §2.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Checks the characters of `text`: `%x20-7E` (RFC 6749 appendix A.1).
    ///
    /// # Errors
    ///
    /// [`InvalidClientId`] if it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let fits = (1..=MAX_CLIENT_ID_BYTES).contains(&text.len());
        if !fits || !text.bytes().all(|byte| (0x20..=0x7E).contains(&byte)) {
            return Err(InvalidClientId);
        }
        Ok(Self(Arc::from(text)))
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;

    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
