//! What an exchange gives, and how it is shown.

use std::fmt;

use countersign_oauth::{ScopeSet, Secret, UnixTime};
use http::HeaderMap;

use crate::authorizer::Outgoing;
use crate::dpop::{Prover, Role};
use crate::error::OAuthError;
use crate::showing;
use crate::store::{StoredTokens, TokenType};

/// What was got. It is for the resource that was named, and for no longer than it says.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExchangedToken {
    /// The access token.
    pub access_token: Secret,
    /// How it is shown.
    pub token_type: TokenType,
    /// When it ends, if that is known.
    pub expires_at: Option<UnixTime>,
    /// What it permits.
    pub scopes: ScopeSet,
    tokens: StoredTokens,
    /// Has the key that it is bound to.
    prover: Option<Prover>,
}

impl ExchangedToken {
    pub(super) fn new(tokens: StoredTokens, prover: Option<Prover>) -> Self {
        Self {
            access_token: tokens.access_token.clone(),
            token_type: tokens.token_type,
            expires_at: tokens.expires_at,
            scopes: tokens.scopes.clone(),
            tokens,
            prover,
        }
    }

    pub(super) const fn tokens(&self) -> &StoredTokens {
        &self.tokens
    }

    /// The header fields with which it is shown in `request`: `Authorization` (RFC 6750
    /// §2.1), and for one that is bound to a key a proof for this request alone (RFC 9449
    /// §7.1). They are for the resource that it was got for.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] if the key cannot sign.
    pub fn fields(&self, request: Outgoing<'_>) -> Result<HeaderMap, OAuthError> {
        showing::fields(request, &self.tokens, self.prover.as_ref())
    }

    /// Told the header fields of each answer of the resource to `request`. Whether there is
    /// a nonce among them (RFC 9449 §9): after a refusal with `use_dpop_nonce`, the
    /// [`fields`](Self::fields) that are made next are good.
    pub fn answered(&self, request: Outgoing<'_>, headers: &HeaderMap) -> bool {
        let prover = self.prover.as_ref();
        prover.is_some_and(|prover| prover.nonces().heed(Role::Resource, request.url, headers))
    }
}

impl fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedToken")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
