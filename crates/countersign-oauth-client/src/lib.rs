//! An OAuth 2.1 client: it finds out who issues tokens for a protected resource,
//! gets them, keeps them, refreshes them and shows them.
//!
//! It knows nothing of MCP: whoever sends requests asks an [`Authorizer`] for header
//! fields and tells it about refusals. It verifies no token and issues none. All it
//! asks goes through one [`Fetch`](countersign_resource_server::fetch::Fetch).

pub mod ask;
pub mod authorizer;
pub mod error;
pub mod presenter;
pub mod random;
pub mod reach;
pub mod store;
pub mod token_endpoint;

pub use ask::Asker;
pub use authorizer::{Authorizer, AuthorizerError, Next, Outgoing, Refused};
pub use countersign_oauth as oauth;
pub use error::OAuthError;
pub use presenter::{CallbackParameters, Presenter, PresenterError, Presenting, Waiting};
pub use reach::Reach;
pub use store::{
    FileStore, MemoryStore, StoreError, StoredClient, StoredTokens, TokenGuard, TokenKey,
    TokenStore, TokenType,
};
pub use token_endpoint::{TokenEndpoint, TokenProof};
