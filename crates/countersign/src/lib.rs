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

extern crate self as countersign;

#[doc(hidden)]
pub mod __private;
mod attributes;
pub mod client;
pub mod component;
mod context;
mod direct;
mod dispatch;
mod front;
mod http;
pub mod in_memory;
pub mod keys;
pub mod middleware;
pub mod protocol;
mod random;
mod registry;
pub(crate) mod rmcp_lane;
mod server;
mod stdio;
mod tool_error;

#[doc(inline)]
pub use attributes::{prompt, resource, tool};
pub use context::{
    Answers, Ask, Asks, Context, Elicited, State, UrlTickets, current_context, get_access_token,
};
pub use countersign_resource_server::{
    AccessToken, Assertion, AuthLayer, Caller, Clock, ConfigurationError, Gate, IntoVerifier,
    JwtVerifier, JwtVerifierBuilder, Keys, Reason, SystemClock, Verification, Verifier, oauth,
    policy, verifier,
};
pub use front::{Answer, App, BoxError, PeerAddress, RouteAccess, Routes};
pub use http::{Http, RunningServer, ServeError};
pub use rmcp_lane::{Notifier, SessionLimits};
pub use server::{Server, Sessions};
pub use tool_error::ToolError;
