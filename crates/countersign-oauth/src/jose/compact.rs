//! Verifying a compact JWS: RFC 7515 §5.2, RFC 8725 §3.1.

use std::fmt;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::base64url;
use super::error::JwsError;
use super::header::Header;
use super::jwk_set::JwkSet;
use super::key::VerifyingKey;
use crate::bearer::MAX_TOKEN_BYTES;

/// A token whose signature was verified. Only [`verify_compact`] and
/// [`Unverified::verify`] make one.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedJws {
    header: Header,
    payload: Vec<u8>,
    thumbprint: Option<Arc<str>>,
    key_issuer: Option<Arc<str>>,
}

impl VerifiedJws {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The signed bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The thumbprint (RFC 7638) of the public key that verified the token;
    /// nothing if it was an HMAC secret.
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// The issuer that the key set names for the key that verified the token; most name
    /// none. A key of one tenant must not speak for another (RFC 8725 §3.8).
    pub fn key_issuer(&self) -> Option<&str> {
        self.key_issuer.as_deref()
    }

    /// Header and signed bytes.
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }
}

/// A token that was taken apart. **Nothing in it is verified.**
#[derive(Clone)]
pub struct Unverified<'t> {
    header: Header,
    payload: Vec<u8>,
    signing_input: &'t str,
    signature: Vec<u8>,
}

impl fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedJws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Verifies the signature of `token` with the key that its header selects.
///
/// `algorithms` are the accepted ones; the header selects among them and never
/// adds one (RFC 8725 §3.1). No claim is judged; the payload may be any bytes.
///
/// # Errors
///
/// [`JwsError`] says which rule is broken.
pub fn verify_compact(
    token: &str,
    keys: &JwkSet,
    algorithms: &[Algorithm],
) -> Result<VerifiedJws, JwsError> {
    decode_unverified(token)?.verify(keys, algorithms)
}

/// Takes `token` apart without verifying anything.
///
/// # Errors
///
/// [`JwsError`] if the token is malformed (RFC 7515 §5.2, steps 1 to 7).
///
/// # Security
///
/// What comes out is the claim of a stranger. It may select a key set, namely
/// the one of the issuer it names if that is a trusted one, and nothing else.
pub fn decode_unverified(token: &str) -> Result<Unverified<'_>, JwsError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwsError::TooLong);
    }
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(JwsError::NotThreeParts);
    };
    // A dot is a character of its own, so nothing is cut in two.
    let part = |from: usize, to: usize| token.get(from..to).ok_or(JwsError::NotThreeParts);
    let (header, encoded) = (part(0, first)?, part(first + 1, second)?);
    let (signing_input, signature) = (part(0, second)?, part(second + 1, token.len())?);
    // The header is looked at and let go before the payload takes its place.
    let longest = header.len().max(encoded.len());
    let mut payload = Vec::with_capacity(longest / 4 * 3 + 2);
    base64url::decode_into(header, &mut payload).ok_or(JwsError::HeaderEncoding)?;
    let header = Header::parse(&payload)?;
    base64url::decode_into(encoded, &mut payload).ok_or(JwsError::PayloadEncoding)?;
    let signature = base64url::decode(signature).ok_or(JwsError::SignatureEncoding)?;
    Ok(Unverified {
        header,
        payload,
        signing_input,
        signature,
    })
}

impl Unverified<'_> {
    /// The header, unverified.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, unverified.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Verifies the signature, as [`verify_compact`], without decoding again.
    ///
    /// # Errors
    ///
    /// [`JwsError`] if the algorithm is not accepted, no key or no single key
    /// fits, or the signature is wrong.
    pub fn verify(self, keys: &JwkSet, algorithms: &[Algorithm]) -> Result<VerifiedJws, JwsError> {
        let key = self.verified_by(keys, algorithms)?;
        let (thumbprint, key_issuer) = (key.shared_thumbprint(), key.issuer().cloned());
        Ok(VerifiedJws {
            header: self.header,
            payload: self.payload,
            thumbprint,
            key_issuer,
        })
    }

    /// The key that verifies the signature, as [`Self::verify`], for payloads that
    /// are kept where they are.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`].
    pub fn verified_by<'k>(
        &self,
        keys: &'k JwkSet,
        algorithms: &[Algorithm],
    ) -> Result<&'k VerifyingKey, JwsError> {
        if !algorithms.contains(&self.header.alg) {
            return Err(JwsError::AlgorithmNotAllowed);
        }
        let key = keys.select(&self.header)?;
        let message = self.signing_input.as_bytes();
        if key.verifies(self.header.alg, message, &self.signature) {
            Ok(key)
        } else {
            Err(JwsError::BadSignature)
        }
    }

    /// The payload. Whoever takes it has verified the signature, or does not trust it.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}
