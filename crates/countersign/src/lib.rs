//! The secure way to serve the Model Context Protocol.
//!
//! A free async function is a tool; its documentation is the description; one
//! line of the builder adds authentication.
//!

extern crate self as countersign;

#[doc(hidden)]
pub mod __private;
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
mod tool_error;

pub use context::{
    Answers, Ask, Asks, Context, Elicited, State, UrlTickets, current_context, get_access_token,
};
pub use countersign_macros::{prompt, resource, tool};
pub use countersign_resource_server::{
    AccessToken, Caller, Clock, ConfigurationError, IntoVerifier, JwtVerifier, JwtVerifierBuilder,
    Keys, Reason, SystemClock, Verification, Verifier, oauth, policy, verifier,
};
pub use front::{Answer, App, BoxError, PeerAddress, RouteAccess, Routes};
pub use http::{Http, RunningServer, ServeError};
pub use rmcp_lane::SessionLimits;
pub use server::{Server, Sessions};
pub use tool_error::ToolError;
