//! `countersign tokens`.

use anyhow::bail;
use clap::{Args, Subcommand};
use countersign::oauth::Secret;
use countersign::oauth_client::{StoredTokens, TokenKey, TokenStore as _};
use serde_json::{Value, json};

use crate::log::LogOption;
use crate::token_store::TokenStoreOption;
use crate::{output, table, when};

/// See which tokens are kept on this machine, without the tokens themselves
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  countersign tokens list
  countersign tokens show https://example.com/mcp"
)]
pub(crate) struct Tokens {
    #[command(flatten)]
    store: TokenStoreOption,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    pub(crate) log: LogOption,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show for which servers there are tokens
    List,
    /// Show what is kept for one server
    Show {
        /// The address of the server
        url: String,
    },
}

impl Tokens {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut kept = self.store.open()?.list().await?;
        if let Action::Show { url } = &self.action {
            kept.retain(|(key, _)| key.resource.as_str() == url);
            if kept.is_empty() {
                bail!(
                    "there are no tokens for {url}: countersign tokens list shows which there are"
                );
            }
        }
        if self.json {
            let shown: Vec<_> = kept.iter().map(as_json).collect();
            return output::json(&shown);
        }
        match self.action {
            Action::List if kept.is_empty() => output::note("There are no tokens."),
            Action::List => {
                let rows = kept.iter().map(row).collect();
                table::print(
                    ["SERVER", "ISSUER", "SCOPES", "ENDS (UTC)", "REFRESHED"],
                    rows,
                )?;
            }
            Action::Show { .. } => {
                for (index, one) in kept.iter().enumerate() {
                    if index > 0 {
                        output::line("")?;
                    }
                    table::print_bare(details(one))?;
                }
            }
        }
        Ok(())
    }
}

type Kept = (TokenKey, StoredTokens);

fn row((key, tokens): &Kept) -> [String; 5] {
    [
        key.resource.as_str().to_owned(),
        key.issuer.as_str().to_owned(),
        tokens.scopes.to_string(),
        when::minute_or_dash(tokens.expires_at),
        yes_or_no(tokens.refresh_token.is_some()),
    ]
}

fn details((key, tokens): &Kept) -> Vec<[String; 2]> {
    let rows = [
        ("server", key.resource.as_str().to_owned()),
        ("issuer", key.issuer.as_str().to_owned()),
        ("client", key.client.as_str().to_owned()),
        ("scopes", tokens.scopes.to_string()),
        ("type", tokens.token_type.as_str().to_owned()),
        ("got (UTC)", when::minute(tokens.obtained_at)),
        ("ends (UTC)", when::minute_or_dash(tokens.expires_at)),
        ("access token", redacted(Some(&tokens.access_token))),
        ("refresh token", redacted(tokens.refresh_token.as_ref())),
        ("key", redacted(tokens.dpop_key.as_ref())),
    ];
    rows.map(|(name, value)| [name.to_owned(), value]).into()
}

/// That there is one, and how long it is: nothing of it, so that what is shown can be
/// sent to somebody who helps.
fn redacted(secret: Option<&Secret>) -> String {
    secret.map_or_else(
        || table::NOTHING.to_owned(),
        |secret| format!("kept, {} characters", secret.reveal().chars().count()),
    )
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn as_json((key, tokens): &Kept) -> Value {
    json!({
        "server": key.resource.as_str(),
        "issuer": key.issuer.as_str(),
        "client_id": key.client.as_str(),
        "scopes": tokens.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "token_type": tokens.token_type.as_str(),
        "obtained_at": tokens.obtained_at.as_secs(),
        "expires_at": tokens.expires_at.map(|end| end.as_secs()),
        "has_refresh_token": tokens.refresh_token.is_some(),
        "is_bound_to_key": tokens.dpop_key.is_some(),
    })
}
