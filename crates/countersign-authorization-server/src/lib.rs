//! An OAuth 2.1 authorization server.
//!
//! It answers HTTP requests over a [`Store`](countersign_store::Store) whose verbs
//! are its security properties, by rules that are pure functions of
//! [`countersign_oauth`]. It knows nothing of the Model Context Protocol.
//!
//! Where to look: `authorize/mod.rs` has the table of checks of an authorization
//! request; `issue.rs` is the only file that makes codes and tokens; each grant type
//! has a file in `grants/`, each endpoint one in `endpoints/`. Who the person is and
//! what they agree to is decided behind [`Interaction`].
//!
//! A server is a tower service, so that it is mounted wherever those are:
//!
//! ```
//! use countersign_authorization_server::{AuthorizationServer, Storage};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let server = AuthorizationServer::builder("https://auth.example.com")
//!     .resource("https://api.example.com/notes")
//!     .scope("read", "Read your notes")
//!     .optional_scope("write", "Change your notes")
//!     .storage(Storage::memory()?)
//!     .build()?;
//! // axum::Router::new().fallback_service(server.clone())
//! assert!(server.answers("/.well-known/oauth-authorization-server"));
//! // Make the first account with the link that this makes, and with no other.
//! let people = server.people().ok_or("there are pages")?;
//! assert!(people.setup_link().await?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | hook | decides |
//! |---|---|
//! | [`store::Store`] | where the state is |
//! | [`Upstream`] | where people have accounts already; several side by side |
//! | [`Login`] | who the person is; the consent page stays |
//! | [`SignInPage`] | a page with the scripts of a provider, which posts an ID token |
//! | [`Interaction`] | all that people see |
//! | [`ClientPolicy`] | which clients are not wanted |
//! | [`claims::TokenClaims`] | what signed access tokens say besides |
//! | [`TokenManager`] | what opaque access tokens look like |
//! | [`countersign_audit::Sink`] | where it is noted what happens |

pub mod accounts;
pub mod administration;
pub mod api_keys;
pub mod audit;
pub mod auth_settings;
mod authorize;
pub mod budgets;
mod builder;
pub mod claims;
pub mod client;
mod confirmed;
pub mod endpoint_budgets;
mod endpoints;
pub mod exchange;
mod grant;
mod grant_end;
mod grants;
mod headless;
pub mod housekeeping;
pub mod interaction;
mod issue;
mod keys;
mod late_store;
pub mod login;
pub mod machines;
pub mod overview;
mod own_tokens;
mod paths;
pub mod people;
mod possession;
mod prepared;
pub mod random;
mod server;
mod service;
pub mod settings;
mod shared_limits;
pub mod sign_in;
pub mod storage;
pub mod token_manager;
pub mod unavailable;
pub mod upstream;
pub mod vault;

#[doc(inline)]
pub use self::{
    accounts::Accounts,
    administration::{ClientError, NewClient},
    api_keys::{ApiKeyManager, ApiKeyRequest, IssuedApiKey},
    auth_settings::{AuthSettings, ClientRegistrationOptions, RevocationOptions},
    authorize::{Approval, PendingAuthorization},
    builder::AuthorizationServerBuilder,
    client::{
        Client, ClientFacts, ClientIdDocuments, ClientPolicy, ClientSource, DocumentTrust,
        Registered,
    },
    headless::Headless,
    housekeeping::Housekeeping,
    interaction::{Interaction, Step, Waiting},
    login::{Login, LoginStep, Person, Visitor},
    machines::{TokenExchange, TrustedIdentityProvider, Workload, WorkloadIssuer},
    own_tokens::OwnTokens,
    people::People,
    prepared::PreparedServer,
    server::AuthorizationServer,
    settings::Settings,
    shared_limits::SharedLimits,
    sign_in::SignInPage,
    storage::Storage,
    token_manager::TokenManager,
    unavailable::Unavailable,
    upstream::{Upstream, UpstreamBuilder},
    vault::{UpstreamAccess, UpstreamClient, UpstreamFailure},
};
pub use countersign_oauth as oauth;
pub use countersign_store as store;
