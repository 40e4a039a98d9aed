//! An OAuth 2.1 client: it finds out who issues tokens for a protected resource,
//! gets them, keeps them, refreshes them and shows them.
//!
//! It knows nothing of MCP: whoever sends requests asks an [`Authorizer`] for header
//! fields and tells it about refusals. It verifies no token and issues none. All it
//! asks goes through one [`Fetch`](countersign_resource_server::fetch::Fetch).
//!
//! A program that acts for a person, who logs in with a browser:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use countersign_oauth_client::presenter::Browser;
//! use countersign_oauth_client::{FileStore, OAuth, OAuthError};
//!
//! # async fn example(folder: std::path::PathBuf) -> Result<(), OAuthError> {
//! let oauth = OAuth::builder("https://mcp.example.com/mcp")
//!     .client_name("Notes")
//!     .store(Arc::new(FileStore::new(folder)))
//!     .presenter(Arc::new(Browser::new()))
//!     .build()?;
//! oauth.login().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | for | there is |
//! |---|---|
//! | a person: login, refresh, more scopes, logout | [`OAuth`] |
//! | a program of its own name, with a secret or a key (RFC 6749 §4.4, RFC 7523) | [`ClientCredentials`], [`PrivateKeyJwt`] |
//! | an employee, for whom an identity provider vouches | [`IdentityAssertion`] |
//! | a program that its platform vouches for | [`Workload`] |
//! | a server that calls another one for its caller (RFC 8693) | [`TokenExchange`] |
//! | where tokens are kept | [`FileStore`], [`MemoryStore`], a [`TokenStore`] of your own |
//! | how a login is shown | [`presenter::Browser`], [`presenter::Headless`], a [`Presenter`] of your own |
//! | proofs of possession (RFC 9449) | [`dpop`] |
//! | which addresses may be asked | [`Reach`] |

pub mod ask;
pub mod authorization;
pub mod authorizer;
pub mod callback;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod error;
pub mod machine;
pub mod person;
pub mod presenter;
pub mod random;
pub mod reach;
pub mod refresh;
pub mod registration;
pub mod revocation;
mod showing;
pub mod step_up;
pub mod store;
pub mod token_endpoint;

#[doc(inline)]
pub use self::{
    ask::Asker,
    authorizer::{Authorizer, AuthorizerError, Next, Outgoing, Refused},
    discovery::Discovery,
    error::{NoAnswer, OAuthError},
    machine::{
        ClientCredentials, IdentityAssertion, Machine, PrivateKeyJwt, TokenExchange, Workload,
    },
    person::{LoggedIn, LoggedOut, OAuth, OAuthBuilder},
    presenter::{CallbackParameters, Presenter, PresenterError, Presenting, Waiting},
    reach::Reach,
    store::{
        FileStore, MemoryStore, StoreError, StoredClient, StoredTokens, TokenGuard, TokenKey,
        TokenStore, TokenType,
    },
    token_endpoint::{TokenEndpoint, TokenProof},
};
pub use countersign_oauth as oauth;
