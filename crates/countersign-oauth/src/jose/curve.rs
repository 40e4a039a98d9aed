//! Points on the curves: RFC 7518 §6.2 (P-256, P-384, P-521), RFC 8037 §2 (Ed25519).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, ParsedPublicKey,
};

use super::algorithm::Algorithm;
use super::error::KeyError;

/// A NIST curve. Each has exactly one algorithm (RFC 7518 §3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) fn parse(name: &str) -> Result<Self, KeyError> {
        match name {
            "P-256" => Ok(Self::P256),
            "P-384" => Ok(Self::P384),
            "P-521" => Ok(Self::P521),
            _ => Err(KeyError::Curve),
        }
    }

    /// The value of `crv` (RFC 7518 §6.2.1.1).
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::P521 => Algorithm::ES512,
        }
    }

    /// The length of a coordinate in bytes.
    pub(super) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }

    /// The point with these coordinates, which must have full length and lie on the curve.
    pub(super) fn point(self, x: &[u8], y: &[u8]) -> Result<ParsedPublicKey, KeyError> {
        // RFC 7518 §6.2.1.2: "The length of this octet string MUST be the full
        // size of a coordinate for the curve".
        if x.len() != self.coordinate_bytes() || y.len() != self.coordinate_bytes() {
            return Err(KeyError::EcPoint);
        }
        let mut uncompressed = Vec::with_capacity(1 + x.len() + y.len());
        uncompressed.push(0x04);
        uncompressed.extend_from_slice(x);
        uncompressed.extend_from_slice(y);
        ParsedPublicKey::new(self.verification(), uncompressed).map_err(|_| KeyError::EcPoint)
    }
}

/// The `y` coordinates, little-endian, of all points whose order divides 8.
/// Such a key would accept signatures that anyone can make.
const SMALL_ORDER: [[u8; 32]; 5] = [
    little_endian(0x00, 0x00, 0x00),
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xEC, 0xFF, 0x7F),
    [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67,
        0x0F, 0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC,
        0x03, 0x7A,
    ],
    [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98,
        0xF0, 0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53,
        0xFC, 0x05,
    ],
];

/// 2^255 - 19, little-endian: the first value that is no field element.
const FIELD_PRIME: [u8; 32] = little_endian(0xED, 0xFF, 0x7F);

/// 32 bytes that are all `middle` except the first and the last.
const fn little_endian(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = low;
    bytes[31] = high;
    bytes
}

/// The Ed25519 key `x` (RFC 8032 §5.1.5), unless it is no field element or of small order.
pub(super) fn ed25519(x: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let mut y = <[u8; 32]>::try_from(x).map_err(|_| KeyError::Ed25519Point)?;
    // The highest bit is the sign of the other coordinate.
    y[31] &= 0x7F;
    let canonical = y.iter().rev().lt(FIELD_PRIME.iter().rev());
    if !canonical || SMALL_ORDER.contains(&y) {
        return Err(KeyError::Ed25519Point);
    }
    ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Ed25519Point)
}
