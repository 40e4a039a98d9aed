//! Scenarios with credentials.

use std::sync::Arc;

use anyhow::{Context, Result};
use countersign::client::{Client, Connect};
use countersign::oauth::Secret;
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{OAuth, Reach};
use url::Url;

use crate::scenario::Scenario;

/// The document that the suite knows; nobody fetches it.
const METADATA: &str = "https://conformance-test.local/client-metadata.json";
/// As often as a client asks in a row: servers change their mind in the middle.
const CALLS: usize = 2;

/// Logs in and calls a tool.
pub(crate) async fn run(scenario: &Scenario) -> Result<()> {
    let connect = Client::connect(scenario.url())
        .client_info("conformance-client", env!("CARGO_PKG_VERSION"));
    let client = with_credentials(scenario, connect)?.await?;
    let tools = client.tools().await?;
    let tool = tools.first().context("there is no tool to call")?;
    for _ in 0..CALLS {
        client.call_tool(tool.name.to_string(), ()).await?;
    }
    client.close().await;
    Ok(())
}

fn with_credentials(scenario: &Scenario, connect: Connect) -> Result<Connect> {
    person(scenario, connect)
}

/// A person who agrees to everything.
fn person(scenario: &Scenario, connect: Connect) -> Result<Connect> {
    let reach = Reach::of(&Url::parse(scenario.url())?);
    let mut oauth = OAuth::builder(scenario.url())
        .client_name("conformance-client")
        .client_metadata_url(METADATA)
        .presenter(Arc::new(Headless::new(Arc::new(reach.fetcher()?))));
    if scenario.given("client_id").is_some() {
        oauth = oauth
            .client_id(scenario.text("client_id")?)
            .client_secret(Secret::new(scenario.text("client_secret")?))
            .issuer(scenario.text("issuer")?);
    }
    Ok(connect.oauth(oauth.build()?))
}
