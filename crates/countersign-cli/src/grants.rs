//! `countersign grants`.

use std::collections::HashMap;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use countersign::authorization_server::accounts::AccountName;
use countersign::authorization_server::overview::{GrantOverview, GrantsOf};
use countersign::authorization_server::store::GrantId;
use countersign::oauth::ClientId;
use serde_json::{Value, json};

use crate::data::{Data, DataOptions, IfMissing, all};
use crate::{output, table, when};

/// See what people have allowed, and take it back
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
A grant is what one person allowed one client. Revoking it ends all of its tokens at once,
also at a server that is running.

Examples:
  countersign grants list --user ada
  countersign grants revoke 2f1c8a7be0d94c53a1e6f0b2d4c8e913
  countersign grants revoke --client 5f0e9c2a7b1d48e6930c4a8f2d7be156"
)]
pub(crate) struct Grants {
    #[command(flatten)]
    pub(crate) options: DataOptions,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the grants that count
    List {
        #[command(flatten)]
        whose: Whose,
    },
    /// Revoke grants, with every token of theirs
    Revoke {
        /// Their ids
        #[arg(value_name = "GRANT", required_unless_present_any = ["user", "client"], conflicts_with_all = ["user", "client"])]
        grants: Vec<String>,

        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose grants.
#[derive(Debug, Args)]
struct Whose {
    /// Those that this person gave: the name of an account, or a subject
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Those that this client has, by its id
    #[arg(long, value_name = "CLIENT_ID", value_parser = id)]
    client: Option<ClientId>,
}

impl Grants {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let json = self.options.json;
        let data = self.options.directory.open(IfMissing::Refuse).await?;
        match self.action {
            Action::List { whose } => list(&data, &whose, json).await,
            Action::Revoke { grants, whose } => revoke(&data, &grants, &whose, json).await,
        }
    }
}

fn id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|error| error.to_string())
}

async fn list(data: &Data, whose: &Whose, json: bool) -> anyhow::Result<()> {
    let grants = whose.grants(data).await?;
    if grants.is_empty() && !json {
        output::note("There are no grants.");
        return Ok(());
    }
    let names = Names::read(data, &grants).await?;
    if json {
        let shown = grants.iter().map(|grant| names.shown(grant));
        return output::json(&shown.collect::<Vec<_>>());
    }
    let rows = grants.iter().map(|grant| {
        [
            grant.id.as_str().to_owned(),
            names.user(grant).unwrap_or(&grant.subject).to_owned(),
            names
                .client(grant)
                .unwrap_or(grant.client.as_str())
                .to_owned(),
            grant.scope.clone(),
            when::minute(grant.created_at),
            when::minute_or_dash(grant.last_used_at),
            when::minute(grant.expires_at),
        ]
    });
    let head = [
        "GRANT",
        "USER",
        "CLIENT",
        "SCOPES",
        "SINCE (UTC)",
        "LAST USED (UTC)",
        "ENDS (UTC)",
    ];
    Ok(table::print(head, rows.collect())?)
}

async fn revoke(data: &Data, grants: &[String], whose: &Whose, json: bool) -> anyhow::Result<()> {
    let grants: Vec<_> = match grants {
        [] => {
            let grants = whose.grants(data).await?;
            grants.into_iter().map(|grant| grant.id).collect()
        }
        named => named.iter().map(|id| GrantId::new(id.as_str())).collect(),
    };
    if grants.is_empty() {
        bail!("there is nothing to revoke: countersign grants list shows what there is");
    }
    let mut revoked = Vec::new();
    let mut unknown = Vec::new();
    for grant in grants {
        match data.server.revoke_grant(&grant).await? {
            true => revoked.push(grant),
            // In the meantime it was revoked by somebody else.
            false if whose.is_said() => {}
            false => unknown.push(grant),
        }
    }
    let ids: Vec<_> = revoked.iter().map(GrantId::as_str).collect();
    if json {
        output::json(&json!({ "revoked": ids }))?;
    } else if !ids.is_empty() {
        let what = match ids.len() {
            1 => "1 grant is revoked: none of its tokens is".to_owned(),
            count => format!("{count} grants are revoked: none of their tokens is"),
        };
        output::line(&format!("{what} accepted any more."))?;
    }
    match unknown.first() {
        None => Ok(()),
        Some(grant) => Err(anyhow!(
            "there is no grant {grant} that counts: countersign grants list shows those there are"
        )),
    }
}

impl Whose {
    const fn is_said(&self) -> bool {
        self.user.is_some() || self.client.is_some()
    }

    async fn grants(&self, data: &Data) -> anyhow::Result<Vec<GrantOverview>> {
        let subject = match &self.user {
            None => None,
            Some(name) => {
                // Test tokens are about people without an account.
                let account = match AccountName::parse_any(name) {
                    Ok(name) => data.accounts.named(&name).await?,
                    Err(_) => None,
                };
                Some(account.map_or_else(|| name.clone(), |account| account.subject))
            }
        };
        let owner = match (&subject, &self.client) {
            (Some(subject), _) => GrantsOf::Subject(subject),
            (None, Some(client)) => GrantsOf::Client(client),
            (None, None) => GrantsOf::Everybody,
        };
        let mut grants = all(|after| data.server.grants(owner, after)).await?;
        if let Some(client) = &self.client {
            grants.retain(|grant| grant.client == *client);
        }
        Ok(grants)
    }
}

/// What people call the owners of grants.
struct Names {
    users: HashMap<String, Option<String>>,
    clients: HashMap<ClientId, Option<String>>,
}

impl Names {
    async fn read(data: &Data, grants: &[GrantOverview]) -> anyhow::Result<Self> {
        let mut names = Self {
            users: HashMap::new(),
            clients: HashMap::new(),
        };
        for grant in grants {
            if !names.users.contains_key(&grant.subject) {
                let account = data.accounts.with_subject(&grant.subject).await?;
                let name = account.map(|account| account.name);
                names.users.insert(grant.subject.clone(), name);
            }
            if !names.clients.contains_key(&grant.client) {
                let client = data.server.client(&grant.client).await?;
                let name = client.and_then(|client| client.facts.metadata.client_name);
                let name = name.map(|name| name.as_str().to_owned());
                names.clients.insert(grant.client.clone(), name);
            }
        }
        Ok(names)
    }

    fn user(&self, grant: &GrantOverview) -> Option<&str> {
        self.users.get(&grant.subject)?.as_deref()
    }

    fn client(&self, grant: &GrantOverview) -> Option<&str> {
        self.clients.get(&grant.client)?.as_deref()
    }

    /// A grant for programs.
    fn shown(&self, grant: &GrantOverview) -> Value {
        json!({
            "id": grant.id.as_str(),
            "subject": grant.subject,
            "user": self.user(grant),
            "client_id": grant.client,
            "client_name": self.client(grant),
            "resource": grant.resource,
            "scope": grant.scope,
            "created_at": grant.created_at.as_secs(),
            "last_used_at": grant.last_used_at.map(|time| time.as_secs()),
            "expires_at": grant.expires_at.as_secs(),
        })
    }
}
