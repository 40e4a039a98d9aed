//! Several verifiers in order, and the cache in front of them.

use std::fmt;

use countersign_oauth::{Issuer, ScopeSet, UnixTime};

use super::cache::TokenDigest;
use super::{
    CacheLimits, DynVerifier, PresentedToken, TokenCache, Unavailable, Verification, Verifier,
};
use crate::{AccessToken, Reason};

/// The answer of a whole chain.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third answer would have to be handled by every gate"
)]
pub enum ChainOutcome {
    /// A verifier accepted the token. The scopes are those that every token of
    /// that verifier needs.
    Accepted(AccessToken),
    /// A verifier rejected it, or none knew it.
    Rejected(Reason),
}

/// Verifiers in the order in which they are asked.
pub struct VerifierChain {
    verifiers: Vec<Box<dyn DynVerifier>>,
    cache: TokenCache,
}

impl fmt::Debug for VerifierChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierChain")
            .field("verifiers", &self.verifiers.len())
            .finish_non_exhaustive()
    }
}

impl VerifierChain {
    /// A chain of nobody: every token is rejected.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            verifiers: Vec::new(),
            cache: TokenCache::new(limits),
        }
    }

    /// Adds `verifier` at the end.
    pub fn push(&mut self, verifier: impl Verifier) {
        self.verifiers.push(Box::new(verifier));
    }

    /// Whether there is no verifier.
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// The issuers of all verifiers, each once.
    pub fn authorization_servers(&self) -> Vec<Issuer> {
        let mut issuers = Vec::new();
        for verifier in &self.verifiers {
            for issuer in verifier.authorization_servers() {
                if !issuers.contains(&issuer) {
                    issuers.push(issuer);
                }
            }
        }
        issuers
    }

    /// The scopes that tokens of every verifier need.
    pub fn required_scopes(&self) -> ScopeSet {
        self.verifiers
            .iter()
            .fold(ScopeSet::new(), |scopes, verifier| {
                scopes.union(&verifier.required_scopes())
            })
    }

    /// The remembered outcome for `token`, without waiting for anything.
    pub fn cached(&self, token: PresentedToken<'_>, now: UnixTime) -> Option<AccessToken> {
        self.cache.find(&TokenDigest::of(token), now)
    }

    /// Judges `token`: the first verifier that knows its kind decides.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that verifier could not judge it.
    pub async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<ChainOutcome, Unavailable> {
        let digest = TokenDigest::of(token);
        if let Some(known) = self.cache.find(&digest, now) {
            return Ok(ChainOutcome::Accepted(known));
        }
        for verifier in &self.verifiers {
            match verifier.verify(token, now).await? {
                Verification::NotMine => {}
                Verification::Accepted(access_token) => {
                    self.cache.remember(digest, &access_token, now);
                    return Ok(ChainOutcome::Accepted(access_token));
                }
                Verification::Rejected(reason) => return Ok(ChainOutcome::Rejected(reason)),
            }
        }
        Ok(ChainOutcome::Rejected(Reason::UnknownToken))
    }
}
