//! `private_key_jwt`: RFC 7523 §3, RFC 7521 §4.2 and §5.2, and the update of RFC 7523
//! that makes the issuer the only audience (draft-ietf-oauth-rfc7523bis §4).
//!
//! Other servers accept their token endpoint, any URL of theirs, or a list as
//! audience; a client that is led to the endpoint of an attacker then signs what
//! the attacker can use elsewhere. Here the audience is our issuer as a single
//! string, byte for byte.
//!
//! Whether an id was used before is for the store, and asked last, so that a
//! refused assertion does not use up its id.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::claims::numeric_date::{self, Round};
use crate::jose::{Algorithm, AlgorithmFamily, JwkSet, JwsError, verify_compact};
use crate::json::{self, JsonError};
use crate::{ClientId, Issuer, Lifetime, Secret, UnixTime};

/// `client_assertion_type` of a JWT (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest validity of an assertion, from now on.
pub const MAX_VALIDITY: Lifetime = Lifetime::from_mins(10);

/// The longest `jti`, in bytes.
pub const MAX_TOKEN_ID_BYTES: usize = 512;

/// Why an assertion is refused, for the audit log. To the client it is `invalid_client`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionError {
    /// The signature, or what it is made with, is refused.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// The claims are no strict JSON object.
    #[error("the claims of the assertion cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `typ` says that this is another kind of token (RFC 8725 §3.11).
    #[error("the type in the header is not that of a client assertion")]
    Type,
    /// `iss` or `sub` is not the client (RFC 7523 §3, 1 and 2.B).
    #[error("issuer and subject of the assertion are not both the client")]
    Client,
    /// `aud` is not our issuer as a single string (RFC 7523 §3, 3).
    #[error("the audience of the assertion is not this server alone")]
    Audience,
    /// `exp` is missing or unusable (RFC 7523 §3, 4).
    #[error("the assertion has no usable expiry time")]
    ExpiryMissing,
    /// `exp` has passed.
    #[error("the assertion has expired")]
    Expired,
    /// `exp` is "unreasonably far in the future" (RFC 7523 §3, 4).
    #[error("the assertion is valid for longer than ten minutes")]
    ValidTooLong,
    /// `nbf` or `iat` is unusable or in the future (RFC 7523 §3, 5 and 6).
    #[error("the assertion is not valid yet")]
    NotYetValid,
    /// `jti` is missing, no text, empty or too long (RFC 7523 §3, 7).
    #[error("the assertion has no usable id")]
    TokenId,
}

/// What this server expects of assertions.
#[derive(Clone, Debug)]
pub struct AssertionRules {
    issuer: Issuer,
    token_endpoint: Option<String>,
    leeway: Lifetime,
}

impl AssertionRules {
    /// The rules of the server `issuer`, whose clock may differ from that of a
    /// client by `leeway`.
    pub const fn new(issuer: Issuer, leeway: Lifetime) -> Self {
        Self {
            issuer,
            token_endpoint: None,
            leeway,
        }
    }

    /// Also accepts the address of our token endpoint as audience, for clients
    /// written before the issuer became the only one.
    ///
    /// # Security
    ///
    /// A client that uses one key at several servers can then be led to sign an
    /// assertion for this one.
    #[must_use]
    pub fn danger_accept_token_endpoint(mut self, address: impl Into<String>) -> Self {
        self.token_endpoint = Some(address.into());
        self
    }

    /// Verifies an assertion of `client` with its `keys`.
    ///
    /// `algorithms` are those that the client may sign with; symmetric ones among
    /// them are ignored. `now` is the time of the request.
    ///
    /// # Errors
    ///
    /// [`AssertionError`] says which rule is broken.
    pub fn verify(
        &self,
        assertion: &Secret,
        client: &ClientId,
        keys: &JwkSet,
        algorithms: &[Algorithm],
        now: UnixTime,
    ) -> Result<VerifiedAssertion, AssertionError> {
        let asymmetric: Vec<Algorithm> = algorithms
            .iter()
            .copied()
            .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
            .collect();
        let verified = verify_compact(assertion.reveal(), keys, &asymmetric)?;
        check_typ(verified.header().typ.as_deref())?;
        let claims = json::parse_object(verified.payload())?;
        let is_client = |name| claims.get(name).and_then(Value::as_str) == Some(client.as_str());
        if !is_client("iss") || !is_client("sub") {
            return Err(AssertionError::Client);
        }
        self.check_audience(&claims)?;
        let expires_at = self.check_times(&claims, now)?;
        let id = claims.get("jti").and_then(Value::as_str);
        let id = id
            .filter(|id| (1..=MAX_TOKEN_ID_BYTES).contains(&id.len()))
            .ok_or(AssertionError::TokenId)?;
        Ok(VerifiedAssertion {
            client_id: client.clone(),
            jti: id.to_owned(),
            forget_at: expires_at.saturating_add(self.leeway),
        })
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), AssertionError> {
        let aud = claims.get("aud").and_then(Value::as_str);
        let ours = aud == Some(self.issuer.as_str());
        let endpoint = self.token_endpoint.is_some() && aud == self.token_endpoint.as_deref();
        (ours || endpoint)
            .then_some(())
            .ok_or(AssertionError::Audience)
    }

    fn check_times(
        &self,
        claims: &Map<String, Value>,
        now: UnixTime,
    ) -> Result<UnixTime, AssertionError> {
        let exp = claims
            .get("exp")
            .and_then(|exp| numeric_date::parse(exp.as_number()?, Round::Down))
            .ok_or(AssertionError::ExpiryMissing)?;
        if now >= exp.saturating_add(self.leeway) {
            return Err(AssertionError::Expired);
        }
        if exp > now.saturating_add(MAX_VALIDITY) {
            return Err(AssertionError::ValidTooLong);
        }
        for start in ["nbf", "iat"].iter().filter_map(|name| claims.get(*name)) {
            let start = start.as_number();
            let start = start.and_then(|start| numeric_date::parse(start, Round::Up));
            if start.is_none_or(|start| start > now.saturating_add(self.leeway)) {
                return Err(AssertionError::NotYetValid);
            }
        }
        Ok(exp)
    }
}

/// An assertion without fault, except that its id may have been used before.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VerifiedAssertion {
    /// The client that signed it.
    pub client_id: ClientId,
    /// Its id, unique for this client (RFC 7523 §3, 7).
    pub jti: String,
    /// From then on the assertion is refused anyhow, and its id can be forgotten.
    pub forget_at: UnixTime,
}

/// A `typ` is not required; one that names another kind of token is refused.
fn check_typ(typ: Option<&str>) -> Result<(), AssertionError> {
    let accepted = typ.is_none_or(|typ| {
        [
            "JWT",
            "client-authentication+jwt",
            "application/client-authentication+jwt",
        ]
        .iter()
        .any(|accepted| typ.eq_ignore_ascii_case(accepted))
    });
    accepted.then_some(()).ok_or(AssertionError::Type)
}
