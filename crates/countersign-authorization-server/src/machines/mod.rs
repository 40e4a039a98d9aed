//! Tokens without a browser: whom else this server believes, and which client may exchange
//! what. All of it is off until it is set.
//!
//! An assertion of another issuer is a grant (RFC 7523 §2.1): of an identity provider for
//! one of its people ([`TrustedIdentityProvider`]), or of a platform for a program that runs
//! on it ([`WorkloadIssuer`]). A resource server exchanges the access token with which it
//! was called ([`TokenExchange`], RFC 8693). None of them gets a refresh token.

mod identity_provider;
mod token_exchange;
mod trusted_issuer;
mod workload_issuer;

use std::collections::BTreeSet;

use countersign_oauth::ResourceUri;
use countersign_oauth::grant_type::GrantType;
use countersign_resource_server::ConfigurationError;

use crate::builder::AuthorizationServerBuilder;
use crate::interaction::Interaction;
use crate::settings::Settings;

pub use identity_provider::TrustedIdentityProvider;
pub use token_exchange::TokenExchange;
pub use workload_issuer::{Workload, WorkloadIssuer};

pub(crate) use identity_provider::IdentityProvider;
pub(crate) use token_exchange::ExchangeRule;
pub(crate) use trusted_issuer::Trusted;
pub(crate) use workload_issuer::{KnownWorkload, Workloads};

/// What was said to a builder.
#[derive(Debug, Default)]
pub(crate) struct MachineSettings {
    identity_providers: Vec<TrustedIdentityProvider>,
    workload_issuers: Vec<WorkloadIssuer>,
    exchanges: Vec<TokenExchange>,
}

/// The same, checked and ready for use.
#[derive(Debug)]
pub(crate) struct Machines {
    identity_providers: Vec<IdentityProvider>,
    workloads: Vec<Workloads>,
    exchanges: Vec<ExchangeRule>,
}

/// Who else is believed, and which client may exchange what.
impl AuthorizationServerBuilder {
    /// Issues tokens to clients that present an identity assertion of `provider` (an
    /// ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant), without asking the
    /// person: the company decided. Called again, it adds a provider.
    pub fn identity_assertions(mut self, provider: TrustedIdentityProvider) -> Self {
        self.machines.identity_providers.push(provider);
        self
    }

    /// Issues tokens to programs that present the token that `issuer`, the platform on
    /// which they run, made for them (RFC 7523 §2.1). Called again, it adds a platform.
    pub fn workloads(mut self, issuer: WorkloadIssuer) -> Self {
        self.machines.workload_issuers.push(issuer);
        self
    }

    /// Lets a client exchange access tokens as `exchange` says (RFC 8693). Called again,
    /// it adds another.
    pub fn token_exchange(mut self, exchange: TokenExchange) -> Self {
        self.machines.exchanges.push(exchange);
        self
    }
}

impl MachineSettings {
    /// Opens all of it.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what contradicts itself or the `settings`.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Machines, ConfigurationError> {
        let opened = Machines {
            identity_providers: each(&self.identity_providers, |it| it.open(settings))?,
            workloads: each(&self.workload_issuers, |it| it.open(settings))?,
            exchanges: each(&self.exchanges, |it| it.open(settings))?,
        };
        let names = opened.identity_providers.iter().map(|it| &it.trusted);
        once(names.map(|it| it.issuer.as_str()), "identity provider")?;
        let names = opened.workloads.iter().map(|it| &it.trusted);
        once(names.map(|it| it.issuer.as_str()), "issuer of workloads")?;
        Ok(opened)
    }

    /// People who arrive by an assertion need accounts.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if `interaction` has none.
    pub(crate) fn check_people(
        &self,
        interaction: &dyn Interaction,
    ) -> Result<(), ConfigurationError> {
        if self.identity_providers.is_empty() || interaction.accounts().is_some() {
            return Ok(());
        }
        Err(ConfigurationError::new(
            "people are to come by identity assertions, and .interaction(…) has no accounts for \
             them: leave one out",
        ))
    }
}

impl Machines {
    /// The identity provider `issuer`, byte for byte.
    pub(crate) fn identity_provider(&self, issuer: &str) -> Option<&IdentityProvider> {
        let mut all = self.identity_providers.iter();
        all.find(|it| it.trusted.issuer == issuer)
    }

    /// The platform `issuer`, byte for byte.
    pub(crate) fn workloads_of(&self, issuer: &str) -> Option<&Workloads> {
        self.workloads.iter().find(|it| it.trusted.issuer == issuer)
    }

    /// What `client` may exchange.
    pub(crate) fn exchanges_of<'a>(
        &'a self,
        client: &'a countersign_oauth::ClientId,
    ) -> impl Iterator<Item = &'a ExchangeRule> {
        self.exchanges.iter().filter(move |it| it.client == *client)
    }

    /// Lets clients that describe themselves say that they use identity assertions: which
    /// of them gets any is for the identity provider to say.
    pub(crate) fn offer_to_clients(&self, settings: &mut Settings) {
        if self.accepts_identity_assertions() {
            let offered = &mut settings.client_rules.grant_types;
            offered.push(GrantType::JwtBearer);
        }
    }

    /// Whether identity assertions are accepted.
    pub(crate) fn accepts_identity_assertions(&self) -> bool {
        !self.identity_providers.is_empty()
    }

    /// The grant types that are offered: those that every server has, and those that were
    /// set (RFC 8414 §2).
    pub(crate) fn grant_types(&self) -> Vec<GrantType> {
        let believes = !self.identity_providers.is_empty() || !self.workloads.is_empty();
        let offered = |grant_type: &GrantType| match grant_type {
            GrantType::JwtBearer => believes,
            GrantType::TokenExchange => !self.exchanges.is_empty(),
            _ => true,
        };
        GrantType::ALL.into_iter().filter(offered).collect()
    }
}

fn each<T, U>(
    all: &[T],
    open: impl Fn(&T) -> Result<U, ConfigurationError>,
) -> Result<Vec<U>, ConfigurationError> {
    all.iter().map(open).collect()
}

fn once<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Result<(), ConfigurationError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ConfigurationError::new(format!(
                "the {what} `{name}` is set twice: leave one out, or put what they say together"
            )));
        }
    }
    Ok(())
}

/// The resource `text` of this server, in its own spelling.
fn our_resource(settings: &Settings, text: &str) -> Result<ResourceUri, ConfigurationError> {
    let known = settings.resources.iter();
    let found = known.into_iter().find(|known| known.as_str() == text);
    found.cloned().ok_or_else(|| {
        ConfigurationError::new(format!(
            "`{}` is no resource of this server: add it with .resource(…), outside of code to \
             issuing.resources, or write one of those that are there byte for byte",
            text.escape_default()
        ))
    })
}

/// Scopes that this server has.
fn our_scopes(
    settings: &Settings,
    names: &[String],
) -> Result<countersign_oauth::ScopeSet, ConfigurationError> {
    let scopes = countersign_oauth::ScopeSet::from_names(names)
        .map_err(|error| ConfigurationError::new(format!("scopes: {error}")))?;
    if settings.scopes.is_superset(&scopes) {
        return Ok(scopes);
    }
    Err(ConfigurationError::new(format!(
        "`{scopes}` has a scope that this server has not, only `{}`: add it with .scopes(…), or \
         outside of code to issuing.scopes",
        settings.scopes
    )))
}
