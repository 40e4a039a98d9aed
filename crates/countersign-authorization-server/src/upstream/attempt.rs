//! What one attempt to log in at a provider keeps secret.

use countersign_oauth::Secret;
use countersign_oauth::pkce::CodeVerifier;

use crate::random::{Random, draw, draw_secret};
use crate::unavailable::Unavailable;

/// The secrets of one attempt. They are kept sealed, and the provider sees the second
/// one only with the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttemptSecrets {
    /// Comes back in the ID token (OpenID Connect Core §3.1.2.1).
    pub(super) nonce: Secret,
    /// Proves that the code comes from who began (RFC 7636 §4.1).
    pub(super) code_verifier: CodeVerifier,
}

impl AttemptSecrets {
    /// Fresh ones, of 256 random bits each.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the generator failed.
    pub(crate) fn generate(random: &dyn Random) -> Result<Self, Unavailable> {
        Ok(Self {
            nonce: draw_secret(random)?,
            code_verifier: CodeVerifier::from_random(draw(random)?),
        })
    }

    /// One text with both, for a seal and nothing else.
    pub(crate) fn to_text(&self) -> Secret {
        Secret::new(format!(
            "{} {}",
            self.nonce.reveal(),
            self.code_verifier.secret().reveal()
        ))
    }

    /// Reads what [`Self::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (nonce, code_verifier) = text.split_once(' ')?;
        Some(Self {
            nonce: Secret::new(nonce),
            code_verifier: CodeVerifier::parse(code_verifier).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemGenerator;

    #[test]
    fn what_was_sealed_is_read_back() {
        let attempt = AttemptSecrets::generate(&SystemGenerator).unwrap();
        let text = attempt.to_text();
        let read = AttemptSecrets::from_text(text.reveal()).unwrap();
        assert_eq!(read, attempt);
        assert_ne!(attempt, AttemptSecrets::generate(&SystemGenerator).unwrap());
        for wrong in ["", "nonce", "nonce short", " "] {
            assert!(AttemptSecrets::from_text(wrong).is_none(), "{wrong:?}");
        }
        assert!(!format!("{attempt:?}").contains(attempt.nonce.reveal()));
    }
}
