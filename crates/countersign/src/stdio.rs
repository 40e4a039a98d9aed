//! Serving one client over standard input and output.
//!
//! MCP authorization is for HTTP: over stdio the client started the process, and
//! the operating system decides who may. So there is no caller to authenticate, and
//! asking for it is a mistake that stops the start.

use std::sync::Arc;

use countersign_resource_server::{Caller, ConfigurationError};
use rmcp::service::{ServerInitializeError, serve_server};

use crate::http::ServeError;
use crate::rmcp_lane::RegistryHandler;
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
        let clock = Arc::clone(&self.clock);
        let core = Arc::new(self.into_core()?);
        let handler = RegistryHandler::new(core, clock, Caller::anonymous());
        let failed = |error: &dyn std::fmt::Display| ServeError::Stdio(error.to_string());
        match serve_server(handler, rmcp::transport::stdio()).await {
            Ok(running) => running
                .waiting()
                .await
                .map_or_else(|error| Err(failed(&error)), |_| Ok(())),
            // Whoever closes without a word wanted nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    fn check_stdio(&self) -> Result<(), ConfigurationError> {
        if self.gate.is_some() || self.optional {
            return Err(ConfigurationError::new(
                "stdio has no OAuth, authorization is for HTTP: leave out .auth(…), or serve HTTP",
            ));
        }
        let mut accesses = self.registry.accesses();
        if !self.required_scopes.is_empty() || accesses.any(|access| !access.scopes.is_empty()) {
            return Err(ConfigurationError::new(
                "scopes are required and nobody has them over stdio: leave them out, or serve HTTP",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use countersign_resource_server::oauth::Secret;
    use countersign_resource_server::{StaticToken, StaticTokens};

    use super::*;

    #[tokio::test]
    async fn rs_36_m_36_stdio_with_authentication_or_scopes_does_not_start() {
        let tokens = StaticTokens::new().token(Secret::new("t"), StaticToken::subject("alice"));
        let servers = [
            Server::new("s").auth(tokens),
            Server::new("s").optional_auth(),
            Server::new("s").required_scopes(["read"]),
        ];
        for server in servers {
            let refused = server.serve_stdio().await.unwrap_err();
            assert!(matches!(refused, ServeError::Configuration(_)), "{refused}");
            assert!(refused.to_string().contains("stdio"), "{refused}");
        }
    }
}
