//! A key that tokens are bound to: RFC 9449 §4.2, RFC 7638.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::Secret;
use countersign_oauth::jose::SigningKey;

use super::ALGORITHM;
use crate::error::OAuthError;

/// A private key for proofs.
pub struct ProofKey {
    signing: SigningKey,
    pem: Secret,
    thumbprint: String,
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl ProofKey {
    /// A fresh key.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if the generator failed.
    pub fn generate() -> Result<Self, OAuthError> {
        let pem = SigningKey::generate_pkcs8_pem(ALGORITHM, &SystemRandom::new());
        Self::from_pem(&pem.map_err(|error| OAuthError::NotPermitted(error.to_string()))?)
    }

    /// Reads a key that was kept, in PKCS#8 as PEM.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Store`] if it is none.
    pub fn from_pem(pem: &Secret) -> Result<Self, OAuthError> {
        let no_key = || OAuthError::Store("the key that tokens are bound to is none".to_owned());
        let signing = SigningKey::from_pkcs8_pem(pem).map_err(|_| no_key())?;
        let thumbprint = signing.verifying_key().thumbprint().ok_or_else(no_key)?;
        Ok(Self {
            thumbprint: thumbprint.to_owned(),
            signing,
            pem: pem.clone(),
        })
    }

    /// The key as it is kept.
    pub const fn pem(&self) -> &Secret {
        &self.pem
    }

    /// What requests name it by (`dpop_jkt`, RFC 9449 §10).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(super) const fn signing(&self) -> &SigningKey {
        &self.signing
    }
}
