//! `countersign clients`.

mod add;
mod show;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use countersign::authorization_server::overview::GrantsOf;
use countersign::authorization_server::{Client, ClientSource};
use countersign::oauth::{ClientId, Lifetime};

use crate::data::{Data, DataOptions, IfMissing, all};
use crate::span::Span;
use crate::{output, table, when};

/// Manage the programs that can ask for tokens
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Most MCP clients need no entry: they register themselves, or have an address for an id.

Examples:
  countersign clients add --name \"Our app\" --redirect-uri https://app.example.com/callback
  countersign clients add --name \"Nightly report\" --client-credentials --scopes read
  countersign clients list"
)]
pub(crate) struct Clients {
    #[command(flatten)]
    pub(crate) options: DataOptions,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<add::Add>),
    /// Show all registered clients
    List,
    /// Show all that is known about a client
    Show {
        /// Its id
        #[arg(value_name = "CLIENT_ID", value_parser = id)]
        id: ClientId,
    },
    /// Delete a client and revoke every grant it has
    Delete {
        /// Its id
        #[arg(value_name = "CLIENT_ID", value_parser = id)]
        id: ClientId,
    },
    /// Print a token with which one client can register itself, for
    /// `countersign serve --registration token`
    Invite {
        /// How long it can be used: 45s, 30m, 1h, 2d
        #[arg(long, value_name = "SPAN", default_value = "1d")]
        expires_in: Span,
    },
}

impl Clients {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let json = self.options.json;
        let directory = &self.options.directory;
        let if_missing = match &self.action {
            Action::Add(_) | Action::Invite { .. } => IfMissing::Create,
            _ => IfMissing::Refuse,
        };
        let data = directory.open(if_missing).await?;
        match self.action {
            Action::Add(add) => add.run(&data, json).await,
            Action::List => list(&data, json).await,
            Action::Show { id } => show::show(&find(&data, &id).await?, json),
            Action::Delete { id } => delete(&data, &id, json).await,
            Action::Invite { expires_in } => invite(&data, expires_in, json).await,
        }
    }
}

fn id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|error| error.to_string())
}

async fn list(data: &Data, json: bool) -> anyhow::Result<()> {
    let clients = all(|after| data.server.clients(after)).await?;
    if json {
        let shown: Result<Vec<_>, _> = clients.iter().map(show::document).collect();
        return output::json(&shown?);
    }
    if clients.is_empty() {
        output::note("No clients are registered.");
        return Ok(());
    }
    let rows = clients.iter().map(|client| {
        let metadata = &client.facts.metadata;
        let registered = client.registered;
        [
            client.id.as_str().to_owned(),
            show::name(client).to_owned(),
            match client.facts.source {
                ClientSource::Administrator => "added here",
                ClientSource::Itself => "itself",
                ClientSource::Document => "a document",
            }
            .to_owned(),
            metadata.token_endpoint_auth_method.as_str().to_owned(),
            show::redirect_hosts(metadata),
            when::minute_or_dash(registered.map(|registered| registered.at)),
            when::minute_or_dash(registered.and_then(|registered| registered.last_used_at)),
        ]
    });
    let head = [
        "CLIENT ID",
        "NAME",
        "REGISTERED BY",
        "AUTHENTICATION",
        "REDIRECTS TO",
        "SINCE (UTC)",
        "LAST USED (UTC)",
    ];
    Ok(table::print(head, rows.collect())?)
}

async fn delete(data: &Data, id: &ClientId, json: bool) -> anyhow::Result<()> {
    let client = find(data, id).await?;
    let grants = all(|after| data.server.grants(GrantsOf::Client(id), after)).await?;
    data.server.delete_client(id).await?;
    if json {
        return output::json(&show::document(&client)?);
    }
    let grants = match grants.len() {
        0 => "it had no grants".to_owned(),
        1 => "its grant is revoked".to_owned(),
        count => format!("its {count} grants are revoked"),
    };
    Ok(output::foreign(&format!(
        "The client {} ({id}) is deleted, and {grants}.",
        show::name(&client)
    ))?)
}

async fn invite(data: &Data, expires_in: Span, json: bool) -> anyhow::Result<()> {
    let seconds = u64::try_from(expires_in.0);
    let seconds = seconds.map_err(|_| anyhow!("--expires-in: the token would never be valid"))?;
    let lifetime = Lifetime::from_secs(seconds);
    let token = data.server.initial_access_token(lifetime).await?;
    if json {
        return output::json(&serde_json::json!({
            "initial_access_token": token.reveal(), "expires_in": seconds,
        }));
    }
    Ok(output::line(token.reveal())?)
}

async fn find(data: &Data, id: &ClientId) -> anyhow::Result<Client> {
    let client = data.server.client(id).await?;
    client.ok_or_else(|| {
        anyhow!("there is no client {id}: countersign clients list shows those there are")
    })
}
