//! Settings of an [`OAuth`]. Mistakes stop the start with a sentence that says what to set.

use std::sync::Arc;

use countersign_oauth::jose::{AlgorithmFamily, SigningKey};
use countersign_oauth::received_metadata::is_endpoint;
use countersign_oauth::time::Clock;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{ClientId, Issuer, Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_resource_server::clock::SystemClock;
use countersign_resource_server::fetch::Fetch;
use url::Url;

use super::{Binding, Inner, OAuth, State};
use crate::ask::Asker;
use crate::error::OAuthError;
use crate::presenter::Presenter;
use crate::reach::Reach;
use crate::registration::{Registrar, Registration};
use crate::step_up::Rounds;
use crate::store::{MemoryStore, TokenStore};

/// Settings of an [`OAuth`].
#[derive(Clone, Debug)]
pub struct OAuthBuilder {
    server: String,
    client_name: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    client_metadata_url: Option<String>,
    issuer: Option<String>,
    key: Option<Arc<SigningKey>>,
    scopes: Vec<String>,
    store: Option<Arc<dyn TokenStore>>,
    presenter: Option<Arc<dyn Presenter>>,
    on_device: bool,
    binding: Binding,
    fetch: Option<Arc<dyn Fetch>>,
    clock: Option<Arc<dyn Clock>>,
    timeout: Option<Lifetime>,
    private_networks: bool,
}

impl OAuthBuilder {
    pub(super) const fn new(server: String) -> Self {
        Self {
            server,
            client_name: None,
            client_id: None,
            client_secret: None,
            client_metadata_url: None,
            issuer: None,
            key: None,
            scopes: Vec::new(),
            store: None,
            presenter: None,
            on_device: false,
            binding: Binding::WhereOffered,
            fetch: None,
            clock: None,
            timeout: None,
            private_networks: false,
        }
    }

    /// What people see when they are asked; `countersign` unless told otherwise.
    #[must_use]
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = Some(name.into());
        self
    }

    /// The id of a client that somebody registered before.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Its secret, if it has one. It needs [`Self::issuer`], because the resource says where
    /// clients go, and whoever sends people to a resource may have made it.
    #[must_use]
    pub fn client_secret(mut self, secret: Secret) -> Self {
        self.client_secret = Some(secret);
        self
    }

    /// The issuer that it is registered with. Its credentials are sent to no other; and of
    /// several authorization servers this one is preferred.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The private key of the client, for servers that take assertions (RFC 7523 §2.2).
    #[must_use]
    pub fn private_key(mut self, key: Arc<SigningKey>) -> Self {
        self.key = Some(key);
        self
    }

    /// The https address of a document about the client
    /// (draft-ietf-oauth-client-id-metadata-document §3). It is the id where servers read
    /// such documents.
    #[must_use]
    pub fn client_metadata_url(mut self, url: impl Into<String>) -> Self {
        self.client_metadata_url = Some(url.into());
        self
    }

    /// Scopes that are asked for in any case, besides those that the server asks for.
    #[must_use]
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Where tokens are kept; in memory unless told otherwise.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Who shows the person where to log in. Without it nobody is asked: tokens that are
    /// kept are used and refreshed, and then the answer is an error.
    #[must_use]
    pub fn presenter(mut self, presenter: Arc<dyn Presenter>) -> Self {
        self.presenter = Some(presenter);
        self
    }

    /// Logs in on another device (RFC 8628): the presenter is told a code.
    #[must_use]
    pub const fn on_device(mut self) -> Self {
        self.on_device = true;
        self
    }

    /// Binds tokens to a key of this client in any case (RFC 9449), so that a stolen one is
    /// worth nothing. A server that binds none is an error then. Without this they are
    /// bound where the server demands it, and where it and its authorization server both
    /// offer it: then no answer with a refresh token can be lost, however late it is asked
    /// for again.
    #[must_use]
    pub const fn dpop(mut self) -> Self {
        self.binding = Binding::Always;
        self
    }

    /// Asks for bearer tokens where binding them is offered and not demanded.
    #[must_use]
    pub const fn without_dpop(mut self) -> Self {
        self.binding = Binding::WhereDemanded;
        self
    }

    /// Waits `timeout` for each answer of a server; 20 seconds unless told otherwise. How
    /// long a person may take is up to the presenter.
    #[must_use]
    pub const fn timeout(mut self, timeout: Lifetime) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends all requests with `fetch` instead of the guarded fetcher.
    ///
    /// # Security
    ///
    /// Which networks may be reached, and how long is waited, is then up to `fetch`;
    /// addresses are judged by their text alone.
    #[must_use]
    pub fn fetch(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// Tells the time instead of the clock of the system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Lets the server and its authorization server be in private networks.
    ///
    /// # Security
    ///
    /// See [`Reach::danger_allow_private_networks`].
    #[must_use]
    pub const fn danger_allow_private_networks(mut self) -> Self {
        self.private_networks = true;
        self
    }

    /// An authorizer with these settings. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`OAuthError::Configuration`] says what to set.
    pub fn build(self) -> Result<OAuth, OAuthError> {
        let server = ResourceUri::parse(&self.server).map_err(|error| {
            fault(&format!(
                "{} cannot be logged in at: {error}",
                printable(&self.server)
            ))
        })?;
        let url = Url::parse(server.as_str());
        let url = url.map_err(|_| fault("the address of the server is not absolute"))?;
        let mut reach = Reach::of(&url);
        if self.private_networks {
            reach = reach.danger_allow_private_networks();
        }
        let ways = self.ways()?;
        self.check_key()?;
        let scopes = ScopeSet::from_names(&self.scopes);
        let scopes = scopes.map_err(|error| fault(&format!("scopes(…): {error}")))?;
        let fetch: Arc<dyn Fetch> = match self.fetch {
            Some(fetch) => fetch,
            None => Arc::new(match self.timeout {
                Some(timeout) => reach.fetcher_within(timeout)?,
                None => reach.fetcher()?,
            }),
        };
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::new(SystemClock::default()));
        let client_name = self.client_name.unwrap_or_else(|| "countersign".to_owned());
        Ok(OAuth(Arc::new(Inner {
            server,
            asker: Asker::new(fetch, reach, clock),
            store: self.store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            presenter: self.presenter,
            registrar: Registrar {
                client_name,
                ways,
                key: self.key,
            },
            scopes,
            on_device: self.on_device,
            binding: self.binding,
            nonces: Arc::default(),
            state: std::sync::Mutex::new(State::default()),
            rounds: Rounds::default(),
            login: tokio::sync::Mutex::default(),
        })))
    }

    /// In the order of MCP: registered before, a document, dynamically.
    fn ways(&self) -> Result<Vec<Registration>, OAuthError> {
        let issuer = self.issuer.as_deref().map(Issuer::parse).transpose();
        let issuer = issuer.map_err(|error| fault(&format!("issuer(…): {error}")))?;
        let mut ways = Vec::new();
        match (&self.client_id, &self.client_secret) {
            (Some(id), secret) => {
                let client_id = ClientId::parse(id)
                    .map_err(|error| fault(&format!("client_id(…): {error}")))?;
                if secret.as_ref().is_some_and(|it| it.reveal().is_empty()) {
                    return Err(fault("client_secret(…) is empty: set it or leave it out"));
                }
                if secret.is_some() && issuer.is_none() {
                    return Err(fault(
                        "client_secret(…) is for one authorization server alone: set issuer(…) to \
                         that with which the client is registered",
                    ));
                }
                ways.push(Registration::PreRegistered {
                    client_id,
                    secret: secret.clone(),
                    issuer,
                });
            }
            (None, Some(_)) => {
                return Err(fault(
                    "there is a client_secret(…) and no client that it belongs to: set client_id(…)",
                ));
            }
            (None, None) if issuer.is_some() => {
                return Err(fault(
                    "issuer(…) says where a client is registered, and there is none: set \
                     client_id(…) or leave it out",
                ));
            }
            (None, None) => {}
        }
        if let Some(url) = &self.client_metadata_url {
            ways.push(Registration::MetadataDocument(document_id(url)?));
        }
        ways.push(Registration::Dynamic);
        Ok(ways)
    }

    fn check_key(&self) -> Result<(), OAuthError> {
        let Some(key) = &self.key else { return Ok(()) };
        if key.algorithm().family() == AlgorithmFamily::Hmac {
            return Err(fault(
                "private_key(…) is a shared secret: set an RSA, EC or Ed25519 key",
            ));
        }
        if self.client_id.is_none() && self.client_metadata_url.is_none() {
            return Err(fault(
                "there is a private_key(…) and no client that it belongs to: set client_id(…) or \
                 client_metadata_url(…)",
            ));
        }
        Ok(())
    }
}

/// draft-ietf-oauth-client-id-metadata-document §3: https, with a path.
fn document_id(url: &str) -> Result<ClientId, OAuthError> {
    let wrong = || {
        fault(
            "client_metadata_url(…) must be an https address with a path, without user name, \
             fragment and dots",
        )
    };
    if !is_endpoint(url, LoopbackHosts::Refused) {
        return Err(wrong());
    }
    let parsed = Url::parse(url).map_err(|_| wrong())?;
    // A text with dot segments would name something else than it says.
    if parsed.path() == "/" || parsed.as_str() != url {
        return Err(wrong());
    }
    ClientId::parse(url).map_err(|_| wrong())
}

fn printable(text: &str) -> String {
    countersign_oauth::received_tokens::printable(text)
}

fn fault(sentence: &str) -> OAuthError {
    OAuthError::Configuration(sentence.to_owned())
}
