//! People log in at a provider where they have an account, and clients get tokens of this
//! server: an [`EmbeddedAuth`] with one [`Upstream`], in one line.
//!
//! The names and the arguments are those of the guides of other libraries for the same
//! thing. Each is another beginning of the same [`OAuthProxy`].

mod endpoints;
mod presets;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use countersign_authorization_server::{Storage, Upstream, UpstreamBuilder};
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::provider::{Preset, Provider};

pub use endpoints::OAuth2Provider;
pub use presets::{
    AWSCognitoProvider, Auth0Provider, AzureProvider, GitHubOAuthProvider, GoogleOAuthProvider,
    OIDCProxy,
};

use crate::authentication::Authentication;
use crate::embedded::{EmbeddedAuth, Registered};
use crate::server::Server;

const CLIENT_ID: &str = "client_id";

/// A change of the provider's settings.
type UpstreamChange = Box<dyn FnOnce(UpstreamBuilder) -> UpstreamBuilder + Send>;
/// A change of the authorization server.
type AuthChange = Box<dyn FnOnce(EmbeddedAuth) -> EmbeddedAuth + Send>;
/// What the preset cannot say.
type ProviderChange = Box<dyn FnOnce(&mut Provider) -> Result<(), ConfigurationError> + Send>;

/// Begun as [`OAuthProxy`].
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values")]
pub enum Proxy {}

/// Any provider: by its endpoints, by a built-in preset, or by a file of your own. See
/// [`ProviderLogin`] for what else can be said.
///
/// ```
/// use countersign::{OAuthProxy, Server};
///
/// let domain = "https://your-domain.auth.us-east-1.amazoncognito.com";
/// let pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_XXXXX";
/// let server = Server::new("Cognito with OAuth Proxy").auth(
///     OAuthProxy::new(
///         format!("{domain}/oauth2/authorize"),
///         format!("{domain}/oauth2/token"),
///         "your-cognito-app-client-id",
///         "your-cognito-app-client-secret",
///     )
///     .scopes(["openid", "profile", "email"])
///     .id_token(pool, format!("{pool}/.well-known/jwks.json"))
///     .allow_everyone()
///     .in_memory(),
/// );
/// ```
pub type OAuthProxy = ProviderLogin<Proxy>;

/// One application of ours at a provider, for all clients: people log in there, clients
/// register here and get tokens of this server. Give it to [`Server::auth`].
///
/// ```
/// use countersign::{OAuthProxy, Server};
///
/// let server = Server::new("Notes").auth(
///     OAuthProxy::preset("okta")
///         .set("issuer", "https://acme.okta.com")
///         .client("0oa1", "from-a-file")
///         .in_memory(),
/// );
/// ```
///
/// Where what people granted is kept has to be said ([`Self::sqlite`] or
/// [`Self::in_memory`]), and, for providers where everybody in the world can have an
/// account, who may log in. At the provider, register the address of this server with
/// `/callback/` and the name of the provider: `https://mcp.example.com/callback/okta`.
///
/// `Kind` says how it was begun and nothing else.
#[must_use]
pub struct ProviderLogin<Kind> {
    preset: Result<Preset, ConfigurationError>,
    values: BTreeMap<String, String>,
    changes_of_provider: Vec<ProviderChange>,
    client_id: String,
    proof: Proof,
    redirect_uri: Option<Registered>,
    changes_of_upstream: Vec<UpstreamChange>,
    kept: Option<EmbeddedAuth>,
    changes: Vec<AuthChange>,
    kind: PhantomData<fn() -> Kind>,
}

/// How our application proves who it is.
enum Proof {
    /// As the settings of the provider say.
    Unsaid,
    Secret(Secret),
    Public,
}

impl OAuthProxy {
    /// Begins with the built-in preset `name`, such as `okta`, `keycloak` or `gitlab`. Its
    /// variables are given with [`Self::set`].
    pub fn preset(name: &str) -> Self {
        Self::of_preset(name)
    }

    /// Begins with the preset `text`, a file of your own in the format of the built-in
    /// ones.
    pub fn file(text: &str) -> Self {
        Self::of_text(text)
    }
}

impl<Kind> ProviderLogin<Kind> {
    fn of_preset(name: &str) -> Self {
        Self::of(Preset::named(name).ok_or_else(|| {
            let names: Vec<_> = Preset::names().collect();
            ConfigurationError::new(format!(
                "there is no preset {name:?}: use one of {}, or a file of your own with \
                 OAuthProxy::file(…)",
                names.join(", ")
            ))
        }))
    }

    fn of_text(text: &str) -> Self {
        let read = Preset::parse(text);
        Self::of(read.map_err(|error| ConfigurationError::new(error.to_string())))
    }

    const fn of(preset: Result<Preset, ConfigurationError>) -> Self {
        Self {
            preset,
            values: BTreeMap::new(),
            changes_of_provider: Vec::new(),
            client_id: String::new(),
            proof: Proof::Unsaid,
            redirect_uri: None,
            changes_of_upstream: Vec::new(),
            kept: None,
            changes: Vec::new(),
            kind: PhantomData,
        }
    }

    fn change_provider(
        mut self,
        change: impl FnOnce(&mut Provider) -> Result<(), ConfigurationError> + Send + 'static,
    ) -> Self {
        self.changes_of_provider.push(Box::new(change));
        self
    }

    /// Gives the variable `variable` of the preset, such as `domain`, this value.
    pub fn set(mut self, variable: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(variable.into(), value.into());
        self
    }

    /// The id and the secret of our application at the provider.
    pub fn client(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client_id(id).client_secret(secret)
    }

    /// The id of our application at the provider.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// The secret of our application at the provider.
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.proof = Proof::Secret(Secret::new(secret.into()));
        self
    }

    /// Our application has no secret: the provider calls it public, or native.
    pub fn public(mut self) -> Self {
        self.proof = Proof::Public;
        self
    }

    /// What is registered at the provider as redirect URI, byte for byte. If it is not
    /// where this server answers, the start is refused and says what to register.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(Registered::new(uri, "the redirect URI"));
        self
    }

    /// Asks the provider for these scopes too, beside those of its preset.
    pub fn scopes<I>(self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        self.upstream(|upstream| upstream.scopes(scopes))
    }

    /// Whoever has an account at the provider may log in.
    ///
    /// # Security
    ///
    /// At providers with open registration that is everybody in the world.
    pub fn allow_everyone(self) -> Self {
        self.upstream(UpstreamBuilder::allow_everyone)
    }

    /// People of this organisation may log in; see [`UpstreamBuilder::allow_domain`].
    pub fn allow_domain(self, domain: impl Into<String>) -> Self {
        let domain = domain.into();
        self.upstream(|upstream| upstream.allow_domain(domain))
    }

    /// People in this group may log in; see [`UpstreamBuilder::allow_group`].
    pub fn allow_group(self, group: impl Into<String>) -> Self {
        let group = group.into();
        self.upstream(|upstream| upstream.allow_group(group))
    }

    /// The person with this subject at the provider may log in.
    pub fn allow_subject(self, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        self.upstream(|upstream| upstream.allow_subject(subject))
    }

    /// Says more about the provider, such as a parameter or a fetcher.
    pub fn upstream(
        mut self,
        change: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder + Send + 'static,
    ) -> Self {
        self.changes_of_upstream.push(Box::new(change));
        self
    }

    /// Keeps clients, grants and the tokens of the provider in the SQLite database at
    /// `path`; see [`EmbeddedAuth::sqlite`].
    #[cfg(feature = "sqlite")]
    pub fn sqlite(mut self, path: impl Into<PathBuf>) -> Self {
        self.kept = Some(EmbeddedAuth::sqlite(path));
        self
    }

    /// Keeps everything in the memory of the process: for tests and to try it out. Every
    /// start begins with nothing.
    pub fn in_memory(mut self) -> Self {
        self.kept = Some(EmbeddedAuth::in_memory());
        self
    }

    /// Keeps everything in `storage`, which was opened before.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.kept = Some(EmbeddedAuth::storage(storage));
        self
    }

    /// Says more about the authorization server, such as the sentences of its scopes, or
    /// that there are local accounts or other providers besides.
    pub fn configure(
        mut self,
        change: impl FnOnce(EmbeddedAuth) -> EmbeddedAuth + Send + 'static,
    ) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// The provider and our application there, for an authorization server of one's own.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn into_upstream(self) -> Result<Upstream, ConfigurationError> {
        if self.kept.is_some() || !self.changes.is_empty() || self.redirect_uri.is_some() {
            return Err(ConfigurationError::new(
                "the provider alone is asked for, and where things are kept or how the server is \
                 reached was said: say that to the authorization server",
            ));
        }
        self.parts()?.0.build()
    }

    /// The authorization server with this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn into_embedded(mut self) -> Result<EmbeddedAuth, ConfigurationError> {
        let kept = self.kept.take().ok_or_else(|| {
            ConfigurationError::new(
                "where what people granted is kept is open: say .sqlite(\"app.db\"), or \
                 .in_memory() to forget it at each start",
            )
        })?;
        let (upstream, redirect_uri, changes) = self.parts()?;
        let upstream = upstream.build()?;
        let name = upstream.name().to_owned();
        let mut auth = kept.upstream(upstream);
        if let Some(uri) = redirect_uri {
            auth = auth.registered(name, uri);
        }
        Ok(changes.into_iter().fold(auth, |auth, change| change(auth)))
    }

    fn parts(
        mut self,
    ) -> Result<(UpstreamBuilder, Option<Registered>, Vec<AuthChange>), ConfigurationError> {
        let preset = self.preset?;
        if !self.client_id.is_empty() {
            let id = self.client_id.clone();
            self.values.insert(CLIENT_ID.to_owned(), id);
        }
        let mut provider = preset.fill(&self.values)?;
        for change in self.changes_of_provider {
            change(&mut provider)?;
        }
        let upstream = Upstream::builder(provider, self.client_id);
        let upstream = match self.proof {
            Proof::Unsaid => upstream,
            Proof::Secret(secret) => upstream.secret(secret),
            Proof::Public => upstream.public(),
        };
        let changes = self.changes_of_upstream.into_iter();
        let upstream = changes.fold(upstream, |upstream, change| change(upstream));
        Ok((upstream, self.redirect_uri, self.changes))
    }
}

impl<Kind> Authentication for ProviderLogin<Kind> {
    fn add_to(self, mut server: Server) -> Server {
        match self.into_embedded() {
            Ok(auth) => auth.add_to(server),
            Err(error) => {
                server.note(Err(error));
                server
            }
        }
    }
}

impl<Kind> fmt::Debug for ProviderLogin<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderLogin")
            .field("preset", &self.preset.as_ref().map(Preset::name))
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
