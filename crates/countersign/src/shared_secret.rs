//! Tokens that are signed with a secret which their issuer shares with the server.

use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::jose::Algorithm;
use countersign_resource_server::{ConfigurationError, JwtVerifier, JwtVerifierBuilder};

use crate::environment::{Environment, OfProcess};

const KEY: &str = "JWT_SECRET_KEY";

/// HS256 has 256 bits, and a secret needs as many (RFC 7518 §3.2).
const LEAST: usize = 32;

/// Accepts tokens that are signed with a shared secret (HS256).
///
/// # Security
///
/// Whoever knows the secret can issue tokens for everybody, this server included. Where
/// you can choose, verify with a public key ([`JwtVerifier::public_key`]).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SharedSecret;

impl SharedSecret {
    /// The secret is in `JWT_SECRET_KEY`: at least 32 bytes. Say with
    /// [`JwtVerifierBuilder::issuer`] and [`JwtVerifierBuilder::audience`] whose tokens are
    /// accepted, and for which server.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the variable is missing or too short.
    pub fn from_env() -> Result<JwtVerifierBuilder, ConfigurationError> {
        Self::from_environment(&OfProcess)
    }

    fn from_environment(
        environment: &impl Environment,
    ) -> Result<JwtVerifierBuilder, ConfigurationError> {
        let secret = Secret::new(environment.required(KEY)?);
        if secret.reveal().len() < LEAST {
            return Err(ConfigurationError::new(format!(
                "{KEY} is shorter than {LEAST} bytes: set it to as many of a random generator"
            )));
        }
        Ok(JwtVerifier::hmac(secret, Algorithm::HS256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::Variables;

    #[test]
    fn m_51_a_shared_secret_is_read_and_a_missing_or_short_one_is_named() {
        let told = |variables: &[(&str, &str)]| {
            let read = SharedSecret::from_environment(&Variables::of(variables));
            read.unwrap_err().to_string()
        };
        assert_eq!(
            told(&[]),
            "Required secret not configured: JWT_SECRET_KEY. Set JWT_SECRET_KEY environment \
             variable."
        );
        let short = told(&[(KEY, "canary")]);
        assert_eq!(
            short,
            "JWT_SECRET_KEY is shorter than 32 bytes: set it to as many of a random generator"
        );
        let long = [(KEY, "canary-canary-canary-canary-canary")];
        let read = SharedSecret::from_environment(&Variables::of(&long)).unwrap();
        assert!(!format!("{read:?}").contains("canary"));
        assert!(read.audience("me").build().is_ok());
    }
}
