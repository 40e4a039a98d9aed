//! Identity providers of companies, whose assertions let people in.

use countersign_oauth::{Lifetime, ScopeSet};
use countersign_resource_server::ConfigurationError;

use super::our_scopes;
use super::trusted_issuer::{Trusted, TrustedIssuer, issuer_settings};
use crate::settings::Settings;
use crate::upstream::is_provider_name;

/// How long an identity assertion may be valid: they are made for one request.
const MAX_VALIDITY: Lifetime = Lifetime::from_hours(1);

/// An identity provider whose identity assertions (ID-JAGs,
/// draft-ietf-oauth-identity-assertion-authz-grant) are accepted.
///
/// Whoever it vouches for gets an account here, with a subject of its own drawn at random,
/// the same as by a login at that provider: what counts is issuer and subject together.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to a server"]
pub struct TrustedIdentityProvider {
    name: String,
    issuer: TrustedIssuer,
    tenant: Option<String>,
    scopes: Option<Vec<String>>,
}

issuer_settings!(TrustedIdentityProvider);

/// One that is ready for use.
#[derive(Debug)]
pub(crate) struct IdentityProvider {
    pub(crate) name: String,
    pub(crate) trusted: Trusted,
    /// Whose people it vouches for, if it has several tenants.
    pub(crate) tenant: Option<String>,
    /// What its assertions give access to at most; all if absent.
    pub(crate) scopes: Option<ScopeSet>,
}

impl TrustedIdentityProvider {
    /// The provider with the issuer identifier `issuer`, byte for byte, such as
    /// `https://acme.okta.com`. `name`, such as `acme`, stands before the names of its
    /// people's accounts: 1 to 32 small letters, digits and hyphens. If people log in at
    /// the same provider by a browser too, it has the same name here.
    ///
    /// # Security
    ///
    /// Whoever has its keys can act as anybody who has an account by it.
    pub fn new(name: impl Into<String>, issuer: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            issuer: TrustedIssuer::new(issuer),
            tenant: None,
            scopes: None,
        }
    }

    /// The tenant whose people it vouches for, if it has several under one issuer
    /// identifier (claim `tenant`). Assertions of other tenants are refused, and so are those
    /// that name one where none is set here: the same subject is somebody else there.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The scopes that its assertions give access to at most; unless set, all that the
    /// client may have. An assertion that names scopes narrows it further.
    pub fn scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes = Some(names.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn open(&self, settings: &Settings) -> Result<IdentityProvider, ConfigurationError> {
        if !is_provider_name(&self.name) {
            return Err(ConfigurationError::new(format!(
                "the identity provider `{}`: its name must have 1 to 32 small letters, digits \
                 and hyphens",
                self.name.escape_default()
            )));
        }
        let scopes = self.scopes.as_deref();
        let scopes = scopes.map(|names| our_scopes(settings, names));
        Ok(IdentityProvider {
            name: self.name.clone(),
            trusted: self.issuer.open(settings, MAX_VALIDITY)?,
            tenant: self.tenant.clone(),
            scopes: scopes.transpose()?,
        })
    }
}
