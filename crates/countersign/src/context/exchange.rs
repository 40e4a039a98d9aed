//! Calling another protected server in the name of the caller: RFC 8693.

use countersign_oauth_client::OAuthError;
use countersign_oauth_client::machine::{ExchangedToken, OnBehalf, TokenExchange};
use countersign_resource_server::oauth::ScopeSet;

use super::Context;
use crate::ToolError;

impl Context {
    /// A token for `resource`, such as `https://api.example.com/orders`, that permits
    /// `scopes`, or all that may be had if there are none. It is about whoever called, says
    /// that this server acts for them, and ends with what they allowed.
    ///
    /// The token that this server was called with is for this server alone: sent to another
    /// one, that could use it here. It goes to its authorization server and nowhere else,
    /// which decides who may exchange what.
    ///
    /// ```
    /// use countersign::oauth_client::TokenExchange;
    /// use countersign::{Context, State, ToolError, tool};
    ///
    /// /// Lists your orders.
    /// #[tool(scopes("orders"))]
    /// async fn orders(context: Context, exchange: State<TokenExchange>) -> Result<String, ToolError> {
    ///     let orders = "https://api.example.com/orders";
    ///     let token = context.exchange(&exchange, orders, ["orders:read"]).await?;
    ///     // Show `token.access_token` to `orders`, and to nobody else.
    ///     Ok(format!("Your orders may be read: {}", token.scopes))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ToolError`] whose text is for the person, if nobody is logged in for this call, if
    /// the authorization server refuses, or if it cannot be reached. It is an internal error
    /// if the settings of the exchange or its answer cannot be used.
    pub async fn exchange<I>(
        &self,
        exchange: &TokenExchange,
        resource: &str,
        scopes: I,
    ) -> Result<ExchangedToken, ToolError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let Some(token) = self.token() else {
            return Err(ToolError::new("Nobody is logged in for this call."));
        };
        let scopes = ScopeSet::from_names(scopes).map_err(ToolError::internal)?;
        let exchanged = exchange.exchange(&token, resource, &scopes).await;
        exchanged.map_err(|error| match error {
            OAuthError::Refused { .. } => {
                tracing::warn!(%error, resource, "a token was not exchanged");
                ToolError::new("This may not be done for you at the service that it needs.")
            }
            OAuthError::Unreachable { .. } => {
                ToolError::new("The service that this needs does not answer; try again later.")
            }
            other => ToolError::internal(other),
        })
    }

    /// Calls `resource`, another protected server such as `https://orders.example.com/mcp`,
    /// for whoever called: for [`Connect::authorizer`](crate::client::Connect::authorizer).
    /// Its tokens are got by [`exchange`](Self::exchange), permit `scopes` and what that
    /// server asks for besides, and are for this call alone.
    ///
    /// ```no_run
    /// use countersign::client::Client;
    /// use countersign::oauth_client::TokenExchange;
    /// use countersign::{Context, State, ToolError, tool};
    ///
    /// /// Counts your orders.
    /// #[tool(scopes("orders"))]
    /// async fn count(context: Context, exchange: State<TokenExchange>) -> Result<u64, ToolError> {
    ///     let orders = "https://orders.example.com/mcp";
    ///     let caller = context.on_behalf(&exchange, orders, ["orders:read"])?;
    ///     let client = Client::connect(orders).authorizer(caller).await;
    ///     let client = client.map_err(ToolError::internal)?;
    ///     client.call("count", ()).await.map_err(ToolError::internal)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ToolError`] if nobody is logged in for this call; an internal one if `resource` or
    /// `scopes` are none.
    pub fn on_behalf<I>(
        &self,
        exchange: &TokenExchange,
        resource: &str,
        scopes: I,
    ) -> Result<OnBehalf, ToolError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let Some(token) = self.token() else {
            return Err(ToolError::new("Nobody is logged in for this call."));
        };
        let scopes = ScopeSet::from_names(scopes).map_err(ToolError::internal)?;
        let behalf = exchange.on_behalf(&token, resource, scopes);
        behalf.map_err(ToolError::internal)
    }
}
