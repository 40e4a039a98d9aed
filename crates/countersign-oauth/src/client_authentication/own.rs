//! Authenticating ourselves as a client: RFC 6749 §2.3, RFC 7523 §2.2.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{ASSERTION_TYPE, TokenEndpointAuthMethod};
use crate::jose::{SignError, SigningKey, sign_compact};
use crate::parameters::Parameters;
use crate::{Lifetime, Secret, UnixTime, form};

/// How long an assertion is valid.
const ASSERTION_LIFETIME: Lifetime = Lifetime::from_mins(1);

/// What we prove ourselves with: one method, never two (RFC 6749 §2.3).
#[derive(Clone)]
#[expect(clippy::exhaustive_enums, reason = "one for each method")]
pub enum OwnProof {
    /// Nothing: a public client.
    None,
    /// A secret, in the header.
    SecretBasic(Secret),
    /// A secret, in the body.
    SecretPost(Secret),
    /// A private key.
    PrivateKeyJwt(Arc<SigningKey>),
}

impl fmt::Debug for OwnProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method().as_str())
    }
}

impl OwnProof {
    /// The method of the proof.
    pub const fn method(&self) -> TokenEndpointAuthMethod {
        match self {
            Self::None => TokenEndpointAuthMethod::None,
            Self::SecretBasic(_) => TokenEndpointAuthMethod::ClientSecretBasic,
            Self::SecretPost(_) => TokenEndpointAuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt(_) => TokenEndpointAuthMethod::PrivateKeyJwt,
        }
    }
}

/// We, as a client of some authorization server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnClient {
    /// Our id there.
    pub client_id: String,
    /// What we prove ourselves with.
    pub proof: OwnProof,
}

/// What goes into one assertion (RFC 7523 §3).
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    missing_debug_implementations,
    reason = "arguments of one call; the generator has nothing to show"
)]
pub struct AssertionFacts<'a> {
    /// Whom it is for: the issuer of the authorization server, or its token endpoint.
    pub audience: &'a str,
    /// An id that is never used twice.
    pub jti: &'a str,
    /// Now.
    pub now: UnixTime,
    /// For the algorithms that need it.
    pub random: &'a dyn SecureRandom,
}

impl OwnClient {
    /// The client `client_id` that proves itself with `proof`.
    pub fn new(client_id: impl Into<String>, proof: OwnProof) -> Self {
        Self {
            client_id: client_id.into(),
            proof,
        }
    }

    /// The method of the proof.
    pub const fn method(&self) -> TokenEndpointAuthMethod {
        self.proof.method()
    }

    /// Adds to `parameters` what the method adds; what it returns is the value of
    /// `Authorization`, if the method needs one. `facts` are for assertions.
    ///
    /// # Errors
    ///
    /// [`SignError`] if an assertion cannot be signed.
    pub fn apply(
        &self,
        parameters: &mut Parameters,
        facts: &AssertionFacts<'_>,
    ) -> Result<Option<Secret>, SignError> {
        match &self.proof {
            OwnProof::None => parameters.set("client_id", &self.client_id),
            OwnProof::SecretPost(secret) => {
                parameters.set("client_id", &self.client_id);
                parameters.set("client_secret", secret.reveal());
            }
            OwnProof::SecretBasic(secret) => return Ok(Some(basic(&self.client_id, secret))),
            OwnProof::PrivateKeyJwt(key) => {
                let assertion = self.assertion(key, facts)?;
                parameters.set("client_id", &self.client_id);
                parameters.set("client_assertion_type", ASSERTION_TYPE);
                parameters.set("client_assertion", assertion.reveal());
            }
        }
        Ok(None)
    }

    /// `Authorization: Basic` with the secret, however we authenticate otherwise; nothing
    /// if there is no secret.
    pub fn as_basic(&self) -> Option<Secret> {
        match &self.proof {
            OwnProof::SecretBasic(secret) | OwnProof::SecretPost(secret) => {
                Some(basic(&self.client_id, secret))
            }
            OwnProof::None | OwnProof::PrivateKeyJwt(_) => None,
        }
    }

    /// RFC 7523 §3: issuer and subject are the client, one audience, a fresh id.
    fn assertion(&self, key: &SigningKey, facts: &AssertionFacts<'_>) -> Result<Secret, SignError> {
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": facts.audience,
            "jti": facts.jti,
            "iat": facts.now.as_secs(),
            "nbf": facts.now.as_secs(),
            "exp": facts.now.saturating_add(ASSERTION_LIFETIME).as_secs(),
        });
        sign_compact(
            Some("JWT"),
            claims.to_string().as_bytes(),
            key,
            facts.random,
        )
        .map(Secret::new)
    }
}

/// RFC 6749 §2.3.1: id and secret are each form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret) -> Secret {
    let pair = Secret::new(format!(
        "{}:{}",
        form::encode(client_id),
        form::encode(secret.reveal())
    ));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.reveal())))
}
