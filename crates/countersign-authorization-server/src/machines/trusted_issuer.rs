//! Another issuer, and the keys with which its assertions are verified.

use std::sync::Arc;

use countersign_oauth::Issuer;
use countersign_oauth::assertion_grant::AssertionGrantRules;
use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::jose::{Algorithm, AlgorithmFamily};
use countersign_resource_server::fetch::Fetch;
use countersign_resource_server::{ConfigurationError, IssuerKeys, Keys};

use crate::client::ASSERTION_ALGORITHMS;
use crate::settings::Settings;
use countersign_oauth::Lifetime;

/// What was said about an issuer.
#[derive(Clone, Debug)]
pub(super) struct TrustedIssuer {
    pub(super) issuer: String,
    pub(super) keys: Option<Keys>,
    pub(super) fetch: Option<Arc<dyn Fetch>>,
    pub(super) algorithms: Vec<Algorithm>,
}

/// An issuer whose assertions can be verified.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// Byte for byte as in `iss`.
    pub(crate) issuer: String,
    pub(crate) keys: IssuerKeys,
    pub(crate) algorithms: Vec<Algorithm>,
    max_validity: Lifetime,
}

impl TrustedIssuer {
    pub(super) fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            keys: None,
            fetch: None,
            algorithms: ASSERTION_ALGORITHMS.to_vec(),
        }
    }

    pub(super) fn open(
        &self,
        settings: &Settings,
        max_validity: Lifetime,
    ) -> Result<Trusted, ConfigurationError> {
        let issuer = self.issuer.as_str();
        let refuse = |reason: String| {
            let shown = issuer.escape_default();
            ConfigurationError::new(format!("the trusted issuer `{shown}`: {reason}"))
        };
        Issuer::parse(issuer).map_err(|error| refuse(error.to_string()))?;
        if issuer == settings.issuer.as_str() {
            return Err(refuse("that is this server itself".to_owned()));
        }
        let symmetric = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
        if self.algorithms.is_empty() || self.algorithms.iter().any(symmetric) {
            return Err(refuse(
                "set algorithms for public keys, such as RS256 or ES256".to_owned(),
            ));
        }
        let published = || {
            let base = issuer.strip_suffix('/').unwrap_or(issuer);
            let document = format!("{base}/.well-known/openid-configuration");
            Keys::published(document, issuer)
        };
        let keys = self.keys.clone().unwrap_or_else(published);
        let keys = IssuerKeys::of(&keys, self.fetch.clone());
        Ok(Trusted {
            issuer: issuer.to_owned(),
            keys: keys.map_err(|error| refuse(error.to_string()))?,
            algorithms: self.algorithms.clone(),
            max_validity,
        })
    }
}

impl Trusted {
    /// What every assertion of it must say, at a server with `settings`.
    /// What is expected of its assertions, with the key that was `proven` (RFC 9449 §4.3).
    pub(crate) fn rules<'a>(
        &'a self,
        settings: &'a Settings,
        proven: Option<&'a Thumbprint>,
    ) -> AssertionGrantRules<'a> {
        AssertionGrantRules {
            issuer: &self.issuer,
            audience: &settings.issuer,
            leeway: settings.lifetimes.leeway,
            max_validity: self.max_validity,
            proven,
        }
    }
}

/// The settings that both kinds of issuers have.
macro_rules! issuer_settings {
    ($name:ident) => {
        impl $name {
            /// The public keys of the issuer, if they are not those that its metadata name
            /// (`/.well-known/openid-configuration` behind the issuer).
            pub fn keys(mut self, keys: countersign_resource_server::Keys) -> Self {
                self.issuer.keys = Some(keys);
                self
            }

            /// Fetches keys by `fetch` instead of a guarded fetcher of its own.
            pub fn fetch(
                mut self,
                fetch: std::sync::Arc<dyn countersign_resource_server::fetch::Fetch>,
            ) -> Self {
                self.issuer.fetch = Some(fetch);
                self
            }

            /// The algorithms that the issuer may sign with (RFC 8725 §3.1); unless set,
            /// all for public keys but RS384, RS512, PS384 and PS512.
            pub fn algorithms(
                mut self,
                algorithms: impl IntoIterator<Item = countersign_oauth::jose::Algorithm>,
            ) -> Self {
                self.issuer.algorithms = algorithms.into_iter().collect();
                self
            }
        }
    };
}

pub(super) use issuer_settings;
