//! The names of signature algorithms: RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A signature algorithm that is implemented. `none` is not one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever maps algorithms must map them all"
)]
#[expect(missing_docs, reason = "the names are those of RFC 7518 §3.1")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    /// Ed25519 only. `Ed25519` of RFC 9864 is read as the same algorithm.
    EdDSA,
}

/// What kind of key an [`Algorithm`] needs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever maps families must map them all"
)]
pub enum AlgorithmFamily {
    /// A secret shared by signer and verifier.
    Hmac,
    /// An RSA key, with either padding.
    Rsa,
    /// A key on a NIST curve.
    Ec,
    /// An Ed25519 key.
    Ed,
}

/// A name that is no implemented algorithm.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not a supported signature algorithm (names are case-sensitive: RS256, ES256, EdDSA, …)")]
#[non_exhaustive]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// Every algorithm that is implemented.
    pub const ALL: [Self; 13] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// The name in a header or a JWK.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
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
        }
    }

    /// What kind of key the algorithm needs.
    pub const fn family(self) -> AlgorithmFamily {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => AlgorithmFamily::Hmac,
            Self::RS256 | Self::RS384 | Self::RS512 => AlgorithmFamily::Rsa,
            Self::PS256 | Self::PS384 | Self::PS512 => AlgorithmFamily::Rsa,
            Self::ES256 | Self::ES384 | Self::ES512 => AlgorithmFamily::Ec,
            Self::EdDSA => AlgorithmFamily::Ed,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if name == "Ed25519" {
            return Ok(Self::EdDSA);
        }
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
