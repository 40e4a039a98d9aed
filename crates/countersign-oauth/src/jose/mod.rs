//! Signed tokens and their keys: RFC 7515, RFC 7517, RFC 7518, RFC 7638,
//! RFC 8037, under the rules of RFC 8725.
//!
//! Only the compact serialisation of a JWS is read. There is no encryption, no
//! JSON serialisation, no detached or unencoded payload, and no extension.
//! What a token *says* is judged by [`claims`](crate::claims).
//!
//! Refused, although other libraries accept it:
//!
//! - `crit` in any form, `b64`, `zip`, and a member that occurs twice;
//! - base64url with padding, white space or unused bits that are not zero;
//! - an algorithm that the caller did not list, whatever the key could do;
//! - an algorithm that differs from the one the key declares, a key whose `use`
//!   or `key_ops` say otherwise, and a public key as an HMAC secret;
//! - a token without `kid` where several keys fit, and a `kid` of two keys;
//! - keys brought by the token (`jwk`, `jku`, `x5u`, `x5c`), which are never read;
//! - RSA below 2048 or above 8192 bits or with the ROCA fingerprint, Ed25519
//!   keys of small order, and HMAC secrets shorter than the hash.

mod algorithm;
pub(crate) mod base64url;
mod compact;
mod curve;
mod error;
mod header;
mod jwk;
mod jwk_set;
mod key;
mod pem;
mod rsa;
#[cfg(feature = "sign")]
mod sign;

pub use algorithm::{Algorithm, AlgorithmFamily, UnknownAlgorithm};
pub use compact::{Unverified, VerifiedJws, decode_unverified, verify_compact};
pub use error::{JwkSetError, JwsError, KeyError};
pub use header::{Header, MAX_KEY_ID_BYTES};
pub use jwk_set::{JwkSet, KeyOrigin, KeyWarning, MAX_KEYS, ParsedSet};
pub use key::VerifyingKey;
#[cfg(feature = "sign")]
pub(crate) use sign::sign_with_header;
#[cfg(feature = "sign")]
pub use sign::{SignError, SigningKey, sign_compact};
