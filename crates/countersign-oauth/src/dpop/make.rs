//! Making a proof: RFC 9449 §4.2. Only clients need this.

use aws_lc_rs::rand::SecureRandom;
use serde_json::{Map, Value};
use url::Url;

use super::TYP;
use super::check::token_hash;
use crate::jose::{AlgorithmFamily, SignError, SigningKey, sign_with_header};
use crate::{Secret, UnixTime};

/// What a proof says (RFC 9449 §4.2).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ProofClaims<'a> {
    /// The id of the proof: at least 96 random bits, never the same twice.
    pub jti: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The address of the request; its query and fragment do not become part of the proof.
    pub url: &'a Url,
    /// Now.
    pub iat: UnixTime,
    /// The token that comes with the proof; none at an authorization server.
    pub access_token: Option<&'a Secret>,
    /// The nonce that the server gave out last.
    pub nonce: Option<&'a str>,
}

impl<'a> ProofClaims<'a> {
    /// A proof for one request, without access token and nonce.
    pub const fn new(jti: &'a str, method: &'a str, url: &'a Url, iat: UnixTime) -> Self {
        Self {
            jti,
            method,
            url,
            iat,
            access_token: None,
            nonce: None,
        }
    }

    /// The proof goes with this token.
    #[must_use]
    pub const fn access_token(mut self, token: &'a Secret) -> Self {
        self.access_token = Some(token);
        self
    }

    /// The server gave out this nonce last, if it gave out any.
    #[must_use]
    pub const fn nonce(mut self, nonce: Option<&'a str>) -> Self {
        self.nonce = nonce;
        self
    }

    fn to_json(self) -> String {
        let mut address = self.url.clone();
        address.set_query(None);
        address.set_fragment(None);
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("jti", self.jti.into());
        set("htm", self.method.into());
        set("htu", address.as_str().into());
        set("iat", self.iat.as_secs().into());
        if let Some(token) = self.access_token {
            set("ath", token_hash(token.reveal()).into());
        }
        if let Some(nonce) = self.nonce {
            set("nonce", nonce.into());
        }
        Value::Object(claims).to_string()
    }
}

/// Signs a proof with `key`, whose public half it brings along.
///
/// # Errors
///
/// [`SignError::NoKeyPair`] for an HMAC secret; [`SignError::Failed`] if the cryptographic
/// library failed.
pub fn make(
    claims: &ProofClaims<'_>,
    key: &SigningKey,
    random: &dyn SecureRandom,
) -> Result<String, SignError> {
    if key.algorithm().family() == AlgorithmFamily::Hmac {
        return Err(SignError::NoKeyPair);
    }
    let jwk = key.verifying_key().public_members();
    let mut header = Map::new();
    header.insert("typ".into(), TYP.into());
    header.insert("alg".into(), key.algorithm().as_str().into());
    header.insert("jwk".into(), jwk.ok_or(SignError::NoKeyPair)?.into());
    sign_with_header(header, claims.to_json().as_bytes(), key, random)
}
