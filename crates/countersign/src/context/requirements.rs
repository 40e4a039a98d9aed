//! What a handler asks of its caller in the middle of a call, besides scopes.

use countersign_resource_server::AccessToken;

use super::Context;
use crate::ToolError;

impl Context {
    /// Whether the caller has the role `name`, by the rules of the server
    /// ([`Server::rules`](crate::Server::rules)).
    pub fn has_role(&self, name: &str) -> bool {
        self.caller().has_role(name)
    }

    /// Goes on only if the caller has the role `name`, by the rules of the server.
    ///
    /// What every call needs is better said by a rule about the component, which is decided
    /// before the handler runs and answered with a 403.
    ///
    /// ```
    /// use countersign::{Context, ToolError, tool};
    ///
    /// /// Approves a payment; large ones only by a manager.
    /// #[tool]
    /// async fn approve(amount: u64, context: Context) -> Result<&'static str, ToolError> {
    ///     if amount > 1_000 {
    ///         context.require_role("manager")?;
    ///     }
    ///     Ok("approved")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// "Insufficient permissions." It does not name the role, because who has which role is
    /// nobody else's business; for words of your own there is [`Self::has_role`] with
    /// [`ToolError::new`].
    pub fn require_role(&self, name: &str) -> Result<(), ToolError> {
        if self.has_role(name) {
            return Ok(());
        }
        Err(ToolError::new("Insufficient permissions."))
    }

    /// Goes on only with a caller who has logged in, where callers without a token are let
    /// in ([`Server::optional_auth`](crate::Server::optional_auth)).
    ///
    /// # Errors
    ///
    /// "Authentication required"
    pub fn require_authentication(&self) -> Result<&AccessToken, ToolError> {
        let token = self.access_token();
        token.ok_or_else(|| ToolError::new("Authentication required"))
    }
}
