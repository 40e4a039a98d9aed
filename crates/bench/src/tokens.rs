//! Tokens: one that is warm in a cache, and as many as wanted that nobody saw before.

use anyhow::Result;
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::jose::Algorithm;
use countersign::{Clock, SystemClock};

/// Who issues the tokens of this program.
pub(crate) const ISSUER: &str = "https://issuer.example";
/// Whom they are for.
pub(crate) const AUDIENCE: &str = "bench";

/// A key pair and what it signs.
#[derive(Debug)]
pub(crate) struct Mint {
    keys: KeyPair,
    random: SystemRandom,
}

impl Mint {
    /// A new key pair for `algorithm`.
    pub(crate) fn new(algorithm: Algorithm) -> Result<Self> {
        Ok(Self {
            keys: KeyPair::generate(algorithm)?,
            random: SystemRandom::new(),
        })
    }

    /// The public key as PEM.
    pub(crate) fn public_pem(&self) -> &str {
        self.keys.public_pem()
    }

    /// A token that was never issued before.
    pub(crate) fn token(&self) -> Result<String> {
        let token = TestToken::new("hello@world.com")
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .scopes(["read", "write"])
            .sign(&self.keys, SystemClock::default().now(), &self.random)?;
        Ok(token.reveal().to_owned())
    }
    /// `lists` lists of `each` tokens that were never issued before.
    pub(crate) fn tokens(&self, lists: usize, each: usize) -> Result<Vec<Vec<String>>> {
        (0..lists)
            .map(|_| (0..each).map(|_| self.token()).collect())
            .collect()
    }
}
