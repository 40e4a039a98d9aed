//! Signing keys with fixed material, committed as PEM so that no test spends
//! time making an RSA key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::{hmac, signature::RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A signature algorithm by its registered name (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the registered ones")]
#[expect(clippy::exhaustive_enums, reason = "tests list all of them")]
pub enum SignatureAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

impl SignatureAlgorithm {
    /// The value of `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// The HMAC of `input` under `secret` (RFC 7518 §3.2); panics for other families.
    pub fn mac(self, secret: &[u8], input: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::HS256 => hmac::HMAC_SHA256,
            Self::HS384 => hmac::HMAC_SHA384,
            Self::HS512 => hmac::HMAC_SHA512,
            other => panic!("{} is not an HMAC", other.name()),
        };
        hmac::sign(&hmac::Key::new(algorithm, secret), input)
            .as_ref()
            .to_vec()
    }
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec {
        pair: EcdsaKeyPair,
        crv: &'static str,
    },
    Ed(Ed25519KeyPair),
}

struct Material {
    kid: String,
    algorithm: SignatureAlgorithm,
    pair: Pair,
    private_pem: &'static str,
    certificate_pem: Option<&'static str>,
}

/// A private key with a `kid` and the algorithm it is published for. Cloning is cheap.
#[derive(Clone)]
pub struct TestKey(Arc<Material>);

macro_rules! fixture {
    ($(#[$doc:meta])* $name:ident, $kid:literal, $algorithm:ident, $file:literal) => {
        $(#[$doc])*
        pub fn $name() -> Self {
            Self::load($kid, SignatureAlgorithm::$algorithm, include_str!(concat!("../../fixtures/", $file, ".pem")), None)
        }
    };
    ($(#[$doc:meta])* $name:ident, $kid:literal, $algorithm:ident, $file:literal, certificate) => {
        $(#[$doc])*
        pub fn $name() -> Self {
            Self::load($kid, SignatureAlgorithm::$algorithm,
                include_str!(concat!("../../fixtures/", $file, ".pem")),
                Some(include_str!(concat!("../../fixtures/", $file, ".crt.pem"))))
        }
    };
}

impl TestKey {
    fixture!(
        /// RSA of 2048 bits, `kid` r1, published for RS256.
        r1, "r1", RS256, "r1", certificate);
    fixture!(
        /// P-256, `kid` e1, ES256.
        e1, "e1", ES256, "e1", certificate);
    fixture!(
        /// Ed25519, `kid` d1, EdDSA.
        d1, "d1", EdDSA, "d1", certificate);
    fixture!(
        /// P-384, `kid` e384, ES384.
        e384, "e384", ES384, "e384");
    fixture!(
        /// P-521, `kid` e521, ES512.
        e521, "e521", ES512, "e521");
    fixture!(
        /// An attacker's RSA key that calls itself r1.
        stranger_r1, "r1", RS256, "stranger_r1");
    fixture!(
        /// An attacker's P-256 key that calls itself e1.
        stranger_e1, "e1", ES256, "stranger_e1");
    fixture!(
        /// An attacker's Ed25519 key that calls itself d1.
        stranger_d1, "d1", EdDSA, "stranger_d1");

    fn load(
        kid: &str,
        algorithm: SignatureAlgorithm,
        private_pem: &'static str,
        certificate_pem: Option<&'static str>,
    ) -> Self {
        let der = pem_body(private_pem);
        let ec = |signing, crv| Pair::Ec {
            pair: EcdsaKeyPair::from_pkcs8(signing, &der).expect("a fixture"),
            crv,
        };
        let pair = match algorithm {
            SignatureAlgorithm::ES256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            SignatureAlgorithm::ES384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            SignatureAlgorithm::ES512 => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            SignatureAlgorithm::EdDSA => {
                Pair::Ed(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("a fixture"))
            }
            _ => Pair::Rsa(RsaKeyPair::from_pkcs8(&der).expect("a fixture")),
        };
        Self(Arc::new(Material {
            kid: kid.to_owned(),
            algorithm,
            pair,
            private_pem,
            certificate_pem,
        }))
    }

    /// The same key material under another `kid`.
    #[must_use]
    pub fn with_kid(&self, kid: &str) -> Self {
        Self::load(
            kid,
            self.0.algorithm,
            self.0.private_pem,
            self.0.certificate_pem,
        )
    }

    /// The `kid` it is published under.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The algorithm it is published for.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm
    }

    /// The private key, PKCS#8 in PEM.
    pub fn private_pem(&self) -> &'static str {
        self.0.private_pem
    }

    /// A self-signed certificate of the key in PEM; `r1`, `e1` and `d1` have one.
    pub fn certificate_pem(&self) -> &'static str {
        self.0
            .certificate_pem
            .unwrap_or_else(|| panic!("{} has no certificate", self.kid()))
    }

    /// The public key as SubjectPublicKeyInfo in DER (RFC 5280 §4.1).
    pub fn spki_der(&self) -> Vec<u8> {
        let der = match &self.0.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ec { pair, .. } => pair.public_key().as_der(),
            Pair::Ed(pair) => pair.public_key().as_der(),
        };
        der.expect("a fixture encodes").as_ref().to_vec()
    }

    /// The public key as SubjectPublicKeyInfo in PEM (RFC 7468 §13).
    pub fn spki_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki_der())
    }

    /// An RSA public key as RSAPublicKey in PEM (RFC 8017 §A.1.1).
    pub fn pkcs1_pem(&self) -> String {
        pem("RSA PUBLIC KEY", &self.public_bytes())
    }

    /// The bare public key: RSAPublicKey in DER, the uncompressed point, or the
    /// 32 bytes of Ed25519.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.0.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec { pair, .. } => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// Modulus and exponent of an RSA key, big-endian.
    pub fn rsa_parts(&self) -> (Vec<u8>, Vec<u8>) {
        let Pair::Rsa(pair) = &self.0.pair else {
            panic!("{} is not an RSA key", self.kid());
        };
        let public = pair.public_key();
        (
            public.modulus().big_endian_without_leading_zero().to_vec(),
            public.exponent().big_endian_without_leading_zero().to_vec(),
        )
    }

    /// The coordinates of an EC key, big-endian and of full length.
    pub fn ec_parts(&self) -> (Vec<u8>, Vec<u8>) {
        let Pair::Ec { pair, .. } = &self.0.pair else {
            panic!("{} is not an EC key", self.kid());
        };
        let point = pair.public_key().as_ref().get(1..).expect("04 x y");
        let (x, y) = point.split_at(point.len() / 2);
        (x.to_vec(), y.to_vec())
    }

    /// The public key as a JWK with `kid`, `use` and `alg` (RFC 7517 §4).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.0.pair {
            Pair::Rsa(_) => {
                let (n, e) = self.rsa_parts();
                json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) })
            }
            Pair::Ec { crv, .. } => {
                let (x, y) = self.ec_parts();
                json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed(_) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(self.public_bytes()) })
            }
        };
        let members = jwk.as_object_mut().expect("an object");
        members.insert("kid".to_owned(), self.kid().into());
        members.insert("use".to_owned(), "sig".into());
        members.insert("alg".to_owned(), self.algorithm().name().into());
        jwk
    }

    /// Signs `input` with the algorithm the key is published for.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm(), input)
    }

    /// Signs `input` with `algorithm`, which may be any of an RSA key's six.
    pub fn sign_as(&self, algorithm: SignatureAlgorithm, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_padding(algorithm), &random, input, &mut signature)
                    .expect("a fixture signs");
                signature
            }
            Pair::Ec { pair, .. } => pair
                .sign(&random, input)
                .expect("a fixture signs")
                .as_ref()
                .to_vec(),
            Pair::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestKey({} {})", self.kid(), self.algorithm().name())
    }
}

fn rsa_padding(algorithm: SignatureAlgorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        SignatureAlgorithm::RS256 => &signature::RSA_PKCS1_SHA256,
        SignatureAlgorithm::RS384 => &signature::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RS512 => &signature::RSA_PKCS1_SHA512,
        SignatureAlgorithm::PS256 => &signature::RSA_PSS_SHA256,
        SignatureAlgorithm::PS384 => &signature::RSA_PSS_SHA384,
        SignatureAlgorithm::PS512 => &signature::RSA_PSS_SHA512,
        other => panic!("an RSA key does not sign {}", other.name()),
    }
}

/// `bytes` in base64url without padding (RFC 7515 §2).
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `der` in PEM armour, lines of 64 characters and a final newline (RFC 7468 §3).
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn pem_body(pem: &str) -> Vec<u8> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(body).expect("a fixture decodes")
}
