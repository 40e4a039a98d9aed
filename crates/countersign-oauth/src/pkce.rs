//! Proof Key for Code Exchange: RFC 7636.
//!
//! Only `S256` exists here. `plain` would put the proof itself into the
//! authorization request, where whoever sees that request can use it, and
//! RFC 9700 §2.1.1 asks servers to refuse a downgrade. Every code has a
//! challenge, so that no code can be redeemed without a proof.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Secret;
use crate::jose::base64url;

/// The only transformation (RFC 7636 §4.2), as it is written in requests and metadata.
pub const S256: &str = "S256";

/// How long a challenge is: 32 bytes in base64url (RFC 7636 §4.2).
const CHALLENGE_CHARACTERS: usize = 43;

/// Why a proof key is refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PkceError {
    /// The challenge is not the base64url form of a SHA-256 digest.
    #[error("code_challenge must be 43 characters of base64url without padding")]
    Challenge,
    /// The verifier does not fit RFC 7636 §4.1.
    #[error("code_verifier must be 43 to 128 unreserved characters")]
    Verifier,
    /// No verifier was sent for a code that was asked for with a challenge.
    #[error("code_verifier is missing")]
    VerifierMissing,
    /// The verifier is not that of the challenge (RFC 7636 §4.6).
    #[error("code_verifier does not fit the code_challenge")]
    Mismatch,
}

/// `code_challenge` of the method `S256` (RFC 7636 §4.2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Checks that `text` is the canonical base64url form of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`PkceError::Challenge`] for every other text, padded ones included.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        let fits = text.len() == CHALLENGE_CHARACTERS && base64url::decode(text).is_some();
        fits.then(|| Self(text.to_owned()))
            .ok_or(PkceError::Challenge)
    }

    /// The challenge as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` is the proof for this challenge (RFC 7636 §4.6).
    ///
    /// # Errors
    ///
    /// [`PkceError::VerifierMissing`] or [`PkceError::Mismatch`]; to the client
    /// both are `invalid_grant`.
    ///
    /// # Security
    ///
    /// The comparison takes the same time wherever the two differ.
    pub fn check(&self, verifier: Option<&CodeVerifier>) -> Result<(), PkceError> {
        let verifier = verifier.ok_or(PkceError::VerifierMissing)?;
        verify_slices_are_equal(verifier.challenge().0.as_bytes(), self.0.as_bytes())
            .map_err(|_| PkceError::Mismatch)
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = PkceError;

    fn try_from(text: String) -> Result<Self, PkceError> {
        Self::parse(&text)
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> Self {
        challenge.0
    }
}

impl fmt::Debug for CodeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// `code_verifier` (RFC 7636 §4.1): a secret of the client until it redeems its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeVerifier(Secret);

impl CodeVerifier {
    /// Checks that `text` is 43 to 128 characters of `ALPHA / DIGIT / "-" / "." / "_" / "~"`.
    ///
    /// # Errors
    ///
    /// [`PkceError::Verifier`] for every other text.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&text.len()) || !text.bytes().all(unreserved) {
            return Err(PkceError::Verifier);
        }
        Ok(Self(Secret::new(text)))
    }

    /// A fresh verifier of 32 bytes that `random` draws, as RFC 7636 §4.1 recommends.
    /// With its [`challenge`](CodeVerifier::challenge) it is a pair.
    ///
    /// # Errors
    ///
    /// [`Unspecified`] if the generator failed.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        Ok(Self::from_random(bytes))
    }

    /// A verifier of the given random bytes (RFC 7636 §4.1 recommends 32).
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(Secret::new(base64url::encode(&bytes)))
    }

    /// The text that the client sends with its code.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))` (RFC 7636 §4.2).
    pub fn challenge(&self) -> CodeChallenge {
        let digest = digest::digest(&digest::SHA256, self.0.reveal().as_bytes());
        CodeChallenge(base64url::encode(digest.as_ref()))
    }
}
