//! The pure cost of one signature verification: the cryptographic library alone,
//! over the signing input of a real token.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::child::own_cpu;
use crate::tokens::Mint;

/// The algorithms that are measured: ES256, EdDSA, RS256. No key fits two of them.
static LIBRARY: [&dyn VerificationAlgorithm; 3] = [
    &ECDSA_P256_SHA256_FIXED,
    &ED25519,
    &RSA_PKCS1_2048_8192_SHA256,
];

/// A parsed public key, and nothing around it.
#[derive(Debug)]
pub(crate) struct Signatures(ParsedPublicKey);

impl Signatures {
    /// Reads the key from PEM.
    pub(crate) fn by(pem: &str) -> Result<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body)?;
        let key = LIBRARY
            .iter()
            .find_map(|algorithm| ParsedPublicKey::new(*algorithm, &der).ok());
        key.map(Self).context("the public key is not read")
    }

    /// Whether the signature of `token` is good; no header and no claim is read.
    pub(crate) fn are_good(&self, token: &str) -> bool {
        let Some((input, signature)) = token.rsplit_once('.') else {
            return false;
        };
        URL_SAFE_NO_PAD
            .decode(signature)
            .is_ok_and(|signature| self.0.verify_sig(input.as_bytes(), &signature).is_ok())
    }
}

/// Microseconds of CPU time for one verification in a loop, measured for `time`.
pub(crate) fn cost(mint: &Mint, time: Duration) -> Result<f64> {
    let signatures = Signatures::by(mint.public_pem())?;
    let tokens = (0..64).map(|_| mint.token()).collect::<Result<Vec<_>>>()?;
    let (began, before, mut verified) = (Instant::now(), own_cpu()?, 0_u32);
    while began.elapsed() < time {
        for token in &tokens {
            anyhow::ensure!(signatures.are_good(token), "a good signature is refused");
            verified += 1;
        }
    }
    let spent = own_cpu()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(verified))
}
