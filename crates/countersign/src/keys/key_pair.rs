//! A private key with its public half: RFC 7517, RFC 7638.

use std::fmt;

use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::jose::{Algorithm, KeyError, SignError, SigningKey};
use thiserror::Error;

use super::random::SystemRandom;

/// Why there is no key pair, or no token signed by it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyPairError {
    /// The key cannot sign. The text holds no part of it.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The key has no public half to publish.
    #[error("the key has no public half")]
    NoPublicHalf,
    /// A claim was set that has its own method (RFC 7519 §4.1, RFC 9068 §2.2).
    #[error("the claim {0} is written by the token itself; use the option of that name")]
    RegisteredClaim(String),
    /// A scope is not a scope token (RFC 6749 §3.3).
    #[error("a scope is printable ASCII without space, quote or backslash")]
    Scope,
    /// The generator of the operating system failed.
    #[error("the random generator of the operating system failed")]
    Random,
}

impl From<KeyError> for KeyPairError {
    fn from(error: KeyError) -> Self {
        Self::Sign(SignError::Key(error))
    }
}

/// A private key that signs test tokens, and the public key a server verifies them with.
///
/// Its `kid` is the thumbprint of the public key (RFC 7638 §3).
pub struct KeyPair {
    signing_key: SigningKey,
    private_pem: Secret,
    public_pem: String,
}

impl KeyPair {
    /// Makes a new pair for `algorithm`: RS256 to PS512 (3072 bits), ES256 to ES512
    /// or `EdDSA`. ES256 is the usual choice.
    ///
    /// # Errors
    ///
    /// [`KeyPairError::Sign`] for an HMAC algorithm, which has no pair, or if the
    /// generator of the operating system failed.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyPairError> {
        let pem = SigningKey::generate_pkcs8_pem(algorithm, &SystemRandom::new())?;
        Self::assemble(
            SigningKey::from_pkcs8_pem(&pem)?.with_algorithm(algorithm)?,
            pem,
        )
    }

    /// Reads a private key from a PKCS#8 PEM block `PRIVATE KEY` (RFC 5958 §2). The
    /// algorithm follows from the key: RS256, ES256, ES384, ES512 or `EdDSA`.
    ///
    /// # Errors
    ///
    /// [`KeyPairError::Sign`] if it is no such key, or one too weak to be used.
    pub fn from_pem(private_pem: &Secret) -> Result<Self, KeyPairError> {
        Self::assemble(
            SigningKey::from_pkcs8_pem(private_pem)?,
            private_pem.clone(),
        )
    }

    fn assemble(signing_key: SigningKey, private_pem: Secret) -> Result<Self, KeyPairError> {
        let kid = signing_key.verifying_key().thumbprint();
        let kid = kid.ok_or(KeyPairError::NoPublicHalf)?.to_owned();
        let signing_key = signing_key.with_kid(kid)?;
        let public_pem = signing_key.public_pem();
        Ok(Self {
            public_pem: public_pem.ok_or(KeyPairError::NoPublicHalf)?,
            signing_key,
            private_pem,
        })
    }

    /// The algorithm of the signatures.
    pub const fn algorithm(&self) -> Algorithm {
        self.signing_key.algorithm()
    }

    /// The id of the key in the header of its tokens: its thumbprint (RFC 7638 §3).
    pub fn kid(&self) -> &str {
        self.signing_key.verifying_key().kid().unwrap_or_default()
    }

    /// The public key as a PEM block `PUBLIC KEY`, for a server to verify with.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The private key as a PEM block `PRIVATE KEY`.
    ///
    /// # Security
    ///
    /// Whoever has it can make any token this pair's servers accept.
    pub const fn private_pem(&self) -> &Secret {
        &self.private_pem
    }

    /// The public key as a set with one member (RFC 7517 §5), as JSON text, the way
    /// an issuer publishes it.
    pub fn public_jwk_set(&self) -> String {
        let keys: Vec<_> = self.signing_key.public_jwk().into_iter().collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    /// The key that signs.
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hmac_algorithm_has_no_pair() {
        let refused = KeyPair::generate(Algorithm::HS256).unwrap_err();
        assert!(matches!(refused, KeyPairError::Sign(SignError::NoKeyPair)));
    }

    #[test]
    fn text_that_is_no_private_key_is_refused_without_being_repeated() {
        let generated = KeyPair::generate(Algorithm::ES256).unwrap();
        for text in ["", "canary", generated.public_pem()] {
            let refused = KeyPair::from_pem(&Secret::new(text)).unwrap_err();
            assert!(matches!(
                refused,
                KeyPairError::Sign(SignError::Pem | SignError::Public)
            ));
            assert!(!refused.to_string().contains("canary"));
        }
    }

    #[test]
    fn h4_debug_shows_nothing_of_the_private_key() {
        let keys = KeyPair::generate(Algorithm::ES256).unwrap();
        let shown = format!("{keys:?}");
        let body = keys.private_pem().reveal().lines().nth(1).unwrap();
        assert!(!shown.contains(body) && shown.contains(keys.kid()));
    }

    #[test]
    fn a_pair_read_back_from_its_pem_is_the_same_pair() {
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
            let made = KeyPair::generate(algorithm).unwrap();
            let read = KeyPair::from_pem(made.private_pem()).unwrap();
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(read.kid(), made.kid());
            assert_eq!(read.public_pem(), made.public_pem());
        }
    }
}
