//! Exchanging the token that a program was called with: RFC 8693 §2.

mod held;
mod on_behalf;
mod token;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_oauth::client_authentication::{OwnClient, OwnProof};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::jose::SigningKey;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_offer::ReceivedOffer;
use countersign_oauth::received_tokens::ReceivedTokens;
use countersign_oauth::token_exchange::ACCESS_TOKEN;
use countersign_oauth::{Issuer, Lifetime, ResourceUri, ScopeSet, Secret, UnixTime};

use super::settings::{Credentials, Proof, Settings, fault};
use crate::ask::Asker;
use crate::discovery::published;
use crate::dpop::{self, ProofKey, Prover, ReceivedNonces};
use crate::error::OAuthError;
use crate::refresh;
use crate::store::turns::Turns;
use crate::token_endpoint::{TokenEndpoint, TokenProof};
use held::{Held, Purpose};

pub use on_behalf::OnBehalf;
pub use token::ExchangedToken;

const WHAT: &str = "the authorization server";

/// For so long the metadata of the authorization server are believed.
const METADATA_AGE: Lifetime = Lifetime::from_hours(1);

/// A resource server that calls another one for whoever called it. Cloning is cheap, and
/// clones share everything.
///
/// The token that it was called with is for itself and goes to its authorization server
/// alone, never to the other one. What came for it is held for whoever shows the same token
/// again, for five minutes at most.
#[derive(Clone)]
pub struct TokenExchange(Arc<Exchanger>);

struct Exchanger {
    asker: Asker,
    issuer: Issuer,
    /// If it is not the one of the metadata.
    token_endpoint: Option<String>,
    credentials: Credentials,
    /// Whether a secret is sent in the body, whatever the metadata say.
    in_body: bool,
    /// Has the key that tokens are bound to, if they are.
    prover: Option<Prover>,
    nonces: Arc<ReceivedNonces>,
    known: Mutex<Option<(UnixTime, Arc<Server>)>>,
    held: Mutex<Held>,
    /// Held by whoever asks for a token for one purpose.
    turns: Turns<Purpose>,
}

/// How the authorization server is asked.
#[derive(Debug)]
struct Server {
    token_endpoint: String,
    client: OwnClient,
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.credentials.client_id)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`TokenExchange`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until build()"]
pub struct TokenExchangeBuilder {
    settings: Settings,
    token_endpoint: Option<String>,
    in_body: bool,
}

super::settings::exchange_settings!(TokenExchangeBuilder);

impl TokenExchange {
    /// The client `client_id` with its `secret` at the authorization server `issuer`, which
    /// issued what we are called with.
    pub fn builder(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> TokenExchangeBuilder {
        TokenExchangeBuilder::new(
            issuer.into(),
            client_id.into(),
            Proof::Secret(secret.into()),
        )
    }

    /// As [`Self::builder`], with a private key (RFC 7523 §2.2).
    pub fn with_key(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        key: Arc<SigningKey>,
    ) -> TokenExchangeBuilder {
        TokenExchangeBuilder::new(issuer.into(), client_id.into(), Proof::Key(key))
    }

    /// A token for `resource` that permits `scopes`, or all that may be had if they are
    /// empty, in the name of whoever `subject_token`, with which we were called, is about.
    /// One that was got for the same is answered again while it is good.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] says why there is none. `subject_token` is still good.
    pub async fn exchange(
        &self,
        subject_token: &Secret,
        resource: &str,
        scopes: &ScopeSet,
    ) -> Result<ExchangedToken, OAuthError> {
        let it = &self.0;
        let resource = parse_resource(resource)?;
        let purpose = Purpose::new(subject_token, &resource, scopes);
        let held = || it.held().token(&purpose, it.asker.now());
        if let Some(token) = held() {
            return Ok(token);
        }
        let _turn = it.turns.take(&purpose).await;
        // Somebody may have got one while we waited.
        if let Some(token) = held() {
            return Ok(token);
        }
        let token = it.ask(subject_token, &resource, scopes).await?;
        it.held().put(purpose, &token, it.asker.now());
        Ok(token)
    }

    /// Holds `access_token`, which was got by an [`exchange`](Self::exchange), no more: its
    /// resource has refused it. The next exchange gets another one.
    pub fn forget(&self, access_token: &Secret) {
        self.0.held().forget(access_token);
    }

    /// Calls `resource`, such as `https://up.example/mcp`, in the name of whoever
    /// `subject_token` is about, with tokens that permit `scopes` and what it asks for
    /// besides (RFC 6750 §3.1). For one call of theirs: not to be kept for longer.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] if `resource` is no resource.
    pub fn on_behalf(
        &self,
        subject_token: &Secret,
        resource: &str,
        scopes: ScopeSet,
    ) -> Result<OnBehalf, OAuthError> {
        let resource = parse_resource(resource)?;
        let subject = subject_token.clone();
        Ok(OnBehalf::new(self.clone(), subject, resource, scopes))
    }
}

fn parse_resource(resource: &str) -> Result<ResourceUri, OAuthError> {
    ResourceUri::parse(resource)
        .map_err(|error| fault(&format!("the resource to be called: {error}")))
}

impl Exchanger {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the authorization server, asked for once in a while.
    async fn server(&self) -> Result<Arc<Server>, OAuthError> {
        let now = self.asker.now();
        let known = self.known.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, server)) = known
            && now.since(at) < METADATA_AGE
        {
            return Ok(server);
        }
        let found = Arc::new(self.find().await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, Arc::clone(&found)));
        Ok(found)
    }

    async fn find(&self) -> Result<Server, OAuthError> {
        let issuer = &self.issuer;
        let (token_endpoint, offer) = match &self.token_endpoint {
            // Whoever names it says also what it takes.
            Some(address) => (address.clone(), ReceivedOffer::default()),
            None => {
                let (metadata, offer) = published(&self.asker, issuer).await?;
                self.check(&offer)?;
                let address = metadata.token_endpoint.ok_or_else(|| {
                    OAuthError::BadAnswer(format!("{WHAT} {issuer} names no token endpoint"))
                })?;
                (address, offer)
            }
        };
        let credentials = &self.credentials;
        let client = match &credentials.proof {
            Proof::Secret(secret) if self.in_body => {
                let proof = OwnProof::SecretPost(secret.clone());
                OwnClient::new(credentials.client_id.as_str(), proof)
            }
            _ => credentials.client_at(issuer, &offer)?,
        };
        Ok(Server {
            token_endpoint,
            client,
        })
    }

    fn check(&self, offer: &ReceivedOffer) -> Result<(), OAuthError> {
        let issuer = &self.issuer;
        let wanted = GrantType::TokenExchange.as_str();
        let offered = offer.grant_types.as_ref();
        if offered.is_some_and(|all| all.iter().all(|one| one != wanted)) {
            return Err(OAuthError::NotPermitted(format!(
                "{WHAT} {issuer} does not offer the grant type {wanted}"
            )));
        }
        let binds = || {
            offer
                .dpop_algorithms
                .as_ref()
                .is_some_and(|all| dpop::is_among(all))
        };
        match &self.prover {
            Some(_) if !binds() => Err(dpop::binds_nothing(issuer)),
            _ => Ok(()),
        }
    }

    async fn ask(
        &self,
        subject_token: &Secret,
        resource: &ResourceUri,
        scopes: &ScopeSet,
    ) -> Result<ExchangedToken, OAuthError> {
        let server = self.server().await?;
        let mut parameters = Parameters::default();
        parameters.set("grant_type", GrantType::TokenExchange.as_str());
        parameters.set("subject_token", subject_token.reveal());
        parameters.set("subject_token_type", ACCESS_TOKEN);
        parameters.set("requested_token_type", ACCESS_TOKEN);
        parameters.set("resource", resource.as_str());
        if !scopes.is_empty() {
            parameters.set("scope", &scopes.to_string());
        }
        let issuer = self.issuer.as_str();
        let address = &server.token_endpoint;
        let mut endpoint = TokenEndpoint::new(&self.asker, address, issuer, &server.client);
        endpoint.proof = self.prover.as_ref().map(|prover| prover as &dyn TokenProof);
        let received = endpoint.ask(&parameters).await?;
        self.check_received(&received, subject_token)?;
        let mut tokens = refresh::kept(&received, scopes, None, self.asker.now())?;
        // RFC 8693 §2.2.1: whoever can exchange again needs none.
        tokens.refresh_token = None;
        if self.prover.is_some() {
            dpop::check_bound(tokens.token_type)?;
        }
        Ok(ExchangedToken::new(tokens, self.prover.clone()))
    }

    fn check_received(
        &self,
        received: &ReceivedTokens,
        subject_token: &Secret,
    ) -> Result<(), OAuthError> {
        let issuer = &self.issuer;
        if received.issued_token_type.as_deref() != Some(ACCESS_TOKEN) {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} {issuer} issued something else than an access token"
            )));
        }
        if received.access_token == *subject_token {
            return Err(OAuthError::BadAnswer(format!(
                "{WHAT} {issuer} gave back the token that was to be exchanged"
            )));
        }
        Ok(())
    }
}

impl TokenExchangeBuilder {
    fn new(issuer: String, client_id: String, proof: Proof) -> Self {
        let mut settings = Settings::new(issuer.clone(), client_id, proof);
        settings.issuer = Some(issuer);
        Self {
            settings,
            token_endpoint: None,
            in_body: false,
        }
    }

    /// The token endpoint, if it is not the one that the metadata of the issuer name. They
    /// are not asked for then, and a secret is sent in a header unless it is said otherwise.
    pub fn token_endpoint(mut self, address: impl Into<String>) -> Self {
        self.token_endpoint = Some(address.into());
        self
    }

    /// Sends the secret in the body (`client_secret_post`, RFC 6749 §2.3.1), whatever the
    /// metadata of the issuer say. Without this they decide.
    pub const fn client_secret_post(mut self) -> Self {
        self.in_body = true;
        self
    }

    /// Binds what is got to a key of this program (RFC 9449), so that a stolen token is worth
    /// nothing. The resource that it is for must know such tokens. An authorization server
    /// that binds none is an error.
    pub const fn dpop(mut self) -> Self {
        self.settings.bound = true;
        self
    }

    /// An exchange with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<TokenExchange, OAuthError> {
        let credentials = self.settings.credentials()?;
        let issuer = credentials.issuer.clone();
        let issuer = issuer.ok_or_else(|| fault("there is no authorization server"))?;
        let asker = self.settings.asker(issuer.as_str())?;
        if let Some(address) = &self.token_endpoint {
            asker.reach().judge(WHAT, address)?;
        }
        if self.in_body && !matches!(credentials.proof, Proof::Secret(_)) {
            return Err(fault(
                "client_secret_post() is for a client with a secret: leave it out",
            ));
        }
        let nonces = Arc::<ReceivedNonces>::default();
        let prover = match self.settings.bound {
            true => {
                let key = Arc::new(ProofKey::generate()?);
                Some(Prover::new(key, Arc::clone(&nonces), asker.clone()))
            }
            false => None,
        };
        Ok(TokenExchange(Arc::new(Exchanger {
            asker,
            issuer,
            token_endpoint: self.token_endpoint,
            credentials,
            in_body: self.in_body,
            prover,
            nonces,
            known: Mutex::default(),
            held: Mutex::default(),
            turns: Turns::default(),
        })))
    }
}
