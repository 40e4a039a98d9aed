//! Letting callers in by API key.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::{ApiKeyFormat, ScopeSet, Secret};

use super::fixed::FixedKey;
use super::keys::{ApiKeys, DynApiKeys};
use super::verifier::ApiKeyVerifier;
use crate::{ConfigurationError, IntoVerifier, Source, SourceName};

/// Lets in whoever presents a good API key.
///
/// ```
/// use countersign_resource_server::oauth::{ScopeSet, Secret};
/// use countersign_resource_server::{ApiKeyAuth, FixedKey};
///
/// let nightly = FixedKey::service("nightly").scopes(ScopeSet::parse("stats:read")?);
/// let keys = ApiKeyAuth::header("X-API-Key")
///     .key(Secret::new("9f2c1f4c5d0b4b6f8a7e3d21c0ffee11"), nightly);
/// # Ok::<(), countersign_resource_server::oauth::scope::InvalidScope>(())
/// ```
///
/// # Security
///
/// A key is good for as long as nobody revokes it, and whoever reads it has it. It is
/// never read from the address of a request.
#[derive(Clone)]
#[must_use = "it lets nobody in before it is given to a server"]
pub struct ApiKeyAuth {
    place: Place,
    /// What the source is called, if not `api_key`.
    name: Option<String>,
    format: ApiKeyFormat,
    fixed: Vec<(Secret, FixedKey)>,
    keys: Option<Arc<dyn DynApiKeys>>,
    required_scopes: ScopeSet,
}

/// Where a key is in a request.
#[derive(Clone, Debug)]
enum Place {
    Header(String),
    Bearer,
}

impl ApiKeyAuth {
    /// Keys are the whole value of the header `name`, such as `X-API-Key`.
    pub fn header(name: impl Into<String>) -> Self {
        Self::at(Place::Header(name.into()))
    }

    /// Keys come as `Authorization: Bearer …`. Those that begin like a key are judged
    /// here, all others by the other verifiers.
    pub fn bearer() -> Self {
        Self::at(Place::Bearer)
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            name: None,
            format: ApiKeyFormat::default(),
            fixed: Vec::new(),
            keys: None,
            required_scopes: ScopeSet::new(),
        }
    }

    /// Components name it `name`, instead of `api_key`
    /// ([`SourceRule`](crate::SourceRule)).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Accepts the keys that `keys` knows, such as those of an authorization server.
    pub fn keys(mut self, keys: impl ApiKeys) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    /// Accepts one more key: its text, which is yours, and what it opens.
    ///
    /// # Security
    ///
    /// It has to be as random as a key that was made here. To withdraw it, start again
    /// without it.
    pub fn key(mut self, text: impl Into<Secret>, opens: FixedKey) -> Self {
        self.fixed.push((text.into(), opens));
        self
    }

    /// Keys look like this, instead of beginning with `csk_`.
    pub fn format(mut self, format: ApiKeyFormat) -> Self {
        self.format = format;
        self
    }

    /// Scopes that every key needs, otherwise 403 `insufficient_scope`.
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }
}

impl ApiKeyAuth {
    /// The source that it is: its name, and where its keys are.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if either cannot be one.
    pub fn source(&self) -> Result<Source, ConfigurationError> {
        let name = match &self.name {
            Some(name) => SourceName::parse(name)?,
            None => SourceName::API_KEY,
        };
        match &self.place {
            Place::Header(header) => Source::header(name, header),
            Place::Bearer => Ok(Source::bearer(name).realm("api keys")),
        }
    }
}

impl IntoVerifier for ApiKeyAuth {
    type Verifier = ApiKeyVerifier;

    fn into_verifier(self) -> Result<ApiKeyVerifier, ConfigurationError> {
        if self.fixed.is_empty() && self.keys.is_none() {
            return Err(ConfigurationError::new(
                "API keys are to be accepted, and nobody knows any: say which with .keys(…) or \
                 .key(…), or give this to EmbeddedAuth::api_keys",
            ));
        }
        let source = self.source()?;
        let mut fixed: Vec<super::fixed::Fixed> = Vec::with_capacity(self.fixed.len());
        for (text, opens) in self.fixed {
            let settled = opens.settled(&text, &self.format)?;
            if fixed.iter().any(|known| known.digest == settled.digest) {
                return Err(ConfigurationError::new(
                    "an API key is there twice: every one needs a text of its own",
                ));
            }
            fixed.push(settled);
        }
        Ok(ApiKeyVerifier {
            source,
            format: self.format,
            fixed,
            keys: self.keys,
            required_scopes: self.required_scopes,
        })
    }
}

impl fmt::Debug for ApiKeyAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyAuth")
            .field("place", &self.place)
            .field("format", &self.format)
            .field("fixed", &self.fixed.len())
            .finish_non_exhaustive()
    }
}
