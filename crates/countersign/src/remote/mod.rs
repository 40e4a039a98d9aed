//! An identity provider as the issuer of the tokens that a server accepts.
//!
//! Clients are told where to log in by the metadata of the server (RFC 9728), do it
//! there, and come back with a token of the provider. Nothing is issued here and nothing
//! is kept. It takes a provider whose tokens name the service that they are for; others
//! can be the login of an authorization server of one's own.

mod firebase;
mod forwarded;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::routing::get;
use countersign_resource_server::fetch::{Fetch, Fetcher};
use countersign_resource_server::oauth::server_metadata::WELL_KNOWN;
use countersign_resource_server::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_resource_server::provider::{Preset, Provider};
use countersign_resource_server::{ConfigurationError, ProviderVerifier, ProviderVerifierBuilder};

use crate::authentication::Authentication;
use crate::front::RouteAccess;
use crate::server::Server;
pub use firebase::FirebaseAuth;
use forwarded::Forwarded;

/// The variable of presets that names what tokens are for.
const AUDIENCE: &str = "audience";
/// The variable that every preset has.
const CLIENT_ID: &str = "client_id";

/// An identity provider whose access tokens are accepted: give it to [`Server::auth`].
///
/// ```no_run
/// use countersign::{Http, RemoteAuth, Server, tool};
///
/// /// Says who is calling.
/// #[tool]
/// async fn whoami(token: countersign::AccessToken) -> String {
///     token.sub().to_owned()
/// }
///
/// #[tokio::main]
/// async fn main() -> anyhow::Result<()> {
///     Server::new("Notes")
///         .auth(RemoteAuth::preset("auth0").set("domain", "your-tenant.eu.auth0.com"))
///         .tool(whoami)
///         .serve(Http::bind("127.0.0.1:8000").public_url("https://notes.example.com/mcp"))
///         .await?;
///     Ok(())
/// }
/// ```
///
/// A token must be for the address that clients use ([`crate::Http::public_url`]), unless
/// the preset or [`RemoteAuth::audience`] says how the provider calls this server.
///
/// A provider whose tokens do not say whom they are for, such as GitHub or Google, stops
/// the start. Starting needs no network, and a provider that is down is answered with 503
/// until it is back.
pub struct RemoteAuth {
    source: Source,
    values: BTreeMap<String, String>,
    audiences: Vec<String>,
    secret: Option<Secret>,
    authorization_server: Option<String>,
    required_scopes: Result<ScopeSet, ConfigurationError>,
    max_cache: Option<Lifetime>,
    fetch: Option<Arc<dyn Fetch>>,
    loopback: bool,
    forwards: bool,
}

/// What is known about the provider.
enum Source {
    Preset(Result<Box<Preset>, ConfigurationError>),
    Provider(Box<Provider>),
}

impl RemoteAuth {
    /// Accepts tokens of the provider of the built-in preset `name`, such as `auth0`,
    /// `entra`, `okta`, `keycloak`, or `oidc` for any other OpenID Connect provider whose
    /// access tokens are JWTs. Its variables are given with [`Self::set`].
    pub fn preset(name: &str) -> Self {
        let known = Preset::named(name).ok_or_else(|| {
            let names: Vec<_> = Preset::names().collect();
            ConfigurationError::new(format!(
                "there is no preset {name:?}: use one of {}, or a file of your own with \
                 RemoteAuth::file(…)",
                names.join(", ")
            ))
        });
        Self::of(Source::Preset(known.map(Box::new)))
    }

    /// Accepts tokens of the provider that `text` is about: a preset of your own, in the
    /// format of the built-in ones.
    pub fn file(text: &str) -> Self {
        let read = Preset::parse(text);
        let read = read.map_err(|error| ConfigurationError::new(error.to_string()));
        Self::of(Source::Preset(read.map(Box::new)))
    }

    /// Accepts tokens of `provider`, a preset whose variables are filled.
    pub fn provider(provider: Provider) -> Self {
        Self::of(Source::Provider(Box::new(provider)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            values: BTreeMap::new(),
            audiences: Vec::new(),
            secret: None,
            authorization_server: None,
            required_scopes: Ok(ScopeSet::new()),
            max_cache: None,
            fetch: None,
            loopback: false,
            forwards: false,
        }
    }

    /// Gives the variable `variable` of the preset, such as `domain`, this value.
    #[must_use]
    pub fn set(mut self, variable: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(variable.into(), value.into());
        self
    }

    /// The id of the application at the provider, where tokens name it (AWS Cognito,
    /// Entra) or the provider is asked about them.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.set(CLIENT_ID, id)
    }

    /// The secret of the application, where the provider is asked about tokens.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// What tokens for this server have as their audience, if that is not its address:
    /// the identifier of an API, for example. May be called again.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Where clients are told to log in (RFC 9728 §2), instead of the issuer that the
    /// preset names.
    #[must_use]
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_server = Some(issuer.into());
        self
    }

    /// Scopes that every token of this provider needs.
    #[must_use]
    pub fn required_scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let scopes = ScopeSet::from_names(names);
        self.required_scopes = scopes
            .map_err(|error| ConfigurationError::new(format!("required scopes: {error}")))
            .and_then(|scopes| Ok(self.required_scopes?.union(&scopes)));
        self
    }

    /// How long an answer of a provider that is asked about each token may be reused: 60
    /// seconds unless set. A revoked token is accepted for that long.
    #[must_use]
    pub const fn max_cache(mut self, span: Lifetime) -> Self {
        self.max_cache = Some(span);
        self
    }

    /// Serves the metadata of the provider (RFC 8414) at
    /// `/.well-known/oauth-authorization-server` of this server too, for clients of the
    /// MCP revision of March 2025, which look for it here and not at the provider.
    ///
    /// The document stays the provider's, issuer included: clients that compare it with
    /// the place that they found it at (RFC 8414 §3.3) refuse it here, and find the
    /// provider by the metadata of the protected resource.
    #[must_use]
    pub const fn forward_metadata(mut self) -> Self {
        self.forwards = true;
        self
    }

    /// Asks the provider through `fetch`, for example a [`Fetcher`] with settings of its
    /// own. The guard is the fetcher's then.
    #[must_use]
    pub fn fetcher(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Lets the provider be on this machine, without TLS. For development.
    ///
    /// # Security
    ///
    /// Every program on this machine that can listen on its port can then say which
    /// tokens are good.
    #[must_use]
    pub const fn danger_allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The provider, for a server at `resource`. Tokens are for that address unless
    /// something else was said.
    fn filled(&mut self, resource: &ResourceUri) -> Result<Provider, ConfigurationError> {
        let preset = match &self.source {
            Source::Preset(preset) => preset.as_ref().map_err(Clone::clone)?,
            Source::Provider(provider) if self.values.is_empty() => {
                return Ok(Provider::clone(provider));
            }
            Source::Provider(provider) => {
                return Err(ConfigurationError::new(format!(
                    "{} was filled with its values before: leave out .set(…) and .client_id(…)",
                    provider.display_name
                )));
            }
        };
        let asks = preset.variables().any(|(name, _)| name == AUDIENCE);
        if asks && !self.values.contains_key(AUDIENCE) {
            let said = self.audiences.first().map(String::as_str);
            let audience = said.unwrap_or(resource.as_str()).to_owned();
            self.values.insert(AUDIENCE.to_owned(), audience);
        }
        preset.fill(&self.values)
    }

    /// What judges tokens, for a server at `resource`.
    fn verifier(mut self, resource: &ResourceUri) -> Result<ProviderVerifier, ConfigurationError> {
        let provider = self.filled(resource)?;
        let builder = ProviderVerifier::of(provider)
            .resource(resource.clone())
            .required_scopes(self.required_scopes.clone()?);
        self.told(builder).build()
    }

    fn told(self, mut builder: ProviderVerifierBuilder) -> ProviderVerifierBuilder {
        for audience in self.audiences {
            builder = builder.audience(audience);
        }
        if let Some(secret) = self.secret {
            builder = builder.secret(secret);
        }
        if let Some(issuer) = self.authorization_server {
            builder = builder.authorization_server(issuer);
        }
        if let Some(span) = self.max_cache {
            builder = builder.max_cache(span);
        }
        if let Some(fetch) = self.fetch {
            builder = builder.shared_fetcher(fetch);
        }
        if self.loopback {
            builder = builder.danger_allow_loopback();
        }
        builder
    }

    fn own_fetcher(&self) -> Result<Arc<dyn Fetch>, ConfigurationError> {
        if let Some(fetch) = &self.fetch {
            return Ok(Arc::clone(fetch));
        }
        let builder = match self.loopback {
            true => Fetcher::builder().danger_allow_loopback(),
            false => Fetcher::builder(),
        };
        Ok(Arc::new(builder.build()?))
    }

    /// What serves the metadata of the provider here. Its address does not depend on
    /// where the server is.
    fn forwarded(&mut self) -> Result<Forwarded, ConfigurationError> {
        let anywhere = ResourceUri::parse("https://localhost/mcp")
            .map_err(|error| ConfigurationError::new(error.to_string()))?;
        let (values, fetch) = (self.values.clone(), self.own_fetcher()?);
        let provider = self.filled(&anywhere);
        self.values = values;
        Forwarded::of(&provider?, fetch, self.loopback)
    }
}

impl Authentication for RemoteAuth {
    fn add_to(mut self, mut server: Server) -> Server {
        if self.forwards {
            match self.forwarded() {
                Ok(forwarded) => {
                    let forwarded = Arc::new(forwarded);
                    let handler = get(move || {
                        let forwarded = Arc::clone(&forwarded);
                        async move { forwarded.answer().await }
                    });
                    server = server.route(WELL_KNOWN, handler, RouteAccess::Open);
                }
                Err(error) => server.note(Err(error)),
            }
        }
        server
            .admission
            .verifier_of(move |resource| self.verifier(resource));
        server
    }
}

impl fmt::Debug for RemoteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.source {
            Source::Preset(Ok(preset)) => preset.name(),
            Source::Preset(Err(_)) => "unknown",
            Source::Provider(provider) => &provider.name,
        };
        f.debug_struct("RemoteAuth")
            .field("provider", &name)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
