//! An OAuth 2.1 client: it finds out who issues tokens for a protected resource,
//! gets them, keeps them, refreshes them and shows them.
//!
//! It knows nothing of MCP: whoever sends requests asks an [`Authorizer`] for header
//! fields and tells it about refusals. It verifies no token and issues none. All it
//! asks goes through one [`Fetch`](countersign_resource_server::fetch::Fetch).

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

pub use ask::Asker;
pub use authorizer::{Authorizer, AuthorizerError, Next, Outgoing, Refused};
pub use countersign_oauth as oauth;
pub use discovery::Discovery;
pub use error::{NoAnswer, OAuthError};
pub use machine::{
    ClientCredentials, IdentityAssertion, Machine, PrivateKeyJwt, TokenExchange, Workload,
};
pub use person::{LoggedIn, LoggedOut, OAuth, OAuthBuilder};
pub use presenter::{CallbackParameters, Presenter, PresenterError, Presenting, Waiting};
pub use reach::Reach;
pub use store::{
    FileStore, MemoryStore, StoreError, StoredClient, StoredTokens, TokenGuard, TokenKey,
    TokenStore, TokenType,
};
pub use token_endpoint::{TokenEndpoint, TokenProof};
