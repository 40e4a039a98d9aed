//! The client: call tools, read resources, ask for prompts, answer what a server asks.
//!
//! It speaks protocol version 2026-07-28 and falls back to 2025-11-25, over Streamable
//! HTTP ([`Client::connect`]), HTTP with SSE of 2024-11-05 ([`Client::sse`]), standard
//! input and output ([`Client::stdio`]) and within one process
//! ([`Client::in_memory`]). The protocol itself is that of the official SDK.
//!
//! ```no_run
//! use countersign::client::Client;
//!
//! # async fn example() -> Result<(), countersign::client::ClientError> {
//! let client = Client::connect("http://localhost:8000/mcp").bearer("ey…".to_owned()).await?;
//! let text: String = client.call("greet", serde_json::json!({"name": "World"})).await?;
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! | to | there is |
//! |---|---|
//! | show a token that is there already | [`Connect::bearer`] |
//! | let a person log in with a browser | [`Connect::oauth`] |
//! | call in the name of a program | [`Connect::client_credentials`], [`Connect::private_key_jwt`], [`Connect::workload`] |
//! | call for a person whom a company vouches for | [`Connect::identity_assertion`] |
//! | send an API key | [`Connect::header`] |
//! | get credentials in another way | [`Connect::authorizer`] |
//! | call a tool, read a resource, ask for a prompt | [`Client::call`], [`Client::read_resource`], [`Client::prompt`] |
//! | find out what there is | [`Client::tools`], [`Client::resources`], [`Client::prompts`] |
//! | answer what a server asks | [`Connect::on_elicitation`], [`Connect::on_sampling`], [`Connect::roots`] |
//!
//! # Security
//!
//! Credentials go to the one server they were given for: redirects are not followed,
//! no address carries a token, and plain `http` is refused except to this machine.
//! Answers are bounded in size, values, depth, number and time. Nothing that a server names is
//! fetched, nothing it answers is kept for another caller.

mod asked;
mod authentication;
mod bulk;
mod call;
mod calls;
mod challenge;
mod changes;
mod command;
mod connect;
mod credentials;
mod ear;
mod error;
mod events;
mod failures;
mod handler;
mod keeper;
mod level;
mod listener;
mod lists;
mod opening;
mod pace;
mod patience;
mod process;
mod request;
mod sending;
mod subscriptions;
mod transport;
mod wire;

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::RunningService;

use crate::protocol::{Implementation, ProtocolVersion, ServerPeerInfo};

pub(crate) use asked::Asked;
pub use authentication::{Authentication, Guard};
pub use call::Call;
pub use challenge::ReceivedChallenge;
pub use changes::Change;
pub use command::Command;
pub use connect::Connect;
pub use countersign_oauth_client::{Authorizer, AuthorizerError, Next, Outgoing, Refused};
pub use error::{ClientError, ErrorKind};
use failures::Failures;
use handler::{Handler, Heard};
use level::Level;
use patience::Patience;
use process::Process;
use sending::GettingCredentials;
use subscriptions::Subscriptions;

/// The end of a connection takes no longer.
const CLOSING: Duration = Duration::from_secs(2);

/// A connection to an MCP server; awaiting a [`Connect`] makes one.
///
/// A method that is not awaited to its end cancels its request at the server.
#[derive(Debug)]
pub struct Client {
    service: RunningService<RoleClient, Handler>,
    /// The server, if it is a command.
    child: Option<Process>,
    failures: Failures,
    heard: Heard,
    credentials: GettingCredentials,
    patience: Patience,
    asked: Asked,
    level: Level,
    subscriptions: Subscriptions,
}

impl Client {
    /// What the server said about itself; legacy servers may have no name.
    pub fn server(&self) -> Option<Implementation> {
        self.service.peer_info()?.server_info.clone()
    }

    /// How the server wants to be used, in its words.
    pub fn instructions(&self) -> Option<String> {
        self.service.peer_info()?.instructions.clone()
    }

    /// Whether the server offers tools, resources (and templates), and prompts.
    fn offers(&self, kind: impl Fn(&ServerPeerInfo) -> bool) -> bool {
        self.service.peer_info().is_none_or(|info| kind(&info))
    }

    /// Whether the server announced tools.
    pub fn has_tools(&self) -> bool {
        self.offers(|info| info.capabilities.tools.is_some())
    }

    /// Whether the server announced resources.
    pub fn has_resources(&self) -> bool {
        self.offers(|info| info.capabilities.resources.is_some())
    }

    /// Whether the server announced prompts.
    pub fn has_prompts(&self) -> bool {
        self.offers(|info| info.capabilities.prompts.is_some())
    }

    /// The protocol version that client and server agreed on.
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        Some(self.service.peer_info()?.protocol_version.clone())
    }

    /// Whether the connection is over; nothing can be asked of the server any more. Over
    /// HTTP, where each request stands alone, it stays open while a server is away.
    pub fn is_closed(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed()
    }

    /// Whether the server speaks 2026-07-28, without sessions.
    fn is_modern(&self) -> bool {
        self.protocol_version()
            .is_some_and(|version| !version.has_initialize())
    }

    /// Ends the connection and, with a legacy server, its session; a command is given
    /// two seconds to end by itself, and is ended then.
    pub async fn close(mut self) {
        let ended = self.service.close_with_timeout(CLOSING).await;
        if ended.is_err() {
            tracing::debug!("the connection did not end in time");
        }
        if let Some(child) = self.child {
            child.end().await;
        }
    }
}
