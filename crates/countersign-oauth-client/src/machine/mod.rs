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

mod bound;
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
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::ask::{Asker, sensitive};
use crate::authorizer::{Authorizer, Authorizing, Next, Outgoing, Refused};
use crate::discovery::{Discovery, Search};
use crate::dpop::{DPOP, Prover, ReceivedNonces, Role};
use crate::error::OAuthError;
use crate::step_up::Rounds;
use crate::store::{StoredTokens, TokenType};
use crate::token_endpoint::TokenProof;
use cache::{Cache, CacheKey};
use grant::Grant;
use settings::Credentials;

pub use credentials::{ClientCredentials, PrivateKeyJwt};
pub use exchange::{ExchangedToken, TokenExchange, TokenExchangeBuilder};
pub use identity_assertion::{IdentityAssertion, Subject};
pub use source::{FromEnvironment, FromFile, Obtaining, TokenSource, from_fn};
pub use workload::Workload;

/// For so long a refusal of the authorization server is the answer to everybody.
const REFUSED_FOR: Lifetime = Lifetime::from_mins(1);

/// For so long a token is one that was just got.
const FRESH: Lifetime = Lifetime::from_secs(10);

/// So often a resource may ask for another nonce on behalf of one request.
const MAX_NONCES: u32 = 3;

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
            bound::check(&tokens)?;
        }
        Ok(tokens)
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

    /// The scopes of the challenge, else those of the metadata, else none; and what the
    /// settings want (MCP, Authorization, Scope Selection Strategy).
    fn want(&self, discovery: &Discovery, challenge: Option<&ReceivedChallenge>) -> ScopeSet {
        let chosen = match challenge.and_then(ReceivedChallenge::scope) {
            Some(scopes) => scopes,
            None if self.scopes.is_empty() => discovery.scopes.clone().unwrap_or_default(),
            None => ScopeSet::new(),
        };
        chosen.union(&self.scopes)
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
            let wanted = self.want(&discovery, challenge);
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
            let age = self.asker.now().since(kept.obtained_at);
            Some(&kept.access_token) == shown && age < FRESH
        })
    }

    /// RFC 6750 §3.1: the token is good, and permits too little.
    async fn forbidden(
        &self,
        refused: &Refused<'_>,
        challenge: Option<&ReceivedChallenge>,
    ) -> Result<Next, OAuthError> {
        let Some(challenge) = challenge.filter(|one| one.error() == Some("insufficient_scope"))
        else {
            return Ok(Next::GiveUp);
        };
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
            let mut headers = HeaderMap::new();
            if let Some(tokens) = self.0.usable().await? {
                let (token, kind) = (&tokens.access_token, tokens.token_type);
                let text = Secret::new(format!("{} {}", kind.as_str(), token.reveal()));
                headers.insert(AUTHORIZATION, sensitive(&text)?);
                let prover = self.0.state().prover.clone();
                if let Some(prover) = prover.filter(|_| kind == TokenType::Dpop) {
                    let proof = prover.prove(request.method, request.url, Some(token))?;
                    headers.insert(DPOP, proof);
                }
            }
            Ok(headers)
        })
    }

    fn refused<'a>(&'a self, refused: Refused<'a>) -> Authorizing<'a, Next> {
        Box::pin(async move {
            let values = refused.headers.get_all(WWW_AUTHENTICATE);
            let values = values.iter().map(HeaderValue::as_bytes);
            let challenge = ReceivedChallenge::for_token(values);
            let url = refused.request.url;
            let has_nonce = self.0.nonces.heed(Role::Resource, url, refused.headers);
            let error = challenge.as_ref().and_then(ReceivedChallenge::error);
            // RFC 9449 §9: the token is good, and so is the next proof.
            if error == Some("use_dpop_nonce") && refused.shown.contains_key(DPOP) {
                let helps = has_nonce && refused.attempt < MAX_NONCES;
                return Ok(if helps { Next::Again } else { Next::GiveUp });
            }
            let next = match refused.status {
                StatusCode::UNAUTHORIZED => {
                    self.0.unauthorized(&refused, challenge.as_ref()).await?
                }
                StatusCode::FORBIDDEN => self.0.forbidden(&refused, challenge.as_ref()).await?,
                _ => Next::GiveUp,
            };
            Ok(next)
        })
    }

    fn answered(&self, request: Outgoing<'_>, headers: &HeaderMap) {
        self.0.nonces.heed(Role::Resource, request.url, headers);
    }
}
