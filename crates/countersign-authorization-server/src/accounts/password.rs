//! Passwords that people choose: NIST SP 800-63B §3.1.1.2, length and nothing else.

use countersign_oauth::Secret;
use thiserror::Error;

/// A password of 8 to 1024 bytes. It is compared byte for byte.
#[derive(Clone, Debug)]
pub struct Password(Secret);

/// Why a password is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// It is too short.
    #[error("a password has at least 8 characters")]
    TooShort,
    /// It is too long.
    #[error("a password has at most 1024 bytes")]
    TooLong,
}

impl Password {
    /// Checks the length: at least 8 characters, at most 1024 bytes. Any character
    /// counts, blanks included.
    ///
    /// # Errors
    ///
    /// [`InvalidPassword`] naming the bound.
    pub fn new(text: Secret) -> Result<Self, InvalidPassword> {
        if text.reveal().len() > 1_024 {
            return Err(InvalidPassword::TooLong);
        }
        if text.reveal().chars().count() < 8 {
            return Err(InvalidPassword::TooShort);
        }
        Ok(Self(text))
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.0
    }
}
