//! Settings of an [`IntrospectionVerifier`], and the mistakes that stop the start.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign_oauth::uri::is_loopback_host;
use countersign_oauth::{Issuer, Lifetime, ScopeSet, Secret};
use http::HeaderValue;
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

use super::answer::Expectations;
use super::{CONCURRENT_REQUESTS, IntrospectionVerifier};
use crate::fetch::{Fetch, Fetcher, HoldOff};
use crate::{ConfigurationError, IntoVerifier};

const DEFAULT_CACHE: Lifetime = Lifetime::from_mins(1);

/// How this server authenticates at the endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verifier) enum Method {
    ClientSecretBasic,
    ClientSecretPost,
}

/// The client that this server is at the authorization server.
#[derive(Clone)]
pub(in crate::verifier) struct ClientCredentials {
    pub(in crate::verifier) id: String,
    pub(in crate::verifier) secret: Secret,
    pub(in crate::verifier) method: Method,
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("id", &self.id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl ClientCredentials {
    /// Adds what the method adds: two fields, or the header that is returned.
    pub(in crate::verifier) fn apply(
        &self,
        form: &mut form_urlencoded::Serializer<'_, String>,
    ) -> Option<HeaderValue> {
        if self.method == Method::ClientSecretPost {
            form.append_pair("client_id", &self.id);
            form.append_pair("client_secret", self.secret.reveal());
            return None;
        }
        // RFC 6749 §2.3.1: both are form-encoded before they are joined.
        let encoded =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = Secret::new(format!(
            "{}:{}",
            encoded(&self.id),
            encoded(self.secret.reveal())
        ));
        let value = Secret::new(format!("Basic {}", STANDARD.encode(pair.reveal())));
        let mut value = HeaderValue::from_str(value.reveal()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Settings of an [`IntrospectionVerifier`].
#[derive(Debug)]
pub struct IntrospectionVerifierBuilder {
    endpoint: String,
    client: Option<(String, Secret)>,
    method: Method,
    audiences: Vec<String>,
    any_audience: bool,
    issuer: Option<String>,
    clients: Vec<String>,
    max_cache: Lifetime,
    required_scopes: ScopeSet,
    fetch: Option<Arc<dyn Fetch>>,
    loopback: bool,
}

impl IntrospectionVerifier {
    /// Asks the introspection endpoint at `url`, which must be https.
    pub fn endpoint(url: impl Into<String>) -> IntrospectionVerifierBuilder {
        IntrospectionVerifierBuilder {
            endpoint: url.into(),
            client: None,
            method: Method::ClientSecretBasic,
            audiences: Vec::new(),
            any_audience: false,
            issuer: None,
            clients: Vec::new(),
            max_cache: DEFAULT_CACHE,
            required_scopes: ScopeSet::new(),
            fetch: None,
            loopback: false,
        }
    }
}

impl IntrospectionVerifierBuilder {
    /// The client id and secret of this server at the authorization server.
    /// RFC 7662 §2.1 requires one.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: Secret) -> Self {
        self.client = Some((id.into(), secret));
        self
    }

    /// Sends id and secret in the form (`client_secret_post`) instead of the
    /// `Authorization` header (`client_secret_basic`).
    #[must_use]
    pub const fn client_secret_post(mut self) -> Self {
        self.method = Method::ClientSecretPost;
        self
    }

    /// Accepts tokens whose `aud` is or contains `audience`. May be called again.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts active tokens for any audience.
    ///
    /// # Security
    ///
    /// Every active token of the authorization server is then accepted, also
    /// one that was made for another service. Combine it with
    /// [`Self::accepted_client`] if the server names no audiences.
    #[must_use]
    pub const fn danger_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// The issuer: answers that name another one are refused, and clients are
    /// told to log in there. Its absence in an answer is no error.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Accepts only tokens issued to this `client_id`. May be called again.
    #[must_use]
    pub fn accepted_client(mut self, client: impl Into<String>) -> Self {
        self.clients.push(client.into());
        self
    }

    /// How long an answer may be reused, never past `exp`: 60 seconds unless
    /// set. A revoked token is accepted for that long. Zero asks every time.
    #[must_use]
    pub const fn max_cache(mut self, span: Lifetime) -> Self {
        self.max_cache = span;
        self
    }

    /// Scopes that every token needs, otherwise 403 `insufficient_scope`.
    #[must_use]
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// Asks through `fetch`, for example a [`Fetcher`] with settings of its own.
    #[must_use]
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Lets the endpoint be on this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on the port then sees all
    /// tokens and decides which are good.
    #[must_use]
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn build(self) -> Result<IntrospectionVerifier, ConfigurationError> {
        let Some((id, secret)) = self.client else {
            return Err(ConfigurationError::new(
                "introspection needs credentials: call client(id, secret) with those of this \
                 server at the authorization server",
            ));
        };
        if id.is_empty() || secret.reveal().is_empty() {
            return Err(ConfigurationError::new(
                "the client id or the client secret for introspection is empty: set both",
            ));
        }
        if self.audiences.is_empty() && !self.any_audience {
            return Err(ConfigurationError::new(
                "introspection needs an audience: call audience(…) with the identifier of this \
                 server, so that tokens made for other services are refused",
            ));
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(ConfigurationError::new(
                "an audience is empty; remove it or set its value",
            ));
        }
        let endpoint = check_endpoint(&self.endpoint, self.loopback)?;
        let fetch = match self.fetch {
            Some(fetch) => fetch,
            None if self.loopback => Arc::new(Fetcher::builder().danger_allow_loopback().build()?),
            None => Arc::new(Fetcher::builder().build()?),
        };
        let issuer = self.issuer.as_deref();
        Ok(IntrospectionVerifier {
            endpoint,
            credentials: ClientCredentials {
                id,
                secret,
                method: self.method,
            },
            fetch,
            authorization_server: issuer.and_then(|issuer| Issuer::parse(issuer).ok()),
            expectations: Expectations {
                audiences: self.audiences,
                issuer: self.issuer,
                clients: self.clients,
                namespace: self.endpoint,
            },
            max_cache: self.max_cache,
            required_scopes: self.required_scopes,
            permits: Semaphore::new(CONCURRENT_REQUESTS),
            hold: HoldOff::default(),
        })
    }
}

fn check_endpoint(address: &str, loopback: bool) -> Result<http::Uri, ConfigurationError> {
    let no_url = || {
        ConfigurationError::new(format!(
            "the introspection endpoint is not a URL without user name and fragment: {address:?}"
        ))
    };
    let url = Url::parse(address).map_err(|_| no_url())?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(no_url());
    }
    let local = url.scheme() == "http" && is_loopback_host(&url);
    if url.scheme() == "https" || (local && loopback) {
        return url.as_str().parse().map_err(|_| no_url());
    }
    let advice = if local {
        "use https, or call danger_allow_loopback() while developing"
    } else {
        "it must start with https://, because tokens are sent there"
    };
    Err(ConfigurationError::new(format!(
        "the introspection endpoint {address:?} has no TLS: {advice}"
    )))
}

impl IntoVerifier for IntrospectionVerifierBuilder {
    type Verifier = IntrospectionVerifier;

    fn into_verifier(self) -> Result<IntrospectionVerifier, ConfigurationError> {
        self.build()
    }
}
