//! The header field with the proof: RFC 9449 §4.1.

use super::ProofError;
use crate::bearer::MAX_TOKEN_BYTES;
use crate::jose::JwsError;

/// The name of the header field with the proof (RFC 9449 §4.1).
pub const PROOF_FIELD: &str = "dpop";

/// The name of the header field with which a server gives out a nonce (RFC 9449 §8).
pub const NONCE_FIELD: &str = "dpop-nonce";

/// The one proof among the values of all `DPoP` header fields of a request; `None` if there
/// is none.
///
/// # Errors
///
/// Check 1 of RFC 9449 §4.3: [`ProofError::Repeated`] for "more than one DPoP HTTP request
/// header field", also where something in front joined them with a comma, and
/// [`ProofError::Signature`] for a value that can be no token.
pub fn sole_proof<'a, I>(fields: I) -> Result<Option<&'a str>, ProofError>
where
    I: IntoIterator<Item = &'a [u8]>,
{
    let mut fields = fields.into_iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() || memchr::memchr(b',', field).is_some() {
        return Err(ProofError::Repeated);
    }
    if field.len() > MAX_TOKEN_BYTES {
        return Err(ProofError::Signature(JwsError::TooLong));
    }
    let text = std::str::from_utf8(field).ok();
    text.map(Some)
        .ok_or(ProofError::Signature(JwsError::NotThreeParts))
}
