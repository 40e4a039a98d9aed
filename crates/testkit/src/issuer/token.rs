//! Tokens, good ones by default and as wrong as a test wants them.

use countersign_oauth::{Lifetime, UnixTime};
use serde_json::{Map, Value, json};

use super::key::{SignatureAlgorithm, TestKey, base64url};
use super::{AUDIENCE, NOW, TestIssuer};

/// A token in the making. Every method replaces what was there.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenBuilder {
    issuer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
    signer: Signer,
}

#[derive(Clone, Debug)]
enum Signer {
    Key(TestKey, SignatureAlgorithm),
    Mac(SignatureAlgorithm, Vec<u8>),
    Bytes(Vec<u8>),
}

impl TokenBuilder {
    pub(super) fn new(issuer: TestIssuer, key: TestKey) -> Self {
        let mut builder = Self {
            header: Map::new(),
            claims: Map::new(),
            raw_header: None,
            raw_payload: None,
            signer: Signer::Key(key.clone(), key.algorithm()),
            issuer,
        };
        builder.header.insert("typ".to_owned(), "at+jwt".into());
        let iss = builder.issuer.issuer().to_owned();
        builder
            .signed_by(&key)
            .iss(&iss)
            .sub("alice")
            .aud(AUDIENCE)
            .client_id("c1")
            .valid_at(NOW)
            .claim("jti", "t-1")
    }

    /// Signs with the issuer's key `kid`; sets `alg` and `kid`.
    pub fn key(self, kid: &str) -> Self {
        let key = self.issuer.key(kid).clone();
        self.signed_by(&key)
    }

    /// Signs with `key` and its own algorithm; sets `alg` and `kid`.
    pub fn signed_by(self, key: &TestKey) -> Self {
        self.signed_as(key, key.algorithm())
    }

    /// Signs with `key` and `algorithm`; sets `alg` and `kid`.
    pub fn signed_as(mut self, key: &TestKey, algorithm: SignatureAlgorithm) -> Self {
        self.signer = Signer::Key(key.clone(), algorithm);
        self.header("alg", algorithm.name())
            .header("kid", key.kid())
    }

    /// Signs with an HMAC under `secret`; sets `alg` and keeps `kid`.
    pub fn mac(mut self, algorithm: SignatureAlgorithm, secret: impl AsRef<[u8]>) -> Self {
        self.signer = Signer::Mac(algorithm, secret.as_ref().to_vec());
        self.header("alg", algorithm.name())
    }

    /// Takes `bytes` for the signature; the header stays as it is.
    pub fn signature(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.signer = Signer::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// `alg` none and no signature (RFC 7515 §A.5).
    pub fn unsecured(self) -> Self {
        self.header("alg", "none").signature([])
    }

    /// Sets a header parameter, without any effect on how it is signed.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header parameter.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.shift_remove(name);
        self
    }

    /// Takes these bytes for the whole header, before base64url.
    pub fn raw_header(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.raw_header = Some(bytes.as_ref().to_vec());
        self
    }

    /// Takes these bytes for the whole payload, before base64url.
    pub fn raw_payload(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.raw_payload = Some(bytes.as_ref().to_vec());
        self
    }

    /// Sets a claim to any JSON value.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.shift_remove(name);
        self
    }

    /// The `typ` header parameter.
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// The `iss` claim.
    pub fn iss(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// The `sub` claim.
    #[expect(
        clippy::should_implement_trait,
        reason = "the claim is called sub; nothing is subtracted"
    )]
    pub fn sub(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// The `aud` claim as one string.
    pub fn aud(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// The `aud` claim as an array.
    pub fn audiences<const N: usize>(self, audiences: [&str; N]) -> Self {
        self.claim("aud", json!(audiences.as_slice()))
    }

    /// The `scope` claim: names separated by single blanks.
    pub fn scopes(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    /// The `client_id` claim.
    pub fn client_id(self, client: &str) -> Self {
        self.claim("client_id", client)
    }

    /// The `exp` claim.
    pub fn exp(self, time: UnixTime) -> Self {
        self.claim("exp", time.as_secs())
    }

    /// The `nbf` claim.
    pub fn nbf(self, time: UnixTime) -> Self {
        self.claim("nbf", time.as_secs())
    }

    /// The `iat` claim.
    pub fn iat(self, time: UnixTime) -> Self {
        self.claim("iat", time.as_secs())
    }

    /// Issued at `time` and valid for the 300 s after it.
    pub fn valid_at(self, time: UnixTime) -> Self {
        self.iat(time)
            .exp(time.saturating_add(Lifetime::from_secs(300)))
    }

    /// The header as it will be signed, before base64url.
    pub fn header_bytes(&self) -> Vec<u8> {
        self.raw_header
            .clone()
            .unwrap_or_else(|| Value::Object(self.header.clone()).to_string().into_bytes())
    }

    /// The payload as it will be signed, before base64url.
    pub fn payload_bytes(&self) -> Vec<u8> {
        self.raw_payload
            .clone()
            .unwrap_or_else(|| Value::Object(self.claims.clone()).to_string().into_bytes())
    }

    /// The compact serialization (RFC 7515 §7.1).
    pub fn sign(&self) -> String {
        let header = self.header_bytes();
        let payload = self.payload_bytes();
        jws(&header, &payload, |input| match &self.signer {
            Signer::Key(key, algorithm) => key.sign_as(*algorithm, input),
            Signer::Mac(algorithm, secret) => algorithm.mac(secret, input),
            Signer::Bytes(bytes) => bytes.clone(),
        })
    }
}

/// A compact JWS of any header and payload bytes; `sign` gets the signing input.
pub fn jws(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature = base64url(sign(input.as_bytes()));
    format!("{input}.{signature}")
}
