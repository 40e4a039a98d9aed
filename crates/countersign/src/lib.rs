//! The secure way to serve the Model Context Protocol.
//!
//! A free async function is a tool; its documentation is the description; one
//! line of the builder adds authentication.
//!
//! ```no_run
//! use countersign::{AccessToken, Http, JwtVerifier, Server, tool};
//!
//! /// Greets the caller by name.
//! #[tool(scopes("read"))]
//! async fn greet(name: String, token: AccessToken) -> String {
//!     format!("Hello, {name}! Your userid is {}.", token.sub())
//! }
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     Server::new("Secure Server")
//!         .auth(
//!             JwtVerifier::jwks("https://your-domain.auth0.com/.well-known/jwks.json")
//!                 .issuer("https://your-domain.auth0.com/")
//!                 .audience("your-api-identifier"),
//!         )
//!         .tool(greet)
//!         .serve(Http::bind("127.0.0.1:8000"))
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! A caller without a token is answered 401, one without the scope 403, each with the
//! challenge of RFC 6750 and RFC 9728, before the function is looked at.
//!
//! # Serving
//!
//! | for | there is |
//! |---|---|
//! | tools, resources, prompts | [`tool`], [`resource`], [`prompt`], and [`component`] for their answers |
//! | who is calling | a parameter of type [`AccessToken`] or [`Caller`], [`Context`], [`get_access_token`] |
//! | whose tokens are accepted | [`Server::auth`] with a [`JwtVerifier`], or what [`verifier`] has, or a [`Verifier`] of your own |
//! | accepting tokens of Auth0, Entra, Okta, Keycloak … | [`RemoteAuth`] |
//! | issuing tokens here | with the feature `authorization-server`, an `EmbeddedAuth` for [`Server::auth`]; with `sqlite`, in a database |
//! | people who log in at GitHub, Google, Entra … | with the feature `authorization-server`, a provider of `proxy`, such as `GitHubOAuthProvider` |
//! | the API of the provider at which people log in | with the same feature, `Context::upstream` |
//! | programs with API keys | [`ApiKeyAuth`] |
//! | several of these in one server | [`Server::source`], and components that name what they accept |
//! | tokens that a thief cannot use | [`Server::dpop`] with [`Dpop`] |
//! | who may do what | scopes on components, [`Server::required_scopes`], [`Server::rules_file`], [`Server::policy`] |
//! | how often | [`Server::limits`] with [`Limits`] |
//! | who did what | [`Server::audit`] with a sink of [`audit`] |
//! | counts and traces | [`metrics`]; with the feature `otel`, `telemetry` |
//! | settings outside of code | [`Configuration`], [`CredentialManager`] |
//! | code around every request | [`middleware`] |
//! | a handler written for the official SDK | [`Server::from_rmcp`] |
//! | any other tower service | [`AuthLayer`] |
//! | addresses, TLS, timeouts | [`Http`] |
//! | keys and tokens for development | [`keys`] |
//!
//! # Calling
//!
//! [`client`] calls servers, and [`oauth_client`] gets the tokens: for a person with a
//! browser, or for a program.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `authorization-server` | `EmbeddedAuth` and all that issues tokens; without it a server contains nothing that could |
//! | `sqlite` | the same, kept in one SQLite file |
//! | `otel` | spans and metrics for a collector of OpenTelemetry |
//! | `keychain` | the key of a client's tokens in the keychain of macOS and Windows |
//!
//! None is on unless it is named.
//!
//! # Testing
//!
//! Tests need no network: [`in_memory`] calls a server as whoever the test says.
//!
//! ```
//! use countersign::oauth::ScopeSet;
//! use countersign::{AccessToken, Assertion, JwtVerifier, Server, tool};
//!
//! /// Says who is calling.
//! #[tool(scopes("read"))]
//! async fn whoami(token: AccessToken) -> String {
//!     token.sub().to_owned()
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let token = Assertion::new("https://as.test", "ada").scopes(ScopeSet::parse("read")?);
//! let server = Server::new("Test").tool(whoami);
//! # let keys = countersign::keys::KeyPair::generate(countersign::oauth::jose::Algorithm::ES256)?;
//! # let verifier = JwtVerifier::public_key(keys.public_pem()).audience("test");
//! let client = server.auth(verifier).test_client()?;
//! assert!(client.call_tool("whoami", serde_json::json!({})).await.is_err());
//! let ada = client.caller(AccessToken::assertion(token));
//! let answer = ada.call_tool("whoami", serde_json::json!({})).await?;
//! assert_eq!(answer.content[0].as_text().map(|text| &*text.text), Some("ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

extern crate self as countersign;

#[doc(hidden)]
pub mod __private;
mod api_keys;
mod attributes;
pub mod audit;
mod authentication;
pub mod client;
pub mod component;
mod configuration;
mod context;
mod credential_manager;
mod direct;
mod dispatch;
#[cfg_attr(not(feature = "authorization-server"), path = "embedded/absent.rs")]
mod embedded;
mod environment;
mod front;
mod http;
pub mod in_memory;
pub mod keys;
pub mod metrics;
pub mod middleware;
#[cfg(feature = "authorization-server")]
mod posted_login;
pub mod protocol;
#[cfg(feature = "authorization-server")]
pub mod proxy;
mod random;
mod registry;
mod remote;
pub(crate) mod rmcp_lane;
mod server;
mod shared_secret;
mod stdio;
#[cfg(feature = "otel")]
pub mod telemetry;
#[cfg(not(feature = "otel"))]
#[path = "telemetry/absent.rs"]
mod telemetry;
mod tool_error;

pub use api_keys::FromEnvironment;
#[doc(inline)]
pub use attributes::{prompt, resource, tool};
pub use authentication::Authentication;
pub use configuration::{Configuration, ConfiguredTokens, Origin};
#[cfg(feature = "authorization-server")]
pub use context::UpstreamClient;
pub use context::{
    Answers, Ask, Asks, Context, Elicited, State, UrlTickets, current_context, get_access_token,
};
#[cfg(feature = "authorization-server")]
pub use countersign_authorization_server as authorization_server;
pub use countersign_oauth_client as oauth_client;
pub use countersign_resource_server::{
    APIKeyAuth, ApiKeyAuth, ApiKeyOwner, ApiKeyRecord, ApiKeys, FixedKey, KnownApiKeys,
};
pub use countersign_resource_server::{
    AccessToken, Assertion, AuthLayer, Caller, Clock, ConfigurationError, Dpop, Gate, InHeader,
    IntoVerifier, JwtVerifier, JwtVerifierBuilder, Keys, Limits, Presentation, Quota, Reason,
    Source, SourceName, SourceRule, SystemClock, Verification, Verifier, WrongSource, limit, oauth,
    policy, provider, verifier,
};
pub use credential_manager::CredentialManager;
#[cfg(feature = "authorization-server")]
pub use embedded::{AuditInStore, EmbeddedAuth};
pub use front::{Answer, App, BoxError, PeerAddress, RouteAccess, Routes};
pub use http::{Http, RunningServer, ServeError};
#[cfg(feature = "authorization-server")]
pub use posted_login::{PostedIdentity, PostedLogin, SignIn};
#[cfg(feature = "authorization-server")]
#[doc(inline)]
pub use proxy::{
    AWSCognitoProvider, Auth0Provider, AzureProvider, GitHubOAuthProvider, GoogleOAuthProvider,
    OAuth2Provider, OAuthProxy, OIDCProxy,
};
pub use remote::{FirebaseAuth, RemoteAuth};
pub use rmcp_lane::{Notifier, SessionLimits};
pub use server::{Server, Sessions};
pub use shared_secret::SharedSecret;
pub use tool_error::ToolError;
