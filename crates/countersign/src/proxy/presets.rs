//! Providers by the names that guides give them.

use countersign_resource_server::ConfigurationError;

use super::{Proof, ProviderLogin};

const METADATA: &str = "/.well-known/openid-configuration";

/// Begun as [`GitHubOAuthProvider`].
#[derive(Clone, Copy, Debug)]
pub enum GitHub {}

/// Begun as [`GoogleOAuthProvider`].
#[derive(Clone, Copy, Debug)]
pub enum Google {}

/// Begun as [`AWSCognitoProvider`].
#[derive(Clone, Copy, Debug)]
pub enum Cognito {}

/// Begun as [`Auth0Provider`].
#[derive(Clone, Copy, Debug)]
pub enum Auth0 {}

/// Begun as [`AzureProvider`].
#[derive(Clone, Copy, Debug)]
pub enum Azure {}

/// Begun as [`OIDCProxy`].
#[derive(Clone, Copy, Debug)]
pub enum Oidc {}

/// People log in at GitHub.
///
/// ```
/// use countersign::{GitHubOAuthProvider, Server};
///
/// let server = Server::new("Notes").auth(
///     GitHubOAuthProvider::new("your-github-client-id", "your-github-client-secret")
///         .redirect_uri("http://localhost:8000/callback/github")
///         .allow_group("9919") // the id of your organisation
///         .in_memory(),
/// );
/// ```
pub type GitHubOAuthProvider = ProviderLogin<GitHub>;

/// People log in at Google; see [`GitHubOAuthProvider`] for an example.
pub type GoogleOAuthProvider = ProviderLogin<Google>;

/// People log in at a user pool of AWS Cognito.
///
/// ```
/// use countersign::{AWSCognitoProvider, Server};
///
/// let server = Server::new("Notes").auth(
///     AWSCognitoProvider::new("us-east-1_AbCdEfGhI", "us-east-1", "your-app-client-id")
///         .client_secret("your-app-client-secret") // only if the app client has one
///         .redirect_uri("http://localhost:8000/callback/cognito")
///         .allow_group("staff")
///         .in_memory(),
/// );
/// ```
pub type AWSCognitoProvider = ProviderLogin<Cognito>;

/// People log in at Auth0.
pub type Auth0Provider = ProviderLogin<Auth0>;

/// People log in at one tenant of Microsoft Entra ID, formerly Azure AD.
pub type AzureProvider = ProviderLogin<Azure>;

/// People log in at any OpenID Connect provider with a metadata document.
pub type OIDCProxy = ProviderLogin<Oidc>;

impl GitHubOAuthProvider {
    /// Our OAuth app at GitHub: its id and its secret.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self::of_preset("github").client(client_id, client_secret)
    }
}

impl GoogleOAuthProvider {
    /// Our application at Google: its id, which ends in `.apps.googleusercontent.com`, and
    /// its secret.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self::of_preset("google").client(client_id, client_secret)
    }
}

impl AWSCognitoProvider {
    /// The id of the user pool, its region, such as `us-east-1`, and the id of our app
    /// client. Without [`ProviderLogin::client_secret`] it is a public one.
    pub fn new(
        user_pool_id: impl Into<String>,
        region: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Self {
        let mut this = Self::of_preset("cognito")
            .set("user_pool_id", user_pool_id)
            .set("region", region)
            .client_id(client_id);
        this.proof = Proof::Public;
        this
    }
}

impl Auth0Provider {
    /// The domain of the tenant, such as `your-tenant.eu.auth0.com`, and the id and the
    /// secret of our application.
    pub fn new(
        domain: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self::of_preset("auth0")
            .set("domain", domain)
            .client(client_id, client_secret)
    }
}

impl AzureProvider {
    /// The id of the tenant, a UUID, and the id and a secret of our application.
    pub fn new(
        tenant_id: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self::of_preset("entra")
            .set("tenant", tenant_id)
            .client(client_id, client_secret)
    }
}

impl OIDCProxy {
    /// The address of the metadata document, which ends in
    /// `/.well-known/openid-configuration`, and the id and the secret of our application.
    ///
    /// What is before that ending is the issuer. A provider that writes it with a slash at
    /// its end says so with `.set("issuer", "https://…/")`.
    pub fn new(
        config_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        let config_url = config_url.into();
        let mut this = Self::of_preset("oidc").client(client_id, client_secret);
        match config_url.strip_suffix(METADATA) {
            Some(issuer) => this.set("issuer", issuer),
            None => {
                this.preset = Err(ConfigurationError::new(format!(
                    "{config_url:?} is not where OpenID Connect providers have their metadata: \
                     write https://…{METADATA}"
                )));
                this
            }
        }
    }
}
