//! Tokens on behalf of a person: got by a login, kept, refreshed, widened, given back.
//!
//! | what happens | file |
//! |---|---|
//! | settings | `builder.rs` |
//! | before a request, and after one that was refused | `mod.rs` |
//! | tokens are refreshed, by one at a time | `renewal.rs` |
//! | the person is asked | `login.rs` |
//! | tokens are revoked and forgotten | `logout.rs` |

mod builder;
mod login;
mod logout;
mod renewal;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_oauth::received_challenge::ReceivedChallenge;
use countersign_oauth::scope::OFFLINE_ACCESS;
use countersign_oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};
use http::HeaderMap;

pub use builder::OAuthBuilder;
pub use logout::LoggedOut;

use crate::ask::Asker;
use crate::authorizer::{Authorizer, Authorizing, Next, Outgoing, Refused, check_target};
use crate::discovery::{Discovery, Search};
use crate::dpop::{ProofKey, Prover, ReceivedNonces, Role};
use crate::error::OAuthError;
use crate::presenter::Presenter;
use crate::registration::Registrar;
use crate::showing::{self, About};
use crate::step_up::Rounds;
use crate::store::{StoredTokens, TokenKey, TokenStore, TokenType};

/// Has the tokens of one person for one protected resource. Cloning is cheap, and clones
/// share everything.
///
/// ```no_run
/// use std::sync::Arc;
/// use countersign_oauth_client::{MemoryStore, OAuth, OAuthError, presenter::Browser};
///
/// # async fn run() -> Result<(), OAuthError> {
/// let oauth = OAuth::builder("https://mcp.example.com/mcp")
///     .client_name("Example")
///     .store(Arc::new(MemoryStore::new()))
///     .presenter(Arc::new(Browser::new()))
///     .build()?;
/// oauth.login().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OAuth(Arc<Inner>);

struct Inner {
    /// The resource, as the person called it.
    server: ResourceUri,
    asker: Asker,
    store: Arc<dyn TokenStore>,
    presenter: Option<Arc<dyn Presenter>>,
    registrar: Registrar,
    /// Asked for in any case.
    scopes: ScopeSet,
    on_device: bool,
    binding: Binding,
    nonces: Arc<ReceivedNonces>,
    state: Mutex<State>,
    rounds: Rounds,
    /// Held by whoever asks the person.
    login: tokio::sync::Mutex<()>,
}

/// Where tokens are bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    /// Whatever the server wants.
    Always,
    WhereOffered,
    WhereDemanded,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    discovery: Option<Arc<Discovery>>,
}

/// Tokens that are in use.
#[derive(Clone)]
struct Current {
    key: TokenKey,
    tokens: StoredTokens,
    /// Proves that we have the key that the tokens are bound to.
    prover: Option<Prover>,
}

/// What is known about who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedIn {
    /// Who issued the tokens.
    pub issuer: Issuer,
    /// To which client.
    pub client_id: ClientId,
    /// What they permit.
    pub scopes: ScopeSet,
    /// When the access token ends, if that is known.
    pub expires_at: Option<UnixTime>,
    /// Whether new ones can be got without asking the person.
    pub can_refresh: bool,
    /// Whether they are bound to a key of this client (RFC 9449).
    pub is_bound: bool,
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("server", &self.0.server)
            .field("scopes", &self.0.scopes)
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}

impl OAuth {
    /// Begins with the address of the server, such as `https://mcp.example.com/mcp`.
    pub fn builder(server: impl Into<String>) -> OAuthBuilder {
        OAuthBuilder::new(server.into())
    }

    /// Who is logged in; nothing if nobody is. Asks nobody but the store.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Store`] if that cannot be used.
    pub async fn logged_in(&self) -> Result<Option<LoggedIn>, OAuthError> {
        Ok(self.0.load().await?.map(LoggedIn::of))
    }

    /// Logs in now, whether or not there are tokens already.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] says in one sentence why nobody is logged in.
    pub async fn login(&self) -> Result<LoggedIn, OAuthError> {
        let _turn = self.0.login.lock().await;
        let discovery = self.0.discover(None).await?;
        let wanted = self.0.wanted(&discovery, None);
        Ok(LoggedIn::of(self.0.log_in(&discovery, &wanted).await?))
    }
}

impl LoggedIn {
    fn of(current: Current) -> Self {
        Self {
            issuer: current.key.issuer,
            client_id: current.key.client,
            scopes: current.tokens.scopes,
            expires_at: current.tokens.expires_at,
            can_refresh: current.tokens.refresh_token.is_some(),
            is_bound: current.tokens.token_type == TokenType::Dpop,
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<Current> {
        self.state().current.clone()
    }

    fn set_current(&self, current: Option<Current>) {
        self.state().current = current;
    }

    /// The tokens as the store has them now, which another process may have changed.
    async fn load(&self) -> Result<Option<Current>, OAuthError> {
        let keys = match self.current() {
            Some(current) => vec![current.key],
            None => self.store.keys_for(&self.server).await?,
        };
        for key in keys {
            if !self.is_ours(&key) {
                continue;
            }
            if let Some(tokens) = self.store.tokens(&key).await? {
                return self.use_tokens(key, tokens).map(Some);
            }
        }
        self.set_current(None);
        Ok(None)
    }

    /// Makes `tokens` the ones that are shown.
    fn use_tokens(&self, key: TokenKey, tokens: StoredTokens) -> Result<Current, OAuthError> {
        let proof_key = match (tokens.token_type, &tokens.dpop_key) {
            (TokenType::Bearer, _) => None,
            (TokenType::Dpop, Some(pem)) => Some(Arc::new(ProofKey::from_pem(pem)?)),
            (TokenType::Dpop, None) => {
                return Err(OAuthError::Store(
                    "the key that the tokens are bound to is gone: log in again".to_owned(),
                ));
            }
        };
        let current = Current {
            key,
            tokens,
            prover: proof_key.map(|proof_key| self.prover(proof_key)),
        };
        self.set_current(Some(current.clone()));
        Ok(current)
    }

    fn prover(&self, key: Arc<ProofKey>) -> Prover {
        Prover::new(key, Arc::clone(&self.nonces), self.asker.clone())
    }

    /// Whether tokens under `key` may be used with these settings: those of a client that
    /// is named are those of no other.
    fn is_ours(&self, key: &TokenKey) -> bool {
        self.registrar.may_be(&key.issuer, &key.client)
    }

    /// Finds out anew who issues tokens, after `challenge` if there was one.
    async fn discover(
        &self,
        challenge: Option<&ReceivedChallenge>,
    ) -> Result<Arc<Discovery>, OAuthError> {
        let mut preferred = self.registrar.issuers();
        preferred.extend(self.current().map(|current| current.key.issuer));
        let search = Search::after(challenge).preferring(&preferred);
        let found = Arc::new(Discovery::of(&self.asker, &self.server, search).await?);
        self.state().discovery = Some(Arc::clone(&found));
        Ok(found)
    }

    /// What was found out before in this process, or now.
    async fn discovered(&self) -> Result<Arc<Discovery>, OAuthError> {
        let known = self.state().discovery.clone();
        match known {
            Some(known) => Ok(known),
            None => self.discover(None).await,
        }
    }

    /// The token to show, refreshed if it ends soon; nothing if there is none.
    async fn usable(self: &Arc<Self>) -> Result<Option<Current>, OAuthError> {
        let current = match self.current() {
            Some(current) => Some(current),
            None => self.load().await?,
        };
        let Some(current) = current else {
            return Ok(None);
        };
        let now = self.asker.now();
        if current.tokens.lasts(now, current.tokens.margin()) {
            return Ok(Some(current));
        }
        let good = current.tokens.lasts(now, Lifetime::ZERO);
        match self.renew(&current).await {
            Ok(Some(renewed)) => Ok(Some(renewed)),
            // Without a way to refresh it, it is used until it ends.
            Ok(None) => Ok(good.then_some(current)),
            Err(error) if good => {
                tracing::warn!(%error, "a token that ends soon was not refreshed");
                Ok(Some(current))
            }
            Err(error) => Err(error),
        }
    }

    /// What to ask for, `offline_access` included where that is known.
    fn wanted(&self, discovery: &Discovery, challenge: Option<&ReceivedChallenge>) -> ScopeSet {
        let mut wanted = discovery.scopes_for(challenge, &self.scopes);
        let offline = ScopeSet::parse(OFFLINE_ACCESS).unwrap_or_default();
        if discovery.offer.scopes_supported.is_superset(&offline) {
            wanted = wanted.union(&offline);
        }
        wanted
    }

    async fn unauthorized(
        self: &Arc<Self>,
        refused: &Refused<'_>,
        challenge: Option<&ReceivedChallenge>,
    ) -> Result<Next, OAuthError> {
        let shown = refused.shown_token();
        if self.is_replaced(shown.as_ref()).await? {
            return Ok(Next::Again);
        }
        let discovery = self.discover(challenge).await?;
        if let Some(current) = self.current()
            && current.key.issuer == discovery.issuer
            && !(refused.attempt > 0 && current.tokens.is_fresh(self.asker.now()))
            && shown.is_some()
            && self.renew(&current).await?.is_some()
        {
            return Ok(Next::Again);
        }
        let wanted = self.wanted(&discovery, challenge);
        self.ask_person(refused, &discovery, &wanted, shown.as_ref())
            .await
    }

    /// The token is good, and permits too little.
    async fn forbidden(
        self: &Arc<Self>,
        refused: &Refused<'_>,
        challenge: &ReceivedChallenge,
    ) -> Result<Next, OAuthError> {
        let shown = refused.shown_token();
        if self.is_replaced(shown.as_ref()).await? {
            return Ok(Next::Again);
        }
        let needed = challenge.scope().unwrap_or_default();
        if self.rounds.has_asked(refused.operation, &needed) {
            return Ok(Next::GiveUp);
        }
        let discovery = self.discover(Some(challenge)).await?;
        let current = self.current();
        let current = current.filter(|current| current.key.issuer == discovery.issuer);
        let granted = current.map(|current| current.tokens.scopes);
        let wanted = self
            .wanted(&discovery, Some(challenge))
            .union(&granted.unwrap_or_default());
        self.ask_person(refused, &discovery, &wanted, shown.as_ref())
            .await
    }

    /// Whether there is another token by now than the one that was refused.
    async fn is_replaced(&self, shown: Option<&Secret>) -> Result<bool, OAuthError> {
        let current = self.load().await?;
        let now = self.asker.now();
        Ok(current.is_some_and(|current| {
            Some(&current.tokens.access_token) != shown && current.tokens.lasts(now, Lifetime::ZERO)
        }))
    }

    /// Logs in on behalf of one operation, not too often.
    async fn ask_person(
        &self,
        refused: &Refused<'_>,
        discovery: &Discovery,
        wanted: &ScopeSet,
        shown: Option<&Secret>,
    ) -> Result<Next, OAuthError> {
        let _turn = self.login.lock().await;
        // Somebody may have logged in while we waited.
        if self.is_replaced(shown).await? {
            return Ok(Next::Again);
        }
        let now = self.asker.now();
        if !self.rounds.begin(refused.operation, wanted, now) {
            return Ok(Next::GiveUp);
        }
        self.log_in(discovery, wanted).await?;
        Ok(Next::Again)
    }
}

impl Authorizer for OAuth {
    fn authorize<'a>(&'a self, request: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        Box::pin(async move {
            check_target(&self.0.server, request)?;
            let Some(current) = self.0.usable().await? else {
                return Ok(HeaderMap::new());
            };
            let fields = showing::fields(request, &current.tokens, current.prover.as_ref())?;
            Ok(fields)
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
