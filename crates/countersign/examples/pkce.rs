//! Proof keys for code exchange (RFC 7636), for a client or a server of your own: making
//! a pair, and checking that a verifier is that of a challenge.
//!
//! `cargo run -p countersign --example pkce`

use anyhow::Result;
use countersign::keys::SystemRandom;
use countersign::oauth::pkce::{CodeChallenge, CodeVerifier, PkceError, S256};

/// The client keeps the verifier until it redeems its code. The parameters go with its
/// authorization request, where anybody may see them.
pub(crate) fn begin() -> Result<(CodeVerifier, String)> {
    let verifier = CodeVerifier::generate(&SystemRandom::new())?;
    let challenge = verifier.challenge();
    let parameters = format!(
        "code_challenge={}&code_challenge_method={S256}",
        challenge.as_str()
    );
    Ok((verifier, parameters))
}

/// The server compares what came with the request and what comes with the code.
pub(crate) fn check(challenge: &str, verifier: Option<&str>) -> Result<(), PkceError> {
    let verifier = verifier.map(CodeVerifier::parse).transpose()?;
    CodeChallenge::parse(challenge)?.check(verifier.as_ref())
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
fn main() -> Result<()> {
    let (verifier, parameters) = begin()?;
    println!("The authorization request says {parameters}");
    let challenge = verifier.challenge();
    check(challenge.as_str(), Some(verifier.secret().reveal()))?;
    println!("The verifier is that of the challenge");
    let (another, _) = begin()?;
    let refused = check(challenge.as_str(), Some(another.secret().reveal()));
    println!("Another one is refused: {refused:?}");
    Ok(())
}
