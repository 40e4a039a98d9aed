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
use countersign::oauth::jose::Algorithm;

use crate::child::own_cpu;
use crate::tokens::Mint;

/// Microseconds of CPU time for one verification with `algorithm`, measured for `time`.
pub(crate) fn cost(algorithm: Algorithm, mint: &Mint, time: Duration) -> Result<f64> {
    let library: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::EdDSA => &ED25519,
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        _ => anyhow::bail!("{algorithm:?} is not measured"),
    };
    let pem = mint.public_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = ParsedPublicKey::new(library, STANDARD.decode(body)?)
        .ok()
        .context("the public key is not read")?;
    let token = mint.token()?;
    let (input, signature) = token
        .rsplit_once('.')
        .context("the token has no signature")?;
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let (began, before, mut rounds) = (Instant::now(), own_cpu()?, 0_u32);
    while began.elapsed() < time {
        for _ in 0..16 {
            key.verify_sig(input.as_bytes(), &signature)
                .ok()
                .context("a good signature is refused")?;
        }
        rounds += 16;
    }
    let spent = own_cpu()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(rounds))
}
