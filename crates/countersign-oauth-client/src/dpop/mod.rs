//! Tokens that are bound to a key of ours: RFC 9449 §4, §5, §7 and §8.
//!
//! A key belongs to one login and is kept with its tokens. Nonces belong to an origin, and
//! there to the authorization server or to the resource: both may be at one.

mod key;
mod nonces;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::dpop::{PROOF_FIELD, ProofClaims, make};
use countersign_oauth::jose::Algorithm;
use countersign_oauth::{Issuer, Secret};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

pub use key::ProofKey;
pub use nonces::{ReceivedNonces, Role};

use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::random::draw_secret;
use crate::store::TokenType;
use crate::token_endpoint::TokenProof;

/// What our keys sign with.
const ALGORITHM: Algorithm = Algorithm::ES256;

/// The header with the proof (RFC 9449 §4.1).
pub const DPOP: HeaderName = HeaderName::from_static(PROOF_FIELD);

/// Proves that requests come from whoever has a key.
#[derive(Clone)]
pub struct Prover {
    key: Arc<ProofKey>,
    nonces: Arc<ReceivedNonces>,
    asker: Asker,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Prover {
    /// Proofs by `key`, with the `nonces` that were received, at the times of `asker`.
    pub const fn new(key: Arc<ProofKey>, nonces: Arc<ReceivedNonces>, asker: Asker) -> Self {
        Self { key, nonces, asker }
    }

    /// The key.
    pub fn key(&self) -> &ProofKey {
        &self.key
    }

    /// The nonces that were received.
    pub(crate) fn nonces(&self) -> &ReceivedNonces {
        &self.nonces
    }

    /// The value of `DPoP` for a request with `method` to `url` that shows
    /// `access_token` to a resource (RFC 9449 §7), or none to a token endpoint (§5).
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if the key cannot sign.
    pub fn prove(
        &self,
        method: &Method,
        url: &Url,
        access_token: Option<&Secret>,
    ) -> Result<HeaderValue, OAuthError> {
        let role = match access_token {
            Some(_) => Role::Resource,
            None => Role::AuthorizationServer,
        };
        let jti = draw_secret(self.asker.random())?;
        let nonce = self.nonces.of(role, url);
        let mut claims = ProofClaims::new(jti.reveal(), method.as_str(), url, self.asker.now());
        claims = claims.nonce(nonce.as_deref());
        claims.access_token = access_token;
        let proof = make(&claims, self.key.signing(), &SystemRandom::new());
        let proof = proof.map_err(|error| {
            OAuthError::NotPermitted(format!("the key that the token is bound to: {error}"))
        })?;
        HeaderValue::from_str(&proof)
            .map_err(|_| OAuthError::NotPermitted("a proof is no header value".to_owned()))
    }
}

impl TokenProof for Prover {
    fn proof(&self, method: &Method, address: &str) -> Result<HeaderValue, OAuthError> {
        let url = Url::parse(address)
            .map_err(|_| OAuthError::BadAnswer("an endpoint has no usable address".to_owned()))?;
        self.prove(method, &url, None)
    }

    fn answered(&self, address: &str, headers: &HeaderMap) -> bool {
        let url = Url::parse(address);
        url.is_ok_and(|url| self.nonces.heed(Role::AuthorizationServer, &url, headers))
    }
}

/// Whether tokens for `discovery` are to be bound to a key: where the settings (`demanded`)
/// or the metadata of the server want it. Refused where the authorization server publishes
/// that it binds none to keys like ours (RFC 9449 §5.1).
pub(crate) fn is_wanted(demanded: bool, discovery: &Discovery) -> Result<bool, OAuthError> {
    if !demanded && !discovery.is_bound {
        return Ok(false);
    }
    if discovery.is_published && !is_offered(discovery) {
        return Err(binds_nothing(&discovery.issuer));
    }
    Ok(true)
}

/// `issuer` binds no token to a key like ours.
pub(crate) fn binds_nothing(issuer: &Issuer) -> OAuthError {
    OAuthError::Configuration(format!(
        "the authorization server {issuer} does not bind tokens to keys with ES256, and these \
         must be bound"
    ))
}

/// Whether the authorization server of `discovery` binds tokens to keys like ours
/// (RFC 9449 §5.1).
pub(crate) fn is_offered(discovery: &Discovery) -> bool {
    let algorithms = discovery.offer.dpop_algorithms.as_ref();
    algorithms.is_some_and(|all| is_among(all))
}

/// Whether what our keys sign with is among `algorithms`.
pub(crate) fn is_among(algorithms: &[String]) -> bool {
    algorithms.iter().any(|one| one == ALGORITHM.as_str())
}

/// RFC 9449 §5: where a bound token was asked for, one of another type would be worth
/// something to a thief.
pub(crate) fn check_bound(token_type: TokenType) -> Result<(), OAuthError> {
    match token_type {
        TokenType::Dpop => Ok(()),
        TokenType::Bearer => Err(OAuthError::BadAnswer(
            "the token endpoint issues a token that is not bound to our key, as was asked for"
                .to_owned(),
        )),
    }
}
