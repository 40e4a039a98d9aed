//! Making a compact JWS: RFC 7515 §5.1. Only whoever mints tokens needs this.
//!
//! Keys are PKCS#8 (RFC 5208, RFC 8410). Random bytes come from the caller.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use aws_lc_rs::{digest, hmac, rsa};
use pem_rfc7468::LineEnding;
use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::Zeroizing;

use super::algorithm::{Algorithm, AlgorithmFamily};
use super::base64url;
use super::curve::Curve;
use super::error::KeyError;
use super::key::VerifyingKey;
use crate::secret::Secret;

/// Why a key cannot sign. The text never contains a part of the key.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// Not one PEM block `PRIVATE KEY` (RFC 7468 §10).
    #[error("not one PEM block PRIVATE KEY (PKCS#8); convert with: openssl pkcs8 -topk8 -nocrypt")]
    Pem,
    /// A public key or certificate (RFC 7468 §5, §13).
    #[error("this is a public key or certificate; signing needs the private key")]
    Public,
    /// An encrypted private key (RFC 7468 §11).
    #[error("the private key is encrypted; it must be stored unencrypted or sealed by other means")]
    Encrypted,
    /// No RSA, P-256, P-384, P-521 or Ed25519 key.
    #[error("not an RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519 private key")]
    KeyType,
    /// The key cannot sign the algorithm.
    #[error("the key is not for this algorithm")]
    Algorithm,
    /// The public half is not fit for verifying.
    #[error("the key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// Not one PEM block `CERTIFICATE` (RFC 7468 §5).
    #[error("not one PEM block CERTIFICATE; of a chain, give the certificate of the key alone")]
    Certificate,
    /// The certificate is of another key.
    #[error("the certificate is not of this private key")]
    OtherCertificate,
    /// An HMAC key pair was asked for.
    #[error("an HMAC secret has no key pair; use random text of at least 64 bytes instead")]
    NoKeyPair,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Failed,
}

/// A private key or HMAC secret with one algorithm.
pub struct SigningKey {
    signer: Signer,
    algorithm: Algorithm,
    public: VerifyingKey,
    /// `x5t#S256` of its certificate.
    certificate: Option<String>,
}

enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// Reads a PKCS#8 PEM. The algorithm follows from the key: ES256, ES384 or
    /// ES512 by its curve, EdDSA, and RS256 for RSA.
    ///
    /// # Errors
    ///
    /// [`SignError`] if it is no such key or its public half is not fit for use.
    pub fn from_pkcs8_pem(pem: &Secret) -> Result<Self, SignError> {
        let text = pem.reveal().trim().as_bytes();
        match pem_rfc7468::decode_label(text) {
            Ok("PRIVATE KEY") => {}
            Ok("ENCRYPTED PRIVATE KEY") => return Err(SignError::Encrypted),
            Ok("PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE") => return Err(SignError::Public),
            _ => return Err(SignError::Pem),
        }
        let (_, der) = pem_rfc7468::decode_vec(text).map_err(|_| SignError::Pem)?;
        Self::from_pkcs8_der(&Zeroizing::new(der))
    }

    fn from_pkcs8_der(der: &[u8]) -> Result<Self, SignError> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            let public = VerifyingKey::ed25519(pair.public_key().as_ref().to_vec())?;
            return Self::assemble(Signer::Ed25519(pair), Algorithm::EdDSA, public);
        }
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(signing(curve), der) {
                let spki = pair.public_key().as_der().map_err(|_| SignError::Failed)?;
                let public = VerifyingKey::from_spki_der(spki.as_ref())?;
                return Self::assemble(Signer::Ec(pair), curve.algorithm(), public);
            }
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| SignError::KeyType)?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key());
        let public = VerifyingKey::from_spki_der(spki.map_err(|_| SignError::Failed)?.as_ref())?;
        Self::assemble(Signer::Rsa(pair), Algorithm::RS256, public)
    }

    /// An HMAC secret; the bytes of the text are the key.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_hmac_secret`].
    pub fn from_hmac_secret(secret: &Secret, algorithm: Algorithm) -> Result<Self, SignError> {
        let public = VerifyingKey::from_hmac_secret(secret, algorithm)?;
        let hash = match algorithm {
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        let key = hmac::Key::new(hash, secret.reveal().as_bytes());
        Self::assemble(Signer::Hmac(Box::new(key)), algorithm, public)
    }

    fn assemble(
        signer: Signer,
        algorithm: Algorithm,
        public: VerifyingKey,
    ) -> Result<Self, SignError> {
        let public = public.with_algorithm(algorithm)?;
        Ok(Self {
            signer,
            algorithm,
            public,
            certificate: None,
        })
    }

    /// Makes a new private key for `algorithm`, as a PKCS#8 PEM. RSA keys have 3072 bits.
    ///
    /// # Errors
    ///
    /// [`SignError::NoKeyPair`] for an HMAC; [`SignError::Failed`] if the
    /// generator failed.
    pub fn generate_pkcs8_pem(
        algorithm: Algorithm,
        random: &dyn SecureRandom,
    ) -> Result<Secret, SignError> {
        let failed = |_| SignError::Failed;
        let document = match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::generate_pkcs8(signing(Curve::P256), random),
            Algorithm::ES384 => EcdsaKeyPair::generate_pkcs8(signing(Curve::P384), random),
            Algorithm::ES512 => EcdsaKeyPair::generate_pkcs8(signing(Curve::P521), random),
            // Version 1 of the format, which every other tool reads.
            Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8v1(random),
            _ if algorithm.family() == AlgorithmFamily::Rsa => {
                let pair = RsaKeyPair::generate(rsa::KeySize::Rsa3072).map_err(failed)?;
                let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair);
                return private_pem(der.map_err(failed)?.as_ref());
            }
            _ => return Err(SignError::NoKeyPair),
        };
        private_pem(document.map_err(failed)?.as_ref())
    }

    /// The same key for another algorithm: an RSA key may sign RS256 to PS512.
    ///
    /// # Errors
    ///
    /// [`SignError::Algorithm`] if the key cannot sign it.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, SignError> {
        if algorithm == self.algorithm {
            return Ok(self);
        }
        let (Signer::Rsa(pair), AlgorithmFamily::Rsa) = (&self.signer, algorithm.family()) else {
            return Err(SignError::Algorithm);
        };
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key());
        let mut public =
            VerifyingKey::from_spki_der(spki.map_err(|_| SignError::Failed)?.as_ref())?;
        if let Some(kid) = self.public.kid() {
            public = public.with_kid(kid)?;
        }
        let certificate = self.certificate;
        let key = Self::assemble(self.signer, algorithm, public)?;
        Ok(Self { certificate, ..key })
    }

    /// The same key, with the SHA-256 thumbprint of its certificate in every header:
    /// `x5t#S256` (RFC 7515 §4.1.8), by which some servers find the key. `pem` is one
    /// block `CERTIFICATE` (RFC 7468 §5).
    ///
    /// # Errors
    ///
    /// [`SignError::Certificate`] if it is none, [`SignError::OtherCertificate`] if it is
    /// that of another key, [`SignError::Key`] if its key cannot be read.
    pub fn with_certificate(mut self, pem: &str) -> Result<Self, SignError> {
        let text = pem.trim().as_bytes();
        let Ok(("CERTIFICATE", der)) = pem_rfc7468::decode_vec(text) else {
            return Err(SignError::Certificate);
        };
        let certified = VerifyingKey::from_pem(text)?;
        let both = (certified.thumbprint(), self.public.thumbprint());
        if !matches!(both, (Some(certified), Some(own)) if certified == own) {
            return Err(SignError::OtherCertificate);
        }
        let hash = digest::digest(&digest::SHA256, &der);
        self.certificate = Some(base64url::encode(hash.as_ref()));
        Ok(self)
    }

    /// The same key under the id `kid`, which is then written into every header.
    ///
    /// # Errors
    ///
    /// [`KeyError::KeyId`] if `kid` is longer than 512 bytes.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Result<Self, SignError> {
        self.public = self.public.with_kid(kid)?;
        Ok(self)
    }

    /// The algorithm of the signatures.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The half that verifies, with the same id and algorithm. Of an HMAC secret
    /// this is the secret itself.
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The public JWK with `kid`, `alg` and `use`; nothing for an HMAC secret.
    pub fn public_jwk(&self) -> Option<Map<String, Value>> {
        self.public.to_jwk()
    }

    /// The public key as a PEM block `PUBLIC KEY`; nothing for an HMAC secret.
    pub fn public_pem(&self) -> Option<String> {
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(self.public.parsed()?).ok()?;
        pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, der.as_ref()).ok()
    }

    fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::Failed;
        match &self.signer {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding = rsa_encoding(self.algorithm)?;
                pair.sign(encoding, random, message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Signer::Ec(pair) => Ok(pair
                .sign(random, message)
                .map_err(failed)?
                .as_ref()
                .to_vec()),
            Signer::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Signer::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Signs `payload` and returns the token.
///
/// The header gets `alg` and, if the key has them, `kid` and `x5t#S256`; `typ` is written as
/// given, for instance `at+jwt`. `random` serves the algorithms that need it.
///
/// # Errors
///
/// [`SignError::Failed`] if the cryptographic library failed.
pub fn sign_compact(
    typ: Option<&str>,
    payload: &[u8],
    key: &SigningKey,
    random: &dyn SecureRandom,
) -> Result<String, SignError> {
    let mut header = Map::new();
    if let Some(typ) = typ {
        header.insert("typ".into(), typ.into());
    }
    header.insert("alg".into(), key.algorithm.as_str().into());
    if let Some(kid) = key.public.kid() {
        header.insert("kid".into(), kid.into());
    }
    if let Some(certificate) = &key.certificate {
        header.insert("x5t#S256".into(), certificate.as_str().into());
    }
    sign_with_header(header, payload, key, random)
}

/// Signs `payload` under a header that names the algorithm of `key`.
pub(crate) fn sign_with_header(
    header: Map<String, Value>,
    payload: &[u8],
    key: &SigningKey,
    random: &dyn SecureRandom,
) -> Result<String, SignError> {
    let mut token = base64url::encode(Value::Object(header).to_string().as_bytes());
    token.push('.');
    token.push_str(&base64url::encode(payload));
    let signature = key.sign(token.as_bytes(), random)?;
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    Ok(token)
}

const fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Result<&'static RsaSignatureEncoding, SignError> {
    match algorithm {
        Algorithm::RS256 => Ok(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Ok(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Ok(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Ok(&RSA_PSS_SHA256),
        Algorithm::PS384 => Ok(&RSA_PSS_SHA384),
        Algorithm::PS512 => Ok(&RSA_PSS_SHA512),
        _ => Err(SignError::Algorithm),
    }
}

fn private_pem(der: &[u8]) -> Result<Secret, SignError> {
    pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, der)
        .map(Secret::new)
        .map_err(|_| SignError::Failed)
}
