//! Calls a server with tokens that are bound to a key of this client (RFC 9449): whoever
//! steals one cannot use it.
//!
//! `cargo run -p countersign --example client_dpop -- https://example.com/mcp`

use std::sync::Arc;

use anyhow::{Context, Result};
use countersign::client::Client;
use countersign::oauth_client::presenter::Browser;
use countersign::oauth_client::{OAuth, Presenter};

/// What the server at `url` says its name is, to whoever logs in through `presenter`.
pub(crate) async fn name(url: &str, presenter: Arc<dyn Presenter>) -> Result<Option<String>> {
    let oauth = OAuth::builder(url).presenter(presenter).dpop().build()?;
    let client = Client::connect(url).oauth(oauth).await?;
    client.tools().await?;
    let server = client.server();
    client.close().await;
    Ok(server.map(|server| server.name))
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("say which server")?;
    let name = name(&url, Arc::new(Browser::new())).await?;
    println!("{}", name.as_deref().unwrap_or("It has no name"));
    Ok(())
}
