//! Serving one client over standard input and output.
//!
//! MCP authorization is for HTTP: over stdio the client started the process, and
//! the operating system decides who may. So there is no caller to authenticate, and
//! asking for it is a mistake that stops the start.

mod lines;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use countersign_resource_server::{Caller, ConfigurationError};
use rmcp::ServerHandler;
use rmcp::service::{ServerInitializeError, serve_server_with_ct};
use tokio_util::sync::CancellationToken;

pub(crate) use self::lines::Lines;
use crate::front::Limits;
use crate::http::ServeError;
use crate::rmcp_lane::{Foreign, RegistryHandler};
use crate::server::Server;

impl Server {
    /// Serves the client that started this process, over standard input and output,
    /// until it closes them. Every caller is anonymous.
    ///
    /// # Errors
    ///
    /// [`ServeError::Configuration`] if authentication or scopes are asked for, and
    /// [`ServeError::Stdio`] if the client does not speak the protocol.
    pub async fn serve_stdio(mut self) -> Result<(), ServeError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault.into());
        }
        self.check_stdio()?;
        let limit = Limits::default().body;
        let clock = Arc::clone(&self.clock);
        let foreign = self.foreign.as_mut().and_then(Foreign::take);
        let logs = std::mem::take(&mut self.logs);
        let core = Arc::new(self.into_core()?);
        for log in logs {
            log.open()?;
        }
        match foreign {
            Some(handler) => handler.over(core, clock, stdio(limit)).await,
            None => {
                let handler = RegistryHandler::new(core, clock, Caller::anonymous());
                serve_over(handler, stdio(limit)).await
            }
        }
    }

    fn check_stdio(&self) -> Result<(), ConfigurationError> {
        if self.authenticates() || self.optional {
            return Err(ConfigurationError::new(
                "stdio has no OAuth, authorization is for HTTP: leave out .auth(…), or serve HTTP",
            ));
        }
        if self.asks_for_scopes() {
            return Err(ConfigurationError::new(
                "scopes or rules ask who is calling, and nobody says it over stdio: leave them out, \
                 or serve HTTP",
            ));
        }
        self.check_sources(&[], false)?;
        Ok(())
    }
}

/// Standard input and output as one.
fn stdio(limit: usize) -> Lines {
    Lines::new(
        tokio::io::join(tokio::io::stdin(), tokio::io::stdout()),
        limit,
    )
}

/// A connection that is being served.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// Serves `handler` to the client at the other end of `lines`, until it closes them.
pub(crate) fn serve_over(handler: impl ServerHandler, lines: Lines) -> Serving {
    let failed = |error: &dyn std::fmt::Display| ServeError::Stdio(error.to_string());
    Box::pin(async move {
        match serve_server_with_ct(handler, lines, CancellationToken::new()).await {
            Ok(running) => running
                .waiting()
                .await
                .map_or_else(|error| Err(failed(&error)), |_| Ok(())),
            // Whoever closes without a word wanted nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    })
}

#[cfg(test)]
mod tests;
