//! One resource called for one caller.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use countersign_oauth::{ResourceUri, ScopeSet, Secret};
use http::HeaderMap;

use super::{ExchangedToken, TokenExchange};
use crate::authorizer::{Authorizer, Authorizing, Next, Outgoing, Refused, check_target};
use crate::dpop::Role;
use crate::error::OAuthError;
use crate::showing::About;
use crate::step_up::MAX_ROUNDS;

/// Has the tokens with which one resource is called for whoever called us. It lives no
/// longer than their call: the token that they showed is good for no longer than that.
pub struct OnBehalf {
    exchange: TokenExchange,
    subject: Secret,
    resource: ResourceUri,
    /// What is asked for; more after the resource asked for more.
    scopes: Mutex<ScopeSet>,
}

impl fmt::Debug for OnBehalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalf")
            .field("exchange", &self.exchange)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

impl OnBehalf {
    pub(super) const fn new(
        exchange: TokenExchange,
        subject: Secret,
        resource: ResourceUri,
        scopes: ScopeSet,
    ) -> Self {
        Self {
            exchange,
            subject,
            resource,
            scopes: Mutex::new(scopes),
        }
    }

    fn scopes(&self) -> ScopeSet {
        let scopes = self.scopes.lock();
        scopes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn token(&self) -> Result<ExchangedToken, OAuthError> {
        let scopes = self.scopes();
        self.exchange
            .exchange(&self.subject, self.resource.as_str(), &scopes)
            .await
    }

    /// Whether another token may help after `refused`.
    async fn replace(&self, refused: &Refused<'_>) -> Result<Next, OAuthError> {
        let Some(shown) = refused.shown_token() else {
            return Ok(Next::Again);
        };
        let held = self.token().await?;
        if held.access_token == shown {
            // One that was just got is refused for good.
            if held.tokens().is_fresh(self.exchange.0.asker.now()) {
                return Ok(Next::GiveUp);
            }
            self.exchange.forget(&shown);
        }
        // One that says not when it ends is another one each time.
        Ok(match refused.attempt {
            0 => Next::Again,
            _ => Next::GiveUp,
        })
    }

    /// The resource names scopes that are missing: they are asked for besides the others,
    /// once. Nobody is there to be asked, so the authorization server decides.
    async fn widen(&self, needed: ScopeSet) -> Result<Next, OAuthError> {
        let before = self.scopes();
        if needed.is_empty() || before.is_superset(&needed) {
            return Ok(Next::GiveUp);
        }
        let all = before.union(&needed);
        self.set_scopes(all);
        match self.token().await {
            Ok(_) => Ok(Next::Again),
            Err(error) => {
                // What it may have goes on working for everything else.
                self.set_scopes(before);
                Err(error)
            }
        }
    }

    fn set_scopes(&self, scopes: ScopeSet) {
        *self.scopes.lock().unwrap_or_else(PoisonError::into_inner) = scopes;
    }
}

impl Authorizer for OnBehalf {
    fn authorize<'a>(&'a self, request: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        Box::pin(async move {
            check_target(&self.resource, request)?;
            Ok(self.token().await?.fields(request)?)
        })
    }

    fn refused<'a>(&'a self, refused: Refused<'a>) -> Authorizing<'a, Next> {
        Box::pin(async move {
            check_target(&self.resource, refused.request)?;
            let next = match About::of(&refused, &self.exchange.0.nonces) {
                About::Token(_) => self.replace(&refused).await?,
                About::Scope(challenge) if refused.attempt < MAX_ROUNDS => {
                    self.widen(challenge.scope().unwrap_or_default()).await?
                }
                About::Scope(_) => Next::GiveUp,
                About::Else(next) => next,
            };
            Ok(next)
        })
    }

    fn answered(&self, request: Outgoing<'_>, headers: &HeaderMap) {
        if check_target(&self.resource, request).is_ok() {
            let nonces = &self.exchange.0.nonces;
            nonces.heed(Role::Resource, request.url, headers);
        }
    }
}
