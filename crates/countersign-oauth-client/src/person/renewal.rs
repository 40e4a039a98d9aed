//! Tokens are refreshed by one holder at a time, in all processes.

use std::sync::Arc;

use countersign_oauth::Lifetime;

use super::{Current, Inner};
use crate::dpop::{ProofKey, check_bound};
use crate::error::OAuthError;
use crate::refresh;
use crate::store::{StoredTokens, TokenGuard, TokenType};
use crate::token_endpoint::TokenProof;

impl Inner {
    /// New tokens in the place of `seen`; nothing if the person has to be asked.
    ///
    /// It is a task of its own: once the authorization server has been asked, a caller
    /// who goes away must not lose a refresh token that was replaced.
    pub(super) async fn renew(
        self: &Arc<Self>,
        seen: &Current,
    ) -> Result<Option<Current>, OAuthError> {
        let inner = Arc::clone(self);
        let seen = seen.clone();
        let task = tokio::spawn(async move { inner.renew_now(seen).await });
        task.await.unwrap_or_else(|_| {
            Err(OAuthError::Store(
                "the refresh was broken off; the tokens stay as they are".to_owned(),
            ))
        })
    }

    async fn renew_now(&self, seen: Current) -> Result<Option<Current>, OAuthError> {
        let mut guard = self.store.exclusive(&seen.key).await?;
        let Some(kept) = guard.tokens().await? else {
            // Somebody logged out.
            self.set_current(None);
            return Ok(None);
        };
        let now = self.asker.now();
        let is_other = kept.access_token != seen.tokens.access_token;
        if is_other && kept.lasts(now, kept.margin()) {
            return self.use_tokens(seen.key, kept).map(Some);
        }
        let Some(refresh_token) = &kept.refresh_token else {
            return Ok(None);
        };
        let discovery = self.discovered().await?;
        if discovery.issuer != seen.key.issuer {
            // The server trusts somebody else now, who gets nothing of this.
            self.set_current(None);
            return Ok(None);
        }
        let earlier = self
            .registrar
            .earlier(self.store.as_ref(), &discovery, &seen.key.client)
            .await?;
        let Some(client) = earlier else {
            return Ok(None);
        };
        // RFC 9449 §5: with the key that the tokens were bound to.
        let proof_key = kept.dpop_key.as_ref().map(ProofKey::from_pem).transpose()?;
        let prover = proof_key.map(|key| self.prover(Arc::new(key)));
        let proof = prover.as_ref().map(|prover| prover as &dyn TokenProof);
        let endpoint = refresh::endpoint(&self.asker, &discovery, &client.client, proof)?;
        let parameters = refresh::parameters(refresh_token, &discovery.resource);
        match endpoint.ask(&parameters).await {
            Ok(tokens) => {
                let renewed = refresh::kept(&tokens, &kept.scopes, Some(&kept), self.asker.now())?;
                if kept.token_type == TokenType::Dpop {
                    check_bound(renewed.token_type)?;
                }
                // Written before anybody sees it: a new token that only we know would be
                // lost with us, and the old one is good no more.
                guard.put(&renewed).await?;
                self.use_tokens(seen.key, renewed).map(Some)
            }
            Err(error) if error.is_invalid_grant() => {
                self.ended(&mut *guard, kept).await?;
                Ok(None)
            }
            Err(error) if error.is_invalid_client() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The refresh token is good no more. The access token may still be.
    async fn ended(
        &self,
        guard: &mut dyn TokenGuard,
        mut kept: StoredTokens,
    ) -> Result<(), OAuthError> {
        let is_known_good =
            kept.expires_at.is_some() && kept.lasts(self.asker.now(), Lifetime::ZERO);
        if is_known_good {
            kept.refresh_token = None;
            guard.put(&kept).await?;
        } else {
            guard.remove().await?;
        }
        self.set_current(None);
        Ok(())
    }
}
