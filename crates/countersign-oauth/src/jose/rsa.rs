//! What an RSA public key must be like before it is used: RFC 7518 §3.3, RFC 8725 §3.5.

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::algorithm::Algorithm;
use super::error::KeyError;

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;

/// Every padding and hash an RSA key can be used with.
const PARAMETERS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// Judges modulus and exponent (big-endian, without leading zeros) and parses
/// the key once for every algorithm it may be used with.
pub(super) fn parse(n: &[u8], e: &[u8]) -> Result<Vec<(Algorithm, ParsedPublicKey)>, KeyError> {
    check_modulus(n)?;
    check_exponent(e)?;
    PARAMETERS
        .into_iter()
        .map(|(algorithm, parameters)| {
            RsaPublicKeyComponents { n, e }
                .to_parsed_public_key(parameters)
                .map(|key| (algorithm, key))
                .map_err(|_| KeyError::RsaModulus)
        })
        .collect()
}

fn check_modulus(n: &[u8]) -> Result<(), KeyError> {
    let (Some(&first), Some(&last)) = (n.first(), n.last()) else {
        return Err(KeyError::RsaModulus);
    };
    if first == 0 {
        return Err(KeyError::RsaModulus);
    }
    // The size comes first: everything behind it takes time proportional to it.
    let bits = n.len().saturating_mul(8) - first.leading_zeros() as usize;
    if bits < MIN_BITS {
        return Err(KeyError::RsaTooSmall);
    }
    if bits > MAX_BITS {
        return Err(KeyError::RsaTooLarge);
    }
    if last & 1 == 0 {
        return Err(KeyError::RsaModulus);
    }
    if has_roca_fingerprint(n) {
        return Err(KeyError::RsaRoca);
    }
    Ok(())
}

fn check_exponent(e: &[u8]) -> Result<(), KeyError> {
    if e.len() > 4 || e.first().is_none_or(|&first| first == 0) {
        return Err(KeyError::RsaExponent);
    }
    let value = e
        .iter()
        .fold(0_u32, |value, &byte| value << 8 | u32::from(byte));
    if value < 3 || value & 1 == 0 {
        return Err(KeyError::RsaExponent);
    }
    Ok(())
}

/// The odd primes whose product divides the primorial of every vulnerable key size.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// CVE-2017-15361: the flawed generator made primes `k·M + (65537^a mod M)` with
/// `M` a product of small primes, so that the modulus is a power of 65537 modulo
/// each of them. For a random modulus all these residues agree by chance with a
/// probability far below 2^-27.
fn has_roca_fingerprint(n: &[u8]) -> bool {
    ROCA_PRIMES.into_iter().all(|prime| {
        let residue = n
            .iter()
            .fold(0, |residue, &byte| (residue << 8 | u32::from(byte)) % prime);
        let generator = 65537 % prime;
        let mut power = 1;
        loop {
            if power == residue {
                return true;
            }
            power = power * generator % prime;
            if power == 1 {
                return false;
            }
        }
    })
}
