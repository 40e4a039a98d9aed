//! Tokens for programs, without a person in front of a browser.
//!
//! | by what | settings |
//! |---|---|
//! | a client and its secret (RFC 6749 §4.4) | [`ClientCredentials`] |
//! | a client and its private key (RFC 7523 §2.2) | [`PrivateKeyJwt`] |
//! | a person of a company whose identity provider decides (draft-ietf-oauth-identity-assertion-authz-grant) | [`IdentityAssertion`] |
//! | the platform that the program runs on (RFC 7523 §2.1) | [`Workload`] |
//! | the token that the program was called with (RFC 8693) | [`TokenExchange`] |
//!
//! The first four build a [`Machine`], which is an [`Authorizer`]. Nothing is asked before
//! a server refuses; then there is one request for a token at a time, and one that was
//! refused is not made again for a minute.

mod cache;
mod credentials;
mod exchange;
mod grant;
mod identity_assertion;
mod settings;
mod source;
mod workload;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_oauth::received_challenge::ReceivedChallenge;
use countersign_oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};
use http::HeaderMap;

use crate::ask::Asker;
use crate::authorizer::{Authorizer, Authorizing, Next, Outgoing, Refused, check_target};
use crate::discovery::{Discovery, Search};
use crate::dpop::{self, ProofKey, Prover, ReceivedNonces, Role};
use crate::error::OAuthError;
use crate::showing::{self, About};
use crate::step_up::Rounds;
use crate::store::StoredTokens;
use crate::token_endpoint::TokenProof;
use cache::{Cache, CacheKey};
use grant::Grant;
use settings::Credentials;

pub use credentials::{ClientCredentials, PrivateKeyJwt};
pub use exchange::{ExchangedToken, OnBehalf, TokenExchange, TokenExchangeBuilder};
pub use identity_assertion::{IdentityAssertion, Subject};
pub use source::{FromEnvironment, FromFile, Obtaining, TokenSource, from_fn};
pub use workload::Workload;

/// For so long a refusal of the authorization server is the answer to everybody.
const REFUSED_FOR: Lifetime = Lifetime::from_mins(1);

/// Has the tokens of a program for one protected resource. Cloning is cheap, and clones
/// share everything.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    server: ResourceUri,
    asker: Asker,
    credentials: Credentials,
    scopes: ScopeSet,
    grant: Grant,
    /// Whether tokens must be bound to a key, whatever the server wants.
    bound: bool,
    nonces: Arc<ReceivedNonces>,
    state: Mutex<State>,
    rounds: Rounds,
    /// Held by whoever asks for a token.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Who issues, once a server said so.
    discovery: Option<Arc<Discovery>>,
    /// What is asked for, with what servers demanded.
    wanted: ScopeSet,
    cache: Cache,
    /// Proves that we have the key that tokens are bound to; one key for all of them.
    prover: Option<Prover>,
    refused: Option<(UnixTime, OAuthError)>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("server", &self.0.server)
            .field("grant", &self.0.grant)
            .field("credentials", &self.0.credentials)
            .field("scopes", &self.0.scopes)
            .finish_non_exhaustive()
    }
}

impl Machine {
    fn new(
        server: ResourceUri,
        asker: Asker,
        credentials: Credentials,
        scopes: ScopeSet,
        (grant, bound): (Grant, bool),
    ) -> Self {
        Self(Arc::new(Inner {
            server,
            asker,
            credentials,
            scopes,
            grant,
            bound,
            nonces: Arc::default(),
            state: Mutex::default(),
            rounds: Rounds::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client_id(&self) -> &ClientId {
        &self.credentials.client_id
    }

    /// The token to show, replaced if it ends soon; nothing before a server refused.
    async fn usable(&self) -> Result<Option<StoredTokens>, OAuthError> {
        let Some(discovery) = self.state().discovery.clone() else {
            return Ok(None);
        };
        let now = self.asker.now();
        let kept = self.cached(&discovery);
        if let Some(kept) = &kept
            && kept.lasts(now, kept.margin())
        {
            return Ok(Some(kept.clone()));
        }
        let seen = kept.as_ref().map(|kept| kept.access_token.clone());
        match self.fetch(&discovery, seen.as_ref()).await {
            Ok(tokens) => Ok(Some(tokens)),
            Err(error) => match kept.filter(|kept| kept.lasts(now, Lifetime::ZERO)) {
                Some(good) => {
                    tracing::warn!(%error, "a token that ends soon was not replaced");
                    Ok(Some(good))
                }
                None => Err(error),
            },
        }
    }

    /// A new token in the place of `seen`, by one at a time.
    async fn fetch(
        &self,
        discovery: &Discovery,
        seen: Option<&Secret>,
    ) -> Result<StoredTokens, OAuthError> {
        let _turn = self.turn.lock().await;
        let now = self.asker.now();
        // Somebody may have got one while we waited.
        if let Some(kept) = self.cached(discovery)
            && Some(&kept.access_token) != seen
            && kept.lasts(now, kept.margin())
        {
            return Ok(kept);
        }
        let refused = self.state().refused.clone();
        if let Some((at, error)) = refused
            && now < at.saturating_add(REFUSED_FOR)
        {
            return Err(error);
        }
        let key = self.key(discovery);
        match self.ask(discovery, &key.scopes).await {
            Ok(tokens) => {
                let mut state = self.state();
                state.refused = None;
                state.cache.put(key, tokens.clone(), now);
                Ok(tokens)
            }
            Err(error) => {
                if !error.is_unreachable() {
                    self.state().refused = Some((now, error.clone()));
                }
                Err(error)
            }
        }
    }

    async fn ask(
        &self,
        discovery: &Discovery,
        scopes: &ScopeSet,
    ) -> Result<StoredTokens, OAuthError> {
        let prover = self.prover_for(discovery)?;
        let proof = prover.as_ref().map(|prover| prover as &dyn TokenProof);
        let of = (discovery, &self.credentials);
        let tokens = self.grant.tokens(&self.asker, of, scopes, proof).await?;
        if prover.is_some() {
            dpop::check_bound(tokens.token_type)?;
        }
        Ok(tokens)
    }

    /// What proves that we have our key, where tokens are to be bound to one: where the
    /// settings or the metadata of the server want it.
    fn prover_for(&self, discovery: &Discovery) -> Result<Option<Prover>, OAuthError> {
        if !dpop::is_wanted(self.bound, discovery)? {
            return Ok(None);
        }
        let mut state = self.state();
        if state.prover.is_none() {
            let key = Arc::new(ProofKey::generate()?);
            let prover = Prover::new(key, Arc::clone(&self.nonces), self.asker.clone());
            state.prover = Some(prover);
        }
        Ok(state.prover.clone())
    }

    fn key(&self, discovery: &Discovery) -> CacheKey {
        CacheKey {
            issuer: discovery.issuer.clone(),
            resource: discovery.resource.clone(),
            client: self.client_id().clone(),
            scopes: self.state().wanted.clone(),
        }
    }

    fn cached(&self, discovery: &Discovery) -> Option<StoredTokens> {
        let key = self.key(discovery);
        self.state().cache.tokens(&key)
    }

    /// Finds out who issues tokens, after `challenge` if there was one, and nothing more
    /// if that is not whom the credentials belong to.
    async fn discover(
        &self,
        challenge: Option<&ReceivedChallenge>,
    ) -> Result<Arc<Discovery>, OAuthError> {
        let preferred: Vec<Issuer> = self.credentials.issuer.iter().cloned().collect();
        let search = Search::after(challenge).preferring(&preferred);
        let found = Discovery::of(&self.asker, &self.server, search).await?;
        // Whoever issued first goes on being whom the credentials are for.
        let before = self.state().discovery.clone();
        let first = before.map(|before| before.issuer.clone());
        let meant = self.credentials.issuer.clone().or(first);
        if let Some(meant) = meant.filter(|meant| *meant != found.issuer) {
            return Err(OAuthError::NotPermitted(format!(
                "the server takes tokens of {}, and the credentials of this client are for \
                 {meant}: nothing is sent there",
                found.issuer
            )));
        }
        self.grant.check(&found)?;
        let found = Arc::new(found);
        self.state().discovery = Some(Arc::clone(&found));
        Ok(found)
    }

    async fn unauthorized(
        &self,
        refused: &Refused<'_>,
        challenge: Option<&ReceivedChallenge>,
    ) -> Result<Next, OAuthError> {
        let shown = refused.shown_token();
        // A token that was just got and is refused stays refused.
        if refused.attempt > 0 && self.is_fresh(shown.as_ref()) {
            return Ok(Next::GiveUp);
        }
        let discovery = self.discover(challenge).await?;
        if shown.is_none() {
            let wanted = discovery.scopes_for(challenge, &self.scopes);
            let mut state = self.state();
            state.wanted = state.wanted.union(&wanted);
        }
        self.fetch(&discovery, shown.as_ref()).await?;
        Ok(Next::Again)
    }

    /// Whether `shown` was got a moment ago.
    fn is_fresh(&self, shown: Option<&Secret>) -> bool {
        let discovery = self.state().discovery.clone();
        let kept = discovery.and_then(|discovery| self.cached(&discovery));
        kept.is_some_and(|kept| {
            Some(&kept.access_token) == shown && kept.is_fresh(self.asker.now())
        })
    }

    /// The token is good, and permits too little.
    async fn forbidden(
        &self,
        refused: &Refused<'_>,
        challenge: &ReceivedChallenge,
    ) -> Result<Next, OAuthError> {
        let needed = challenge.scope().unwrap_or_default();
        let now = self.asker.now();
        if self.rounds.has_asked(refused.operation, &needed)
            || !self.rounds.begin(refused.operation, &needed, now)
        {
            return Ok(Next::GiveUp);
        }
        let discovery = self.discover(Some(challenge)).await?;
        let wanted = {
            let mut state = self.state();
            let before = state.wanted.clone();
            state.wanted = before.union(&needed);
            before
        };
        match self.fetch(&discovery, refused.shown_token().as_ref()).await {
            Ok(_) => Ok(Next::Again),
            Err(error) => {
                // What it may have goes on working for everything else.
                let mut state = self.state();
                state.wanted = wanted;
                state.refused = None;
                Err(error)
            }
        }
    }
}

impl Authorizer for Machine {
    fn authorize<'a>(&'a self, request: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        Box::pin(async move {
            check_target(&self.0.server, request)?;
            let Some(tokens) = self.0.usable().await? else {
                return Ok(HeaderMap::new());
            };
            let prover = self.0.state().prover.clone();
            Ok(showing::fields(request, &tokens, prover.as_ref())?)
        })
    }

    fn refused<'a>(&'a self, refused: Refused<'a>) -> Authorizing<'a, Next> {
        Box::pin(async move {
            check_target(&self.0.server, refused.request)?;
            Ok(match About::of(&refused, &self.0.nonces) {
                About::Token(challenge) => {
                    self.0.unauthorized(&refused, challenge.as_ref()).await?
                }
                About::Scope(challenge) => self.0.forbidden(&refused, &challenge).await?,
                About::Else(next) => next,
            })
        })
    }

    fn answered(&self, request: Outgoing<'_>, headers: &HeaderMap) {
        if check_target(&self.0.server, request).is_ok() {
            self.0.nonces.heed(Role::Resource, request.url, headers);
        }
    }
}
