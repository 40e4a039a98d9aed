//! The JOSE header of a compact JWS: RFC 7515 §4.
//!
//! Only `alg`, `kid` and `typ` have a meaning. `jku`, `jwk`, `x5u`, `x5c`, `x5t`
//! and `x5t#S256` are never looked at: a token cannot bring its own key
//! (RFC 8725 §3.10). Headers that would change how the token is read (`crit`,
//! `b64`, `zip`) refuse it, whatever their value.

use super::algorithm::Algorithm;
use super::error::JwsError;
use crate::json::{Json, Object};

/// The longest key id, in bytes.
pub const MAX_KEY_ID_BYTES: usize = 512;

/// The members of the header that have a meaning here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The signature algorithm (RFC 7515 §4.1.1).
    pub alg: Algorithm,
    /// The id of the signing key, as written (RFC 7515 §4.1.4); at most 512 bytes.
    pub kid: Option<String>,
    /// The type of the token, as written (RFC 7515 §4.1.9).
    pub typ: Option<String>,
}

impl Header {
    /// Reads the decoded header.
    ///
    /// # Errors
    ///
    /// [`JwsError`] if it is no strict JSON object, `alg` is absent or not
    /// implemented, `kid` or `typ` is no string, or it has `crit`, `b64` or `zip`.
    pub fn parse(bytes: &[u8]) -> Result<Self, JwsError> {
        let members = Object::parse(bytes).map_err(JwsError::HeaderJson)?;
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters
        // are not understood and supported by the recipient, then the JWS is invalid."
        if members.contains("crit") {
            return Err(JwsError::CriticalExtension);
        }
        if members.contains("b64") {
            return Err(JwsError::UnencodedPayload);
        }
        if members.contains("zip") {
            return Err(JwsError::Compressed);
        }
        let alg = match members.get("alg") {
            Some(Json::Text(name)) => name.parse().map_err(|_| JwsError::AlgorithmUnknown)?,
            _ => return Err(JwsError::AlgorithmMissing),
        };
        let kid = match members.get("kid") {
            None => None,
            Some(Json::Text(kid)) if kid.len() <= MAX_KEY_ID_BYTES => Some(kid.to_string()),
            Some(_) => return Err(JwsError::KeyIdInvalid),
        };
        let typ = match members.get("typ") {
            None => None,
            Some(Json::Text(typ)) => Some(typ.to_string()),
            Some(_) => return Err(JwsError::TypeInvalid),
        };
        Ok(Self { alg, kid, typ })
    }
}
