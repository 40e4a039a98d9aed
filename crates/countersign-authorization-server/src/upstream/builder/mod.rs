//! Configuring a provider. Mistakes stop the start with a sentence that says what to set.

mod api;
mod application;
mod people;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::jose::SigningKey;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{ClientId, ScopeToken, Secret};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::fetch::{Fetch, Fetcher};
use countersign_resource_server::provider::{
    AssertionAudience, IdentitySource, IssuerRule, LoginProfile, Provider,
};

use super::ask::Asker;
use super::discovery::Discovery;
use super::endpoint::Endpoint;
use super::rules::Rules;
use super::{Inner, Upstream};

/// Settings of an [`Upstream`].
#[must_use = "a builder does nothing until build()"]
pub struct UpstreamBuilder {
    provider: Provider,
    client_id: String,
    secret: Option<Secret>,
    key: Option<Arc<SigningKey>>,
    certificate: Option<String>,
    audience: Option<AssertionAudience>,
    is_public: bool,
    method: Option<TokenEndpointAuthMethod>,
    scopes: Vec<String>,
    authorize_parameters: BTreeMap<String, String>,
    token_parameters: BTreeMap<String, String>,
    api_origins: Vec<String>,
    everyone: bool,
    organisations: Vec<String>,
    groups: Vec<String>,
    identities: Vec<(Option<String>, String)>,
    fetch: Option<Arc<dyn Fetch>>,
    api_fetch: Option<Arc<dyn Fetch>>,
    loopback: bool,
}

impl fmt::Debug for UpstreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBuilder")
            .field("provider", &self.provider.name)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Our application there.
impl UpstreamBuilder {
    pub(super) fn new(provider: Provider, client_id: String) -> Self {
        Self {
            provider,
            client_id,
            secret: None,
            key: None,
            certificate: None,
            audience: None,
            is_public: false,
            method: None,
            scopes: Vec::new(),
            authorize_parameters: BTreeMap::new(),
            token_parameters: BTreeMap::new(),
            api_origins: Vec::new(),
            everyone: false,
            organisations: Vec::new(),
            groups: Vec::new(),
            identities: Vec::new(),
            fetch: None,
            api_fetch: None,
            loopback: false,
        }
    }

    /// The secret of the application.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The private key of the application (`private_key_jwt`, RFC 7523 §2.2), with the
    /// `kid` under which the provider knows it.
    pub fn private_key(mut self, key: SigningKey) -> Self {
        self.key = Some(Arc::new(key));
        self
    }

    /// The certificate of that key, one PEM block `CERTIFICATE`, for a provider that finds
    /// the key by it (`x5t#S256`, RFC 7515 §4.1.8), such as Microsoft Entra.
    pub fn certificate(mut self, pem: impl Into<String>) -> Self {
        self.certificate = Some(pem.into());
        self
    }

    /// Whom assertions are made for; what the provider's file says unless set.
    pub const fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.audience = Some(audience);
        self
    }

    /// The application has neither secret nor key (RFC 6749 §2.1).
    pub const fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Authenticates with `method`, instead of the first one of the provider's file that
    /// fits what the application has.
    pub const fn authentication(mut self, method: TokenEndpointAuthMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Also asks for these scopes, besides those of the provider's file.
    pub fn scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds a parameter to the authorization request, such as `prompt` with
    /// `select_account`; it replaces one of the provider's file.
    pub fn authorize_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.authorize_parameters.insert(name.into(), value.into());
        self
    }

    /// Adds a parameter to each token request, refreshes too; it replaces one of the
    /// provider's file.
    pub fn token_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.token_parameters.insert(name.into(), value.into());
        self
    }

    /// Lets tools send the access tokens of the provider to this origin too, such as
    /// `https://api.example.com`: to an API of one's own that accepts them. May be called
    /// again.
    ///
    /// # Security
    ///
    /// Whoever answers there gets the token of everybody whose tools ask it.
    pub fn api_origin(mut self, origin: impl Into<String>) -> Self {
        self.api_origins.push(origin.into());
        self
    }

    /// Asks through `fetch`, for example a [`Fetcher`] with settings of its own: a provider
    /// inside a company needs one that allows private networks, and often one more
    /// certificate authority. The guard is the fetcher's then.
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Lets the provider be on this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on its port can then log in as
    /// anybody.
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }
}

/// Who may log in.
///
/// Somebody must be of one of the organisations, if any are named, and in one of the
/// groups, if any are named. Persons who are named may log in whatever they belong to.
impl UpstreamBuilder {
    /// Whoever has an account at the provider may log in.
    ///
    /// # Security
    ///
    /// At providers with open registration that is everybody in the world.
    pub const fn allow_everyone(mut self) -> Self {
        self.everyone = true;
        self
    }

    /// People of this organisation may log in: a domain such as `corp.example`, or the id
    /// by which the provider calls it (compared byte for byte). May be called again.
    ///
    /// Where the provider does not name organisations, the domain of the e-mail address
    /// counts, if the provider verified it.
    pub fn allow_domain(mut self, domain: impl Into<String>) -> Self {
        self.organisations.push(domain.into());
        self
    }

    /// People in this group may log in; compared byte for byte. May be called again.
    pub fn allow_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// The person with this subject may log in, whatever the other rules are. May be
    /// called again.
    pub fn allow_subject(mut self, subject: impl Into<String>) -> Self {
        self.identities.push((None, subject.into()));
        self
    }

    /// As [`Self::allow_subject`], for providers with an issuer for each tenant, whose
    /// subjects are unique only together with the `issuer`.
    pub fn allow_identity(mut self, issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        self.identities.push((Some(issuer.into()), subject.into()));
        self
    }
}

impl UpstreamBuilder {
    /// The provider, ready for use. Nothing is fetched.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn build(mut self) -> Result<Upstream, ConfigurationError> {
        let name = self.provider.name.clone();
        self.certify(&name)?;
        let Some(login) = self.provider.login.clone() else {
            return Err(fault(
                &name,
                "nobody can log in there: its file has no [login]; accept its tokens instead, or \
                 use another provider",
            ));
        };
        if ClientId::parse(&self.client_id).is_err() {
            return Err(fault(
                &name,
                "the client id is missing or has characters that none has: set that of your \
                 application there",
            ));
        }
        let filled = self.provider.client_id.as_ref();
        if filled.is_some_and(|filled| *filled != self.client_id) {
            return Err(fault(
                &name,
                "its file was filled with another client id: use the same one",
            ));
        }
        let rules = self.rules(&name, &login)?;
        self.check_endpoints(&name, &login)?;
        let credentials = self.credentials(&name, &login)?;
        let scopes = self.wanted_scopes(&name, &login, &rules)?;
        let authorize_parameters = merged(
            &name,
            &login,
            &login.authorize_parameters,
            &self.authorize_parameters,
        )?;
        let token_parameters = merged(
            &name,
            &login,
            &login.token_parameters,
            &self.token_parameters,
        )?;
        let loopback = self.loopback_hosts(&name)?;
        let api_fetch = self.fetch_of_tools()?;
        let fetch = match self.fetch {
            Some(fetch) => fetch,
            None if self.loopback => Arc::new(Fetcher::builder().danger_allow_loopback().build()?),
            None => Arc::new(Fetcher::builder().build()?),
        };
        let discovery = match (&self.provider.discovery, &self.provider.endpoints.issuer) {
            (None, _) => None,
            (Some(address), Some(issuer)) => {
                Some(Discovery::new(address.clone(), issuer.clone(), loopback))
            }
            (Some(_), None) => {
                return Err(fault(
                    &name,
                    "it has a metadata document and no issuer to compare it with: set \
                     endpoints.issuer in its file",
                ));
            }
        };
        let provider = with_origins(&name, self.provider, self.api_origins)?;
        Ok(Upstream(Arc::new(Inner {
            asker: Asker::new(fetch, &name),
            api_fetch,
            provider,
            login,
            credentials,
            scopes,
            authorize_parameters,
            token_parameters,
            rules,
            discovery,
            keys: Mutex::default(),
        })))
    }

    /// Without a metadata document everything that is needed must be named.
    fn check_endpoints(&self, name: &str, login: &LoginProfile) -> Result<(), ConfigurationError> {
        let source = login.identity.source;
        let mut needed = vec![Endpoint::Authorization, Endpoint::Token];
        if source.is_signed() || login.nonce {
            needed.push(Endpoint::Jwks);
        }
        match source {
            IdentitySource::Userinfo => needed.push(Endpoint::Userinfo),
            IdentitySource::Introspection => needed.push(Endpoint::Introspection),
            IdentitySource::IdToken | IdentitySource::AccessToken => {}
        }
        let endpoints = &self.provider.endpoints;
        let missing = needed
            .iter()
            .find(|endpoint| endpoint.configured(endpoints).is_none());
        if let (Some(missing), None) = (missing, &self.provider.discovery) {
            let what = missing.what();
            return Err(fault(
                name,
                &format!("its file has neither {what} nor a metadata document: add one of them"),
            ));
        }
        let has_issuer = endpoints.issuer.is_some();
        if login.identity.issuer == IssuerRule::OfMetadata && !has_issuer {
            return Err(fault(
                name,
                "its file names no issuer: set endpoints.issuer or login.identity.issuer",
            ));
        }
        Ok(())
    }

    fn wanted_scopes(
        &self,
        name: &str,
        login: &LoginProfile,
        rules: &Rules,
    ) -> Result<Vec<String>, ConfigurationError> {
        let identity = &login.identity;
        let emails = identity.email_list.as_ref();
        let emails =
            emails.filter(|_| !rules.organisations.is_empty() && identity.domain.is_none());
        let groups = identity.group_list.as_ref();
        let groups = groups.filter(|_| !rules.groups.is_empty());
        let of_lists = [emails, groups].into_iter().flatten();
        let of_lists = of_lists.filter_map(|list| list.scope.as_ref());
        let mut scopes: Vec<String> = Vec::new();
        for scope in login.scopes.iter().chain(of_lists).chain(&self.scopes) {
            // RFC 6749 §3.3.
            if ScopeToken::parse(scope).is_err() || scope.contains(login.scope_separator) {
                return Err(fault(
                    name,
                    &format!("{scope:?} is not one scope: name each of its own"),
                ));
            }
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        Ok(scopes)
    }

    /// Whether what the provider publishes may lead to this machine.
    fn loopback_hosts(&self, name: &str) -> Result<LoopbackHosts, ConfigurationError> {
        let endpoints = &self.provider.endpoints;
        let addresses = [
            &self.provider.discovery,
            &endpoints.authorization,
            &endpoints.token,
            &endpoints.revocation,
            &endpoints.userinfo,
            &endpoints.introspection,
            &endpoints.jwks,
        ];
        let mut addresses = addresses.into_iter().flatten();
        let without_tls = addresses.any(|address| !address.starts_with("https://"));
        if without_tls && !self.loopback && self.fetch.is_none() {
            return Err(fault(
                name,
                "it has no TLS: use https, or call danger_allow_loopback() while developing on \
                 this machine",
            ));
        }
        let of_document = self.provider.discovery.as_ref();
        let is_local = of_document.is_some_and(|address| !address.starts_with("https://"));
        Ok(if is_local {
            LoopbackHosts::Allowed
        } else {
            LoopbackHosts::Refused
        })
    }
}

/// `provider`, with further origins of its API.
fn with_origins(
    name: &str,
    mut provider: Provider,
    origins: Vec<String>,
) -> Result<Provider, ConfigurationError> {
    for origin in origins {
        let allowed = provider.api.allow(origin);
        allowed.map_err(|error| fault(name, &error.to_string()))?;
    }
    Ok(provider)
}

/// The parameters of the file, and then those of the operator.
fn merged(
    name: &str,
    login: &LoginProfile,
    of_file: &BTreeMap<String, String>,
    of_operator: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ConfigurationError> {
    let mut merged = of_file.clone();
    for (parameter, value) in of_operator {
        merged.insert(parameter.clone(), value.clone());
    }
    for parameter in merged.keys() {
        if login.writes_parameter(parameter) {
            return Err(fault(
                name,
                &format!(
                    "the parameter {parameter:?} is set by the login itself: leave it out (scopes \
                     have a setting of their own)"
                ),
            ));
        }
        if parameter.is_empty() {
            return Err(fault(name, "a parameter has no name: remove it"));
        }
    }
    Ok(merged)
}

fn fault(name: &str, sentence: &str) -> ConfigurationError {
    ConfigurationError::new(format!("the provider {name}: {sentence}"))
}
