//! Tokens that are bound to a key: RFC 9449.

use countersign_resource_server::{ConfigurationError, Dpop, GateBuilder};

use super::Server;

impl Server {
    /// Takes access tokens that are bound to a key of the client, with proofs of possession
    /// (RFC 9449): a token that was stolen is worth nothing without the key. With
    /// [`Dpop::required`] no other tokens are taken. An
    /// [authorization server in it](crate::EmbeddedAuth) binds tokens to keys by itself.
    ///
    /// ```
    /// use countersign::{Dpop, Server};
    ///
    /// let server = Server::new("Vault").dpop(Dpop::required());
    /// ```
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Proofs are about access tokens, and API keys are none. `takes_tokens` is whether any
    /// verifier takes access tokens.
    pub(crate) fn check_dpop(&self, takes_tokens: bool) -> Result<(), ConfigurationError> {
        if self.dpop.is_none() || takes_tokens {
            return Ok(());
        }
        Err(self.unbound.clone().unwrap_or_else(|| {
            ConfigurationError::new(
                "proofs of possession come with access tokens, and nothing here verifies any (API \
                 keys are none): add Server::auth, or remove Server::dpop",
            )
        }))
    }

    /// What is asked of proofs, at `gate`.
    pub(crate) fn with_dpop(&self, gate: GateBuilder) -> Result<GateBuilder, ConfigurationError> {
        match &self.dpop {
            Some(dpop) => gate.dpop(dpop.clone()),
            None => Ok(gate),
        }
    }
}
