//! Putting a server together. Mistakes stop the start with a sentence that says what
//! to set; nothing is checked before [`AuthorizationServerBuilder::build`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use countersign_oauth::time::Clock;
use countersign_oauth::{ApiKeyFormat, Issuer, ResourceUri, ScopeSet};
use countersign_resource_server::{ConfigurationError, Dpop, SystemClock};

use crate::accounts::Accounts;
use crate::api_keys::PersonalKeys;
use crate::auth_settings::AuthSettings;
use crate::claims::TokenClaims;
use crate::client::{ClientIdDocuments, ClientPolicy, EveryClient};
use crate::interaction::Interaction;
use crate::login::Login;
use crate::machines::MachineSettings;
use crate::people::People;
use crate::random::{Random, SystemGenerator};
use crate::server::AuthorizationServer;
use crate::settings::{AccessTokenFormat, Settings};
use crate::sign_in::SignInPage;
use crate::storage::Storage;
use crate::token_manager::{DynTokenManager, TokenManager};
use crate::upstream::{Upstream, is_provider_name};
use countersign_audit::{Sink, TracingSink};

/// A change of something that is made when the server is built.
pub(crate) type Change<T> = Box<dyn FnOnce(T) -> T + Send>;

/// An [`AuthorizationServer`] under construction.
#[must_use = "a builder does nothing until build()"]
pub struct AuthorizationServerBuilder {
    pub(crate) settings: Result<Settings, ConfigurationError>,
    pub(crate) storage: Option<Storage>,
    pub(crate) interaction: Option<Arc<dyn Interaction>>,
    pub(crate) accounts: Vec<Change<Accounts>>,
    pub(crate) pages: Vec<Change<People>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) documents: Option<ClientIdDocuments>,
    pub(crate) client_policy: Arc<dyn ClientPolicy>,
    pub(crate) token_manager: Option<Arc<dyn DynTokenManager>>,
    pub(crate) claims: Option<Arc<dyn TokenClaims>>,
    pub(crate) audit: Arc<dyn Sink>,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) machines: MachineSettings,
    pub(crate) wants_local_accounts: bool,
}

impl AuthorizationServer {
    /// Begins the server whose issuer identifier is `issuer` (RFC 8414 §2), such as
    /// `https://auth.example.com`: byte for byte what clients compare.
    ///
    /// It needs a [`storage`](AuthorizationServerBuilder::storage) and at least one
    /// [`resource`](AuthorizationServerBuilder::resource). Unless told otherwise,
    /// people log in with local accounts, on the pages of [`crate::people`].
    pub fn builder(issuer: impl AsRef<str>) -> AuthorizationServerBuilder {
        let issuer = issuer.as_ref();
        let settings = Issuer::parse(issuer).map(Settings::of).map_err(|error| {
            ConfigurationError::new(format!("the issuer `{issuer}` cannot be used: {error}"))
        });
        AuthorizationServerBuilder::new(settings)
    }

    /// Begins a server with `settings` that were put together elsewhere.
    pub fn with_settings(settings: Settings) -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::new(Ok(settings))
    }
}

/// What it gives access to, and to whom.
impl AuthorizationServerBuilder {
    fn new(settings: Result<Settings, ConfigurationError>) -> Self {
        Self {
            settings,
            storage: None,
            interaction: None,
            accounts: Vec::new(),
            pages: Vec::new(),
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemGenerator),
            documents: None,
            client_policy: Arc::new(EveryClient),
            token_manager: None,
            claims: None,
            audit: Arc::new(TracingSink::new()),
            upstreams: Vec::new(),
            machines: MachineSettings::default(),
            wants_local_accounts: false,
        }
    }

    /// Issues tokens for the resource `identifier` (RFC 8707 §2), such as
    /// `https://mcp.example.com/mcp`. Called again, it adds one; requests that name
    /// none are for the first.
    pub fn resource(mut self, identifier: impl AsRef<str>) -> Self {
        let identifier = identifier.as_ref();
        match ResourceUri::parse(identifier) {
            Ok(resource) => self.settings(|settings| settings.resources.push(resource)),
            Err(error) => {
                self.fault(format!(
                    "the resource `{identifier}` cannot be used: {error}"
                ));
                self
            }
        }
    }

    /// Lets clients ask for these scopes too. A request that names none gets all of
    /// them, unless [`Settings::default_scopes`] is set.
    pub fn scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match ScopeSet::from_names(names) {
            Ok(scopes) => self.settings(|settings| {
                settings.default_scopes = settings.default_scopes.union(&scopes);
                settings.offer(scopes);
            }),
            Err(error) => {
                self.fault(format!("scopes: {error}"));
                self
            }
        }
    }

    /// As [`Self::scopes`] for the scope `name`, and says on the consent page what it
    /// permits, such as "Read your notes". It cannot be left out there.
    pub fn scope(self, name: &str, sentence: impl Into<String>) -> Self {
        let (scope, sentence) = (name.to_owned(), sentence.into());
        self.scopes([name])
            .pages(|pages| pages.scope(scope, sentence))
    }

    /// Binds access tokens to a key of the client that proves one (RFC 9449); with
    /// [`Dpop::required`] there are no others. The resources have to take them, and
    /// [`dpop_bound_access_tokens`](countersign_oauth::client_metadata::ClientMetadata) of
    /// a client is kept.
    pub fn dpop(self, dpop: Dpop) -> Self {
        self.settings(|settings| settings.dpop = Some(dpop))
    }

    /// As [`Self::scope`], but the person decides whether to allow it.
    pub fn optional_scope(self, name: &str, sentence: impl Into<String>) -> Self {
        let (scope, sentence) = (name.to_owned(), sentence.into());
        self.scopes([name])
            .pages(|pages| pages.optional_scope(scope, sentence))
    }

    /// Lets people make API keys for themselves on their account page, which may do any of
    /// `scopes`: whatever else a key of theirs could do, they could not give it.
    pub fn api_keys_for_people<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match ScopeSet::from_names(scopes) {
            Ok(scopes) => self.settings(|settings| {
                settings.api_keys.personal = Some(PersonalKeys::new(scopes));
            }),
            Err(error) => {
                self.fault(format!("scopes of API keys: {error}"));
                self
            }
        }
    }

    /// Begins API keys with `prefix` and `_`, such as `acme` for `acme_…`, instead of
    /// `csk_`.
    pub fn api_key_prefix(mut self, prefix: &str) -> Self {
        match ApiKeyFormat::new(prefix) {
            Ok(format) => self.settings(|settings| settings.api_keys.format = format),
            Err(error) => {
                let shown = prefix.escape_default();
                self.fault(format!("`{shown}` cannot begin an API key: {error}"));
                self
            }
        }
    }

    /// Takes over `settings`, whose `issuer_url` must be the issuer.
    pub fn auth_settings(mut self, settings: &AuthSettings) -> Self {
        let applied = match &mut self.settings {
            Ok(own) => settings.apply(own),
            Err(_) => Ok(()),
        };
        if let Err(error) = applied {
            self.settings = Err(error);
        }
        self
    }

    /// Changes any other setting.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(settings) = &mut self.settings {
            change(settings);
        }
        self
    }

    /// Keeps the state in `storage`.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Asks people through `interaction` instead of the pages of [`crate::people`].
    pub fn interaction(mut self, interaction: Arc<dyn Interaction>) -> Self {
        self.interaction = Some(interaction);
        self
    }

    /// Lets `login` find out who is in front of the browser, instead of local accounts;
    /// the consent page stays.
    pub fn login(self, login: impl Login) -> Self {
        self.pages(|pages| pages.login(login))
    }

    /// Lets people log in at `upstream`, instead of with local accounts. Called again, it
    /// adds a provider, and people choose. At the provider, register the address that
    /// [`AuthorizationServer::callback_address`] answers, such as
    /// `https://auth.example.com/callback/github`.
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        self.upstreams.push(upstream);
        self
    }

    /// Lets people sign in on `page`, a page of yours with the scripts of a provider,
    /// instead of with local accounts; the consent page stays.
    pub fn sign_in_page(self, page: impl SignInPage) -> Self {
        self.pages(|pages| pages.sign_in_page(page))
    }

    /// Lets people log in with local accounts beside the providers of
    /// [`Self::upstream`].
    pub fn with_local_accounts(mut self) -> Self {
        self.wants_local_accounts = true;
        self
    }

    /// Changes the local accounts, such as how many logins may be tried.
    pub fn accounts(mut self, change: impl FnOnce(Accounts) -> Accounts + Send + 'static) -> Self {
        self.accounts.push(Box::new(change));
        self
    }

    /// Calls the service `name` on its pages, instead of the host of the issuer.
    pub fn service_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.settings(|settings| settings.service_name = Some(name))
    }

    /// Changes the login and consent pages, such as by a paragraph of your own.
    pub fn pages(mut self, change: impl FnOnce(People) -> People + Send + 'static) -> Self {
        self.pages.push(Box::new(change));
        self
    }

    fn fault(&mut self, sentence: String) {
        // The first fault is the one that is told.
        if self.settings.is_ok() {
            self.settings = Err(ConfigurationError::new(sentence));
        }
    }
}

/// The hooks.
impl AuthorizationServerBuilder {
    /// Reads the time from `clock`; the accounts do too.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Draws codes, tokens, secrets and ids from `random`; the accounts do too.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Accepts client ids that are addresses of documents.
    pub fn client_id_documents(mut self, documents: ClientIdDocuments) -> Self {
        self.documents = Some(documents);
        self
    }

    /// Lets `policy` object to clients.
    pub fn client_policy(mut self, policy: Arc<dyn ClientPolicy>) -> Self {
        self.client_policy = policy;
        self
    }

    /// Issues the opaque access tokens that `manager` makes, instead of signed ones.
    pub fn token_manager(mut self, manager: impl TokenManager) -> Self {
        self.token_manager = Some(Arc::new(manager));
        self.settings(|settings| settings.access_token_format = AccessTokenFormat::Opaque)
    }

    /// Adds `claims` to access tokens that are signed.
    pub fn token_claims(mut self, claims: Arc<dyn TokenClaims>) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Tells `audit` what happens.
    pub fn audit(mut self, audit: Arc<dyn Sink>) -> Self {
        self.audit = audit;
        self
    }

    /// Where the provider `name` is to send people back to; see
    /// [`AuthorizationServer::callback_address`].
    pub fn callback_address(&self, name: &str) -> Option<String> {
        let settings = self.settings.as_ref().ok()?;
        let mut upstreams = self.upstreams.iter();
        upstreams.find(|upstream| upstream.provider().name == name)?;
        Some(settings.address(&format!("/callback/{name}")))
    }

    /// Judges what was said so far, except for the pages, without a storage; see
    /// [`Self::prepare`] for all of it.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what contradicts itself.
    pub fn check(&self) -> Result<&Settings, ConfigurationError> {
        let settings = self.settings.as_ref().map_err(Clone::clone)?;
        settings.check()?;
        check_format(settings, self.token_manager.is_some())?;
        check_upstreams(&self.upstreams)?;
        self.machines.open(settings)?;
        if self.interaction.is_some() && !self.upstreams.is_empty() {
            return Err(ConfigurationError::new(
                "people are to log in at an upstream provider, which needs the pages of this \
                 server, and .interaction(…) puts others in their place: leave one out",
            ));
        }
        Ok(settings)
    }
}

fn check_format(settings: &Settings, has_manager: bool) -> Result<(), ConfigurationError> {
    if has_manager && settings.access_token_format == AccessTokenFormat::Jwt {
        return Err(ConfigurationError::new(
            "access tokens are to be signed, and there is a token manager, which makes opaque \
             ones: leave one out",
        ));
    }
    Ok(())
}

/// People come back to an address with the name of the provider in it, so it must be part
/// of a path, and of one provider.
fn check_upstreams(upstreams: &[Upstream]) -> Result<(), ConfigurationError> {
    let mut names = BTreeSet::new();
    for upstream in upstreams {
        let name = upstream.provider().name.as_str();
        if !is_provider_name(name) {
            return Err(ConfigurationError::new(format!(
                "the provider `{}` cannot be used for logging in: its name must have 1 to 32 \
                 small letters, digits and hyphens",
                name.escape_default()
            )));
        }
        if !names.insert(name) {
            return Err(ConfigurationError::new(format!(
                "there are two upstream providers called `{name}`: leave one out, or give its \
                 preset another name"
            )));
        }
    }
    Ok(())
}

impl fmt::Debug for AuthorizationServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
