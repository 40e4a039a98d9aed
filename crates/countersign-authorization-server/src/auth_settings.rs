//! The settings under the names that servers written for FastMCP and the official SDK
//! for Python use, so that they can be taken over as they are.
//!
//! They mean what they mean there, and so do their defaults: neither registration nor
//! revocation is offered unless it is enabled. Everything else is in [`Settings`].

use countersign_oauth::{Lifetime, ScopeSet};
use countersign_resource_server::ConfigurationError;

use crate::settings::{Registration, Revocation, Settings};

/// Settings of an authorization server. Begin with [`AuthSettings::new`] and change
/// fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthSettings {
    /// The issuer identifier (RFC 8414 §2): `https`, or `http` on loopback.
    pub issuer_url: String,
    /// A page for developers of clients, an absolute URL; in the metadata.
    pub service_documentation_url: Option<String>,
    /// The scopes that every token needs.
    pub required_scopes: Vec<String>,
    /// Clients that register themselves.
    pub client_registration_options: ClientRegistrationOptions,
    /// Clients that revoke tokens.
    pub revocation_options: RevocationOptions,
}

/// Whether and how clients register themselves (RFC 7591).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRegistrationOptions {
    /// Whether there is a registration endpoint.
    pub enabled: bool,
    /// How long a client secret is valid, in seconds; for ever if absent.
    pub client_secret_expiry_seconds: Option<u64>,
    /// The scopes that clients may ask for; if absent, those that are known otherwise.
    pub valid_scopes: Option<Vec<String>>,
    /// The scopes of requests that name none; if absent, those that every token
    /// needs, or all if it needs none.
    pub default_scopes: Option<Vec<String>>,
}

/// Whether clients can revoke tokens (RFC 7009).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationOptions {
    /// Whether there is a revocation endpoint.
    pub enabled: bool,
}

impl AuthSettings {
    /// The settings of the issuer `issuer_url`, with everything that can be off off.
    pub fn new(issuer_url: impl Into<String>) -> Self {
        Self {
            issuer_url: issuer_url.into(),
            service_documentation_url: None,
            required_scopes: Vec::new(),
            client_registration_options: ClientRegistrationOptions::default(),
            revocation_options: RevocationOptions::default(),
        }
    }

    /// The scopes that every token needs.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] for a name that is none (RFC 6749 §3.3).
    pub fn required_scope_set(&self) -> Result<ScopeSet, ConfigurationError> {
        scopes("required_scopes", &self.required_scopes)
    }

    /// Changes `settings`, those of the same issuer, to what is said here.
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), ConfigurationError> {
        if self.issuer_url != settings.issuer.as_str() {
            return Err(ConfigurationError::new(format!(
                "the issuer_url is `{}`, and the issuer of the authorization server is `{}`: \
                 write both alike, byte for byte",
                self.issuer_url,
                settings.issuer.as_str()
            )));
        }
        let registration = &self.client_registration_options;
        settings.registration = match (registration.enabled, settings.registration) {
            (false, _) => Registration::Closed,
            (true, Registration::InitialAccessToken) => Registration::InitialAccessToken,
            (true, _) => Registration::Open,
        };
        settings.lifetimes.client_secret = registration
            .client_secret_expiry_seconds
            .map(Lifetime::from_secs);
        settings.revocation = if self.revocation_options.enabled {
            Revocation::Offered
        } else {
            Revocation::NotOffered
        };
        if let Some(address) = &self.service_documentation_url {
            settings.service_documentation = Some(address.clone());
        }
        self.apply_scopes(settings)
    }

    fn apply_scopes(&self, settings: &mut Settings) -> Result<(), ConfigurationError> {
        let required = self.required_scope_set()?;
        let registration = &self.client_registration_options;
        match &registration.valid_scopes {
            None => settings.offer(required.clone()),
            Some(valid) => {
                let valid = scopes("valid_scopes", valid)?;
                // They were given to be published.
                settings.concealed_scopes = ScopeSet::new();
                settings.scopes = valid.clone();
                settings.client_rules.scopes = valid;
            }
        }
        if !settings.scopes.is_superset(&required) {
            return Err(ConfigurationError::new(format!(
                "every token needs the scopes `{required}`, and clients may only ask for `{}`: \
                 nobody could ever be let in; add them to valid_scopes",
                settings.scopes
            )));
        }
        settings.default_scopes = match &registration.default_scopes {
            Some(default) => scopes("default_scopes", default)?,
            None if !required.is_empty() => required,
            None => settings.default_scopes.intersection(&settings.scopes),
        };
        Ok(())
    }
}

fn scopes(field: &str, names: &[String]) -> Result<ScopeSet, ConfigurationError> {
    ScopeSet::from_names(names)
        .map_err(|error| ConfigurationError::new(format!("{field}: {error}")))
}
