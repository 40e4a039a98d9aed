//! A server that calls another one for whoever calls it, with a token of its own for that:
//! it exchanges the one that it was called with (RFC 8693). The inbound token goes to its
//! authorization server and to nobody else.
//!
//! `cargo run -p countersign --example exchange_server -- https://orders.example.com/mcp`;
//! the secret of the client `assistant` is in `EXCHANGE_SECRET`.

use anyhow::{Context as _, Result};
use countersign::authorization_server::TokenExchange as MayExchange;
use countersign::client::Client;
use countersign::oauth::Secret;
use countersign::oauth_client::TokenExchange;
use countersign::oauth_client::machine::{FromEnvironment, TokenSource};
use countersign::protocol::JsonObject;
use countersign::{Context, EmbeddedAuth, Http, Server, State, ToolError, tool};

/// The server that is called.
pub(crate) struct Orders {
    url: String,
    exchange: TokenExchange,
}

/// Lists the orders of whoever calls.
#[tool(scopes("assist"))]
async fn my_orders(context: Context, orders: State<Orders>) -> Result<String, ToolError> {
    let scopes = ["orders:read"];
    let token = context
        .exchange(&orders.exchange, &orders.url, scopes)
        .await?;
    let client = Client::connect(&orders.url)
        .bearer(token.access_token)
        .await
        .map_err(ToolError::internal)?;
    let listed = client.call_tool("list_orders", JsonObject::new()).await;
    client.close().await;
    let listed = listed.map_err(ToolError::internal)?;
    let text = listed.content.first().and_then(|content| content.as_text());
    Ok(text.map(|text| text.text.clone()).unwrap_or_default())
}

/// The server at `url`, which calls `orders` as the client `assistant` with this `secret`.
pub(crate) fn server(
    auth: EmbeddedAuth,
    url: &str,
    orders: &str,
    secret: Secret,
) -> Result<Server> {
    let issuer = url.strip_suffix("/mcp").context("its path is /mcp")?;
    let rule = MayExchange::new("assistant", url, orders).scopes(["orders:read"]);
    let upstream = orders.to_owned();
    let auth = auth
        .scope("orders:read", "Read your orders")
        .configure(move |server| server.resource(upstream).token_exchange(rule));
    let exchange = TokenExchange::builder(issuer, "assistant", secret).build()?;
    let orders = Orders {
        url: orders.to_owned(),
        exchange,
    };
    Ok(Server::new("Assistant")
        .auth(auth)
        .state(orders)
        .tool(my_orders))
}

#[tokio::main]
async fn main() -> Result<()> {
    let orders = std::env::args()
        .nth(1)
        .context("say which server to call")?;
    let secret = FromEnvironment::new("EXCHANGE_SECRET").token("").await?;
    let auth = EmbeddedAuth::sqlite("assistant.db");
    let server = server(auth, "http://localhost:8000/mcp", &orders, secret)?;
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
