//! A key as JSON: RFC 7517 §4, RFC 7518 §6, RFC 8037 §2.
//!
//! Refused, although other libraries accept it: a coordinate that lost its
//! leading zeros, a number with leading zeros, `use` or `key_ops` that do not
//! say "verify", an `alg` that is not for this kind of key, and every key that
//! carries its private part.

use serde_json::{Map, Value};

use super::base64url;
use super::curve::Curve;
use super::error::KeyError;
use super::key::VerifyingKey;

/// Members that only a private key has (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

impl VerifyingKey {
    /// Reads a public JWK, or a symmetric one (`kty` = `oct`).
    ///
    /// # Errors
    ///
    /// [`KeyError`] says why the key cannot be used.
    ///
    /// # Security
    ///
    /// A symmetric key from a place others can read lets them sign. Key sets
    /// from elsewhere are read by [`JwkSet::parse`](super::JwkSet::parse), which
    /// skips symmetric keys.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        let kty = text(jwk, "kty")?;
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyError::PrivateMembers);
        }
        check_use(jwk)?;
        let mut key = match kty {
            "RSA" => {
                let n = bytes(jwk, "n", KeyError::RsaModulus)?;
                let e = bytes(jwk, "e", KeyError::RsaExponent)?;
                Self::rsa(n, e)?
            }
            "EC" => {
                let curve = Curve::parse(text(jwk, "crv")?)?;
                let x = bytes(jwk, "x", KeyError::EcPoint)?;
                let y = bytes(jwk, "y", KeyError::EcPoint)?;
                Self::ec(curve, x, y)?
            }
            "OKP" if text(jwk, "crv")? == "Ed25519" => {
                Self::ed25519(bytes(jwk, "x", KeyError::Ed25519Point)?)?
            }
            "OKP" => return Err(KeyError::Curve),
            "oct" => {
                let secret = zeroize::Zeroizing::new(bytes(jwk, "k", KeyError::Malformed)?);
                Self::symmetric(&secret)?
            }
            _ => return Err(KeyError::KeyType),
        };
        match jwk.get("alg") {
            None => {}
            Some(Value::String(name)) => {
                let algorithm = name.parse().map_err(|_| KeyError::Algorithm)?;
                key = key.with_algorithm(algorithm)?;
            }
            Some(_) => return Err(KeyError::Algorithm),
        }
        match jwk.get("issuer") {
            None => {}
            Some(Value::String(issuer)) => key = key.of_issuer(issuer),
            Some(_) => return Err(KeyError::Malformed),
        }
        match jwk.get("kid") {
            None => Ok(key),
            Some(Value::String(kid)) => key.with_kid(kid),
            Some(_) => Err(KeyError::KeyId),
        }
    }
}

fn check_use(jwk: &Map<String, Value>) -> Result<(), KeyError> {
    if jwk.get("use").is_some_and(|value| value != "sig") {
        return Err(KeyError::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|name| name == "verify") => Ok(()),
        Some(_) => Err(KeyError::KeyOps),
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, KeyError> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(KeyError::Malformed)
}

fn bytes(jwk: &Map<String, Value>, name: &str, otherwise: KeyError) -> Result<Vec<u8>, KeyError> {
    base64url::decode(text(jwk, name)?).ok_or(otherwise)
}
