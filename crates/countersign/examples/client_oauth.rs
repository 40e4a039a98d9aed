//! Calls a server as a person, who logs in with a browser when the server asks for it,
//! and stays logged in.
//!
//! `cargo run -p countersign --example client_oauth -- https://example.com/mcp`

use std::sync::Arc;

use anyhow::{Context, Result};
use countersign::client::Client;
use countersign::oauth_client::presenter::Browser;
use countersign::oauth_client::{FileStore, OAuth, Presenter, TokenStore};

/// The names of the tools at `url`. `presenter` shows the person where to log in, and
/// `store` keeps the tokens, also for the next run.
pub(crate) async fn tools(
    url: &str,
    presenter: Arc<dyn Presenter>,
    store: Arc<dyn TokenStore>,
) -> Result<Vec<String>> {
    let oauth = OAuth::builder(url)
        .client_name("An example")
        .presenter(presenter)
        .store(store)
        .build()?;
    let client = Client::connect(url).oauth(oauth).await?;
    let tools = client.tools().await?;
    client.close().await;
    Ok(tools.into_iter().map(|tool| tool.name.into()).collect())
}

#[cfg_attr(
    not(test),
    expect(clippy::print_stdout, reason = "it talks to whoever runs it")
)]
#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("say which server")?;
    let store = FileStore::new(".countersign/logins");
    for tool in tools(&url, Arc::new(Browser::new()), Arc::new(store)).await? {
        println!("{tool}");
    }
    Ok(())
}
