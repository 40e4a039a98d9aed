//! A key that verifies signatures, parsed once: RFC 7517 §4, RFC 7638.
//!
//! Whatever can be wrong with a key is found when it is made. A verification
//! only selects the parsed form for its algorithm.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, AlgorithmFamily};
use super::curve::{self, Curve};
use super::error::KeyError;
use super::header::MAX_KEY_ID_BYTES;
use super::{base64url, rsa};
use crate::secret::Secret;

/// A public key or an HMAC secret that is fit to verify signatures.
///
/// An HMAC secret verifies HMAC algorithms only and a public key never does, so
/// that a public key cannot be turned into a secret by the header of a token.
#[derive(Clone)]
pub struct VerifyingKey {
    verifiers: Vec<(Algorithm, Verifier)>,
    public: Option<PublicParameters>,
    thumbprint: Arc<str>,
    kid: Option<String>,
    declared: Option<Algorithm>,
    issuer: Option<Arc<str>>,
}

#[derive(Clone)]
enum Verifier {
    Public(ParsedPublicKey),
    Hmac(Box<hmac::Key>),
}

/// The members of a public JWK that make up the key (RFC 7518 §6).
#[derive(Clone)]
enum PublicParameters {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Ed25519 {
        x: Vec<u8>,
    },
}

impl VerifyingKey {
    /// An HMAC secret for one algorithm. The bytes of the text are the key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if `algorithm` is no HMAC, or the secret is shorter than the
    /// hash (RFC 7518 §3.2), or is the text of a PEM file.
    pub fn from_hmac_secret(secret: &Secret, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm.family() != AlgorithmFamily::Hmac {
            return Err(KeyError::HmacAlgorithm);
        }
        if secret.reveal().trim_start().starts_with("-----BEGIN") {
            return Err(KeyError::HmacIsPem);
        }
        Self::symmetric(secret.reveal().as_bytes())?
            .with_algorithm(algorithm)
            .map_err(|error| {
                if error == KeyError::Algorithm {
                    KeyError::HmacTooShort
                } else {
                    error
                }
            })
    }

    /// A secret for every HMAC whose hash is not longer than it.
    pub(super) fn symmetric(secret: &[u8]) -> Result<Self, KeyError> {
        let verifiers: Vec<_> = [
            (Algorithm::HS256, hmac::HMAC_SHA256),
            (Algorithm::HS384, hmac::HMAC_SHA384),
            (Algorithm::HS512, hmac::HMAC_SHA512),
        ]
        .into_iter()
        // RFC 7518 §3.2: "A key of the same size as the hash output […] or larger MUST be used".
        .filter(|(_, hash)| secret.len() >= hash.digest_algorithm().output_len())
        .map(|(algorithm, hash)| {
            (
                algorithm,
                Verifier::Hmac(Box::new(hmac::Key::new(hash, secret))),
            )
        })
        .collect();
        if verifiers.is_empty() {
            return Err(KeyError::HmacTooShort);
        }
        let k = Zeroizing::new(base64url::encode(secret));
        let canonical = Zeroizing::new(format!(r#"{{"k":"{}","kty":"oct"}}"#, *k));
        Ok(Self::assemble(verifiers, None, &canonical))
    }

    /// An RSA key; both numbers big-endian without leading zeros.
    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyError> {
        let keys = rsa::parse(&n, &e)?;
        Ok(Self::public(keys, PublicParameters::Rsa { n, e }))
    }

    /// A point on a NIST curve; both coordinates at full length.
    pub(super) fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, KeyError> {
        let keys = vec![(curve.algorithm(), curve.point(&x, &y)?)];
        Ok(Self::public(keys, PublicParameters::Ec { curve, x, y }))
    }

    /// An Ed25519 key of 32 bytes.
    pub(super) fn ed25519(x: Vec<u8>) -> Result<Self, KeyError> {
        let keys = vec![(Algorithm::EdDSA, curve::ed25519(&x)?)];
        Ok(Self::public(keys, PublicParameters::Ed25519 { x }))
    }

    fn public(keys: Vec<(Algorithm, ParsedPublicKey)>, public: PublicParameters) -> Self {
        let verifiers = keys
            .into_iter()
            .map(|(algorithm, key)| (algorithm, Verifier::Public(key)))
            .collect();
        let canonical = Value::Object(public.members()).to_string();
        Self::assemble(verifiers, Some(public), &canonical)
    }

    /// `canonical` is the text that RFC 7638 §3 hashes.
    fn assemble(
        verifiers: Vec<(Algorithm, Verifier)>,
        public: Option<PublicParameters>,
        canonical: &str,
    ) -> Self {
        let hash = digest(&SHA256, canonical.as_bytes());
        let thumbprint = base64url::encode(hash.as_ref()).into();
        Self {
            verifiers,
            public,
            thumbprint,
            kid: None,
            declared: None,
            issuer: None,
        }
    }

    /// The same key under the id `kid`.
    ///
    /// # Errors
    ///
    /// [`KeyError::KeyId`] if `kid` is longer than 512 bytes.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Result<Self, KeyError> {
        let kid = kid.into();
        if kid.len() > MAX_KEY_ID_BYTES {
            return Err(KeyError::KeyId);
        }
        self.kid = Some(kid);
        Ok(self)
    }

    /// The same key, for one algorithm only (RFC 8725 §3.1).
    ///
    /// # Errors
    ///
    /// [`KeyError::Algorithm`] if the key cannot verify `algorithm`.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Result<Self, KeyError> {
        self.verifiers
            .retain(|(verifies, _)| *verifies == algorithm);
        if self.verifiers.is_empty() {
            return Err(KeyError::Algorithm);
        }
        self.declared = Some(algorithm);
        Ok(self)
    }

    /// The same key, of `issuer` alone. Who verifies tokens of several issuers with one
    /// set has to compare it.
    pub(super) fn of_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The issuer that the key set names for this key, as written. No RFC has this member;
    /// sets that serve several tenants do.
    pub const fn issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref()
    }

    /// The key id (RFC 7517 §4.5).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm the key is declared for, if it is (RFC 7517 §4.4).
    pub const fn declared_algorithm(&self) -> Option<Algorithm> {
        self.declared
    }

    /// Whether the key verifies signatures of `algorithm`.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.verifiers
            .iter()
            .any(|(verifies, _)| *verifies == algorithm)
    }

    /// The algorithms the key verifies.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// The base64url of the SHA-256 thumbprint (RFC 7638 §3) of a public key.
    /// An HMAC secret has none, because its hash could be searched (RFC 7638 §7).
    pub fn thumbprint(&self) -> Option<&str> {
        self.public.is_some().then_some(&*self.thumbprint)
    }

    /// The public JWK with `kid` and `alg` if they are known and `use` = `sig`
    /// (RFC 7517 §4); nothing for an HMAC secret.
    pub fn to_jwk(&self) -> Option<Map<String, Value>> {
        let mut members = self.public.as_ref()?.members();
        if let Some(kid) = &self.kid {
            members.insert("kid".into(), kid.as_str().into());
        }
        if let Some(algorithm) = self.declared {
            members.insert("alg".into(), algorithm.as_str().into());
        }
        members.insert("use".into(), "sig".into());
        Some(members)
    }

    /// The members of the public JWK that make up the key and nothing else (RFC 7638 §3.2);
    /// nothing for an HMAC secret.
    #[cfg(feature = "sign")]
    pub(crate) fn public_members(&self) -> Option<Map<String, Value>> {
        self.public.as_ref().map(PublicParameters::members)
    }

    /// Whether both have the same key material, whatever their ids.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        self.thumbprint == other.thumbprint
    }

    pub(super) fn shared_thumbprint(&self) -> Option<Arc<str>> {
        self.public.is_some().then(|| Arc::clone(&self.thumbprint))
    }

    /// The parsed key in SubjectPublicKeyInfo form, for writing it out.
    #[cfg(feature = "sign")]
    pub(super) fn parsed(&self) -> Option<&ParsedPublicKey> {
        self.verifiers
            .iter()
            .find_map(|(_, verifier)| match verifier {
                Verifier::Public(key) => Some(key),
                Verifier::Hmac(_) => None,
            })
    }

    /// Whether `signature` is one of `algorithm` over `message`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .find(|(verifies, _)| *verifies == algorithm)
            .is_some_and(|(_, verifier)| match verifier {
                Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
                Verifier::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            })
    }
}

impl PublicParameters {
    /// The required members in alphabetical order (RFC 7638 §3.2).
    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::Rsa { n, e } => {
                vec![
                    ("e", base64url::encode(e)),
                    ("kty", "RSA".into()),
                    ("n", base64url::encode(n)),
                ]
            }
            Self::Ec { curve, x, y } => vec![
                ("crv", curve.name().into()),
                ("kty", "EC".into()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ],
            Self::Ed25519 { x } => vec![
                ("crv", "Ed25519".into()),
                ("kty", "OKP".into()),
                ("x", base64url::encode(x)),
            ],
        };
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}
