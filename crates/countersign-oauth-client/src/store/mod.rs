//! What is remembered between runs: tokens, and the clients registered for them.

use countersign_oauth::{ClientId, Issuer, ResourceUri};

/// What tokens belong to. Tokens kept under one key are never used under another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TokenKey {
    /// Who issued the tokens.
    pub issuer: Issuer,
    /// For which protected resource.
    pub resource: ResourceUri,
    /// To which client.
    pub client: ClientId,
}

impl TokenKey {
    /// The tokens that `issuer` issued to `client` for `resource`.
    pub const fn new(issuer: Issuer, resource: ResourceUri, client: ClientId) -> Self {
        Self {
            issuer,
            resource,
            client,
        }
    }
}
