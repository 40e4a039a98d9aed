//! Tokens are revoked and forgotten.

use super::{Inner, OAuth};
use crate::error::OAuthError;
use crate::revocation::revoke;
use crate::store::{StoredTokens, TokenKey};

/// What came of logging out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoggedOut {
    /// Nobody was logged in.
    Nobody,
    /// The tokens are revoked and forgotten.
    Revoked,
    /// The tokens are forgotten; the authorization server revokes none, or was not asked
    /// because it does not answer. They end by themselves.
    Forgotten,
}

impl OAuth {
    /// Revokes all tokens for the server, the refresh token first (RFC 7009 §2.1), and
    /// forgets them, whether or not that worked.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Store`] if they may still be there.
    pub async fn logout(&self) -> Result<LoggedOut, OAuthError> {
        let inner = &self.0;
        let keys = inner.store.keys_for(&inner.server).await?;
        let mut outcome = LoggedOut::Nobody;
        for key in keys.iter().filter(|key| inner.is_ours(key)) {
            let mut guard = inner.store.exclusive(key).await?;
            let Some(tokens) = guard.tokens().await? else {
                continue;
            };
            let is_revoked = match inner.give_back(key, &tokens).await {
                Ok(is_revoked) => is_revoked,
                Err(error) => {
                    tracing::warn!(%error, "tokens were forgotten and not revoked");
                    false
                }
            };
            guard.remove().await?;
            outcome = match (outcome, is_revoked) {
                (LoggedOut::Forgotten, _) | (_, false) => LoggedOut::Forgotten,
                (_, true) => LoggedOut::Revoked,
            };
        }
        inner.set_current(None);
        Ok(outcome)
    }
}

impl Inner {
    /// Nothing is sent to whoever did not issue the tokens.
    async fn give_back(&self, key: &TokenKey, tokens: &StoredTokens) -> Result<bool, OAuthError> {
        let discovery = self.discovered().await?;
        if discovery.issuer != key.issuer {
            return Ok(false);
        }
        let store = self.store.as_ref();
        let client = self
            .registrar
            .earlier(store, &discovery, &key.client)
            .await?;
        match client {
            Some(client) => revoke(&self.asker, &discovery, &client.client, tokens).await,
            None => Ok(false),
        }
    }
}
