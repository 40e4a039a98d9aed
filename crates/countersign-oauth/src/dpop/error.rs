//! Why a proof is refused, for the audit log. To the client all of it is
//! `invalid_dpop_proof`.

use thiserror::Error;

use crate::jose::{JwsError, KeyError};
use crate::json::JsonError;

/// Which check of RFC 9449 §4.3 a proof fails. The text never contains a part of it.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// No `DPoP` header where one is needed.
    #[error("the request carries no proof")]
    Missing,
    /// Check 1: more than one `DPoP` header, or several values in it.
    #[error("the request carries more than one proof")]
    Repeated,
    /// Checks 2, 5 and 6: no well-formed JWS, an algorithm that is not accepted, or a wrong
    /// signature.
    #[error("the proof is no acceptable signed token: {0}")]
    Signature(#[from] JwsError),
    /// Check 4: `typ` is not `dpop+jwt`.
    #[error("the type in the header of the proof is not dpop+jwt")]
    Type,
    /// Check 6: `jwk` is absent or no object.
    #[error("the proof brings no key")]
    KeyMissing,
    /// Checks 6 and 7: `jwk` cannot be used, is symmetric, or has private members.
    #[error("the key of the proof cannot be used: {0}")]
    Key(#[from] KeyError),
    /// The claims are no strict JSON object.
    #[error("the claims of the proof cannot be read: {0}")]
    Json(JsonError),
    /// Check 3: `jti` is missing, no text, empty or too long.
    #[error("the proof has no usable id")]
    TokenId,
    /// Checks 3 and 8: `htm` is not the method of the request.
    #[error("the proof is for another method")]
    Method,
    /// Checks 3 and 9: `htu` is not the address of the request.
    #[error("the proof is for another address")]
    Address,
    /// Check 10: `nonce` is no text, or too long.
    #[error("the nonce of the proof is not a short text")]
    NonceInvalid,
    /// Checks 3 and 11: `iat` is missing or no time.
    #[error("the proof does not say when it was made")]
    IssuedAtMissing,
    /// Check 11: `iat` is too long ago.
    #[error("the proof was made too long ago")]
    TooOld,
    /// Check 11: `iat` is in the future.
    #[error("the proof was made in the future")]
    InTheFuture,
    /// `exp` has passed or `nbf` has not, or one of them is no time (RFC 7519 §4.1).
    #[error("the proof is not valid at this time")]
    NotNow,
    /// Check 12: `ath` is missing or not the hash of the presented token.
    #[error("the proof is for another access token")]
    OtherToken,
    /// RFC 9449 §11.1: the same proof came before, or may have.
    #[error("the proof was used before")]
    Replayed,
}
