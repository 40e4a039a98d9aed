//! Keys, a good token, and a forge that signs whatever it is told to.

use std::sync::LazyLock;

use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaSignatureEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_oauth::claims::{Claims, ClaimsError, ClaimsPolicy};
use countersign_oauth::jose::{
    Algorithm, JwkSet, JwsError, KeyOrigin, VerifyingKey, verify_compact,
};
use countersign_oauth::{Secret, UnixTime};
use serde_json::{Map, Value, json};

/// The time of every request: 2026-01-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_767_225_600;

pub(crate) const ISSUER: &str = "https://as.test";
pub(crate) const AUDIENCE: &str = "https://rs.test/mcp";

/// The algorithms a server accepts that verifies with public keys.
pub(crate) const PUBLIC: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

pub(crate) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(crate) struct Forge {
    pub(crate) kid: &'static str,
    pub(crate) pem: &'static str,
    pub(crate) pair: Pair,
}

macro_rules! forge {
    ($name:ident, $file:literal, $pair:expr) => {
        pub(crate) static $name: LazyLock<Forge> = LazyLock::new(|| {
            let pem = include_str!(concat!("keys/", $file, ".pem"));
            let (_, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).unwrap();
            let pair: fn(&[u8]) -> Pair = $pair;
            Forge {
                kid: $file,
                pem,
                pair: pair(&der),
            }
        });
    };
}

fn rsa(der: &[u8]) -> Pair {
    Pair::Rsa(RsaKeyPair::from_pkcs8(der).unwrap())
}

fn ed(der: &[u8]) -> Pair {
    Pair::Ed(Ed25519KeyPair::from_pkcs8(der).unwrap())
}

fn ec(algorithm: &'static lc::EcdsaSigningAlgorithm, der: &[u8]) -> Pair {
    Pair::Ec(EcdsaKeyPair::from_pkcs8(algorithm, der).unwrap())
}

forge!(R1, "r1", rsa);
forge!(R2, "r2", rsa);
forge!(E1, "e1", |der| ec(
    &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
    der
));
forge!(E2, "e2", |der| ec(
    &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
    der
));
forge!(E384, "e384", |der| ec(
    &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
    der
));
forge!(E521, "e521", |der| ec(
    &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    der
));
forge!(D1, "d1", ed);

fn rsa_encoding(algorithm: &str) -> &'static RsaSignatureEncoding {
    match algorithm {
        "RS384" => &lc::RSA_PKCS1_SHA384,
        "RS512" => &lc::RSA_PKCS1_SHA512,
        "PS256" => &lc::RSA_PSS_SHA256,
        "PS384" => &lc::RSA_PSS_SHA384,
        "PS512" => &lc::RSA_PSS_SHA512,
        _ => &lc::RSA_PKCS1_SHA256,
    }
}

impl Forge {
    /// A signature over `message`; an RSA key pads as `algorithm` says, or as RS256.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with these very bytes as header and payload.
    pub(crate) fn token(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let input = format!("{}.{}", encode(&header), encode(payload));
        let algorithm = serde_json::from_slice::<Value>(header.as_ref()).ok();
        let algorithm = algorithm.as_ref().and_then(|header| header["alg"].as_str());
        let signature = self.sign(algorithm.unwrap_or_default(), input.as_bytes());
        format!("{input}.{}", encode(signature))
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> Vec<u8> {
        fn der<K>(key: &K) -> Vec<u8>
        where
            K: aws_lc_rs::encoding::AsDer<PublicKeyX509Der<'static>>,
        {
            key.as_der().unwrap().as_ref().to_vec()
        }
        match &self.pair {
            Pair::Rsa(pair) => der(pair.public_key()),
            Pair::Ec(pair) => der(pair.public_key()),
            Pair::Ed(pair) => der(pair.public_key()),
        }
    }

    /// The key as it stands in a key set, without `alg` and `use`.
    pub(crate) fn bare_jwk(&self) -> Map<String, Value> {
        let pem =
            pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, &self.spki());
        let key = VerifyingKey::from_pem(pem.unwrap().as_bytes()).unwrap();
        let mut jwk = key.with_kid(self.kid).unwrap().to_jwk().unwrap();
        jwk.remove("use");
        jwk
    }

    /// The key as it stands in a key set, with more members.
    pub(crate) fn jwk(&self, more: Value) -> Value {
        let mut jwk = self.bare_jwk();
        jwk.extend(more.as_object().unwrap().clone());
        Value::Object(jwk)
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token with an HMAC under any secret, also an empty one.
pub(crate) fn hmac_token(algorithm: &str, header: &str, secret: &[u8]) -> String {
    let hash = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let input = format!("{}.{}", encode(header), encode(good_claims().to_string()));
    let tag = hmac::sign(&hmac::Key::new(hash, secret), input.as_bytes());
    format!("{input}.{}", encode(tag))
}

/// The key set of the issuer: `r1`, `e1` and `d1`, each declared for one algorithm.
pub(crate) fn issuer_keys() -> &'static JwkSet {
    static KEYS: LazyLock<JwkSet> = LazyLock::new(|| {
        key_set(&[
            R1.jwk(json!({"alg": "RS256", "use": "sig"})),
            E1.jwk(json!({"alg": "ES256", "use": "sig"})),
            D1.jwk(json!({"alg": "EdDSA", "use": "sig"})),
        ])
    });
    &KEYS
}

/// A fetched key set.
pub(crate) fn key_set(keys: &[Value]) -> JwkSet {
    let document = json!({ "keys": keys }).to_string();
    JwkSet::parse(document.as_bytes(), KeyOrigin::Remote)
        .unwrap()
        .set
}

pub(crate) fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "c1",
        "iat": NOW, "exp": NOW + 600, "scope": "read write", "jti": "t1",
    })
}

pub(crate) const GOOD_HEADER: &str = r#"{"alg":"ES256","kid":"e1","typ":"at+jwt"}"#;

pub(crate) fn good_token() -> String {
    E1.token(GOOD_HEADER, good_claims().to_string())
}

pub(crate) fn policy() -> ClaimsPolicy {
    ClaimsPolicy::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap()
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Refusal {
    Jws(JwsError),
    Claims(ClaimsError),
}

/// Everything that is checked of a token: shape, signature and claims.
pub(crate) fn judge(token: &str) -> Result<Claims, Refusal> {
    judge_with(token, issuer_keys(), &policy())
}

pub(crate) fn judge_with(
    token: &str,
    keys: &JwkSet,
    policy: &ClaimsPolicy,
) -> Result<Claims, Refusal> {
    let verified = verify_compact(token, keys, &PUBLIC).map_err(Refusal::Jws)?;
    policy
        .check(
            verified.header(),
            verified.payload(),
            UnixTime::from_secs(NOW),
        )
        .map_err(Refusal::Claims)
}

/// What the signature check says of a token under the keys of the issuer.
pub(crate) fn jws_refusal(token: &str) -> JwsError {
    verify_compact(token, issuer_keys(), &PUBLIC).expect_err(token)
}

pub(crate) fn hmac_key(algorithm: Algorithm, bytes: usize) -> VerifyingKey {
    VerifyingKey::from_hmac_secret(&Secret::new("s".repeat(bytes)), algorithm).unwrap()
}
