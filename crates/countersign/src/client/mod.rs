//! A small client: call a tool, list what a server offers, find out how it
//! authenticates. The protocol itself is that of the official SDK.
//!
//! It speaks protocol version 2026-07-28 and falls back to 2025-11-25. It does not
//! log in; a token is handed to it.
//!
//! # Security
//!
//! The token goes to the one URL it was given for: redirects are not followed, and
//! plain `http` is refused except to this machine.
//!
//! ```no_run
//! use countersign::client::Endpoint;
//! use countersign::oauth::Secret;
//!
//! # async fn example() -> Result<(), countersign::client::ClientError> {
//! let client = Endpoint::parse("http://localhost:8000/mcp")?
//!     .token(Secret::new("ey…"))
//!     .connect()
//!     .await?;
//! for tool in client.tools().await? {
//!     println!("{}", tool.name);
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```

mod authentication;
mod challenge;
mod endpoint;
mod error;

use std::future::Future;
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::{RunningService, ServiceError};

use crate::protocol::{
    CallToolRequestParams, CallToolResult, ClientConfig, Implementation, JsonObject,
    PaginatedRequestParams, Prompt, ProtocolVersion, Resource, ResourceTemplate, ServerPeerInfo,
    Tool,
};

pub use authentication::{Authentication, Guard};
pub use challenge::ReceivedChallenge;
pub use endpoint::Endpoint;
pub use error::ClientError;

/// A list or a handshake takes no longer.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// A tool takes no longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);
/// A server that hands out cursors for ever is stopped here.
const MAX_PAGES: usize = 1_000;

/// A connection to an MCP server, made by [`Endpoint::connect`].
#[derive(Debug)]
pub struct Client {
    service: RunningService<RoleClient, ClientConfig>,
}

impl Client {
    /// The tools this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as every method here.
    pub async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        self.pages(|params| async {
            let page = self.service.list_tools(Some(params)).await?;
            Ok((page.tools, page.next_cursor))
        })
        .await
    }

    /// The resources this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn resources(&self) -> Result<Vec<Resource>, ClientError> {
        self.pages(|params| async {
            let page = self.service.list_resources(Some(params)).await?;
            Ok((page.resources, page.next_cursor))
        })
        .await
    }

    /// The resource templates this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn resource_templates(&self) -> Result<Vec<ResourceTemplate>, ClientError> {
        self.pages(|params| async {
            let page = self.service.list_resource_templates(Some(params)).await?;
            Ok((page.resource_templates, page.next_cursor))
        })
        .await
    }

    /// The prompts this caller sees.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn prompts(&self) -> Result<Vec<Prompt>, ClientError> {
        self.pages(|params| async {
            let page = self.service.list_prompts(Some(params)).await?;
            Ok((page.prompts, page.next_cursor))
        })
        .await
    }

    /// Calls the tool `name`. That the tool itself failed is part of the result
    /// ([`CallToolResult::is_error`]).
    ///
    /// # Errors
    ///
    /// [`ClientError::Forbidden`] with the scopes that are missing,
    /// [`ClientError::Rpc`] for an unknown tool or wrong arguments, and others.
    pub async fn call_tool(
        &self,
        name: impl Into<String>,
        arguments: JsonObject,
    ) -> Result<CallToolResult, ClientError> {
        let params = CallToolRequestParams::new(name.into()).with_arguments(arguments);
        in_time(CALL_TIMEOUT, async {
            Ok(self.service.call_tool(params).await?)
        })
        .await
    }

    /// What the server said about itself; legacy servers may have no name.
    pub fn server(&self) -> Option<Implementation> {
        self.service.peer_info()?.server_info.clone()
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

    /// Ends the connection and, with a legacy server, its session.
    pub async fn close(mut self) {
        let ended = self
            .service
            .close_with_timeout(Duration::from_secs(2))
            .await;
        if ended.is_err() {
            tracing::debug!("the connection did not end in time");
        }
    }

    async fn pages<T, F, P>(&self, page: F) -> Result<Vec<T>, ClientError>
    where
        F: Fn(PaginatedRequestParams) -> P,
        P: Future<Output = Result<(Vec<T>, Option<String>), ServiceError>>,
    {
        in_time(LIST_TIMEOUT, async {
            let mut items = Vec::new();
            let mut params = PaginatedRequestParams::default();
            for _ in 0..MAX_PAGES {
                let (more, cursor) = page(params).await?;
                items.extend(more);
                if cursor.is_none() {
                    return Ok(items);
                }
                params = PaginatedRequestParams::default().with_cursor(cursor);
            }
            Err(ClientError::NotMcp("its list has no end".into()))
        })
        .await
    }
}

async fn in_time<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(limit, operation)
        .await
        .unwrap_or(Err(ClientError::TimedOut))
}
