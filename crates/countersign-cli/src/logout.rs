//! `countersign logout`.

use std::collections::BTreeSet;

use clap::Args;
use countersign::oauth_client::TokenStore as _;
use countersign::oauth_client::person::LoggedOut;

use crate::log::LogOption;
use crate::output;
use crate::person::{ClientOptions, Way};
use crate::span::Wait;

/// Log out of an MCP server: revoke the tokens and forget them
#[derive(Debug, Args)]
#[command(after_help = "\
Tokens are forgotten also if their authorization server cannot be asked to revoke them.

Examples:
  countersign logout https://example.com/mcp
  countersign logout --all")]
pub(crate) struct Logout {
    /// The address of the server
    #[arg(required_unless_present = "all")]
    url: Option<String>,

    /// Log out everywhere, and forget the clients that were registered
    #[arg(long, conflicts_with = "url")]
    all: bool,

    /// Give up on a server that does not answer within this time
    #[arg(long, value_name = "TIME", default_value = "20s")]
    timeout: Wait,

    #[command(flatten)]
    client: ClientOptions,

    #[command(flatten)]
    pub(crate) log: LogOption,
}

impl Logout {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match &self.url {
            Some(url) => self.log_out(url).await,
            None => self.log_out_everywhere().await,
        }
    }

    async fn log_out_everywhere(&self) -> anyhow::Result<()> {
        let store = self.client.store.open()?;
        let keys: Vec<_> = store
            .list()
            .await?
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        if keys.is_empty() {
            output::note("Nobody was logged in.");
        }
        let servers: BTreeSet<_> = keys.iter().map(|key| key.resource.as_str()).collect();
        for server in servers {
            self.log_out(server).await?;
        }
        let issuers: BTreeSet<_> = keys.iter().map(|key| &key.issuer).collect();
        for issuer in issuers {
            store.forget_client(issuer).await?;
        }
        Ok(())
    }

    async fn log_out(&self, url: &str) -> anyhow::Result<()> {
        let oauth = self
            .client
            .oauth(url, &[], None, Way::Browser, Some(self.timeout))?;
        let sentence = match oauth.logout().await? {
            LoggedOut::Nobody => format!("Nobody was logged in at {url}."),
            LoggedOut::Revoked => format!("Logged out of {url}: the tokens are revoked."),
            _ => format!(
                "Logged out of {url}: the tokens are forgotten here. Their authorization server \
                 revoked none, they end by themselves."
            ),
        };
        output::note(&output::harmless(&sentence));
        Ok(())
    }
}
