//! Tokens of programs that are bound to a key: RFC 9449 §5.

use std::sync::Arc;

use super::Inner;
use crate::discovery::Discovery;
use crate::dpop::{ProofKey, Prover, is_offered};
use crate::error::OAuthError;
use crate::store::{StoredTokens, TokenType};

impl Inner {
    /// What proves that we have our key, where tokens are to be bound to one: where the
    /// settings or the metadata of the server want it.
    pub(super) fn prover_for(&self, discovery: &Discovery) -> Result<Option<Prover>, OAuthError> {
        if !self.bound && !discovery.is_bound {
            return Ok(None);
        }
        if discovery.is_published && !is_offered(discovery) {
            return Err(OAuthError::Configuration(format!(
                "the authorization server {} does not bind tokens to keys with ES256, and these \
                 must be bound",
                discovery.issuer
            )));
        }
        let mut state = self.state();
        if state.prover.is_none() {
            let key = Arc::new(ProofKey::generate()?);
            let prover = Prover::new(key, Arc::clone(&self.nonces), self.asker.clone());
            state.prover = Some(prover);
        }
        Ok(state.prover.clone())
    }
}

/// RFC 9449 §5: with another type a token would be worth something to a thief.
pub(super) fn check(tokens: &StoredTokens) -> Result<(), OAuthError> {
    match tokens.token_type {
        TokenType::Dpop => Ok(()),
        TokenType::Bearer => Err(OAuthError::BadAnswer(
            "the token endpoint issues a token that is not bound to our key, as was asked for"
                .to_owned(),
        )),
    }
}
