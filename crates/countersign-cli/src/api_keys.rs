//! `countersign api-keys`.

use std::collections::HashMap;
use std::str::FromStr as _;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use countersign::authorization_server::accounts::{AccountError, AccountName};
use countersign::authorization_server::api_keys::{
    ApiKeyError, ApiKeyOverview, ApiKeyRequest, ApiKeysOf, IssuedApiKey,
};
use countersign::oauth::{ApiKeyId, Lifetime, ScopeSet, Secret};
use countersign::{ApiKeyOwner, Clock, SystemClock};
use serde_json::{Value, json};

use crate::data::{Data, DataOptions, IfMissing, about_account, all};
use crate::span::Span;
use crate::{output, table, when};

/// Manage the API keys with which programs call the server
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
A key is shown once, when it is made. What is revoked is refused from the next request on,
also by a server that is running. The keys that sign tokens are others: countersign keys.

Examples:
  countersign api-keys create --service nightly --scopes stats:read --expires-in 90d
  countersign api-keys create --user ada --name \"Backup script\"
  countersign api-keys rotate 4VHpW9mNKXVH --overlap 2d
  countersign api-keys revoke 4VHpW9mNKXVH"
)]
pub(crate) struct ApiKeys {
    #[command(flatten)]
    pub(crate) options: DataOptions,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key, and show it
    Create {
        #[command(flatten)]
        owner: Owner,
        /// What it is for, for people to read [default: the name of its owner]
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// What it may do: scopes, separated by commas
        #[arg(long, value_name = "A,B", value_delimiter = ',')]
        scopes: Vec<String>,
        /// A role of whoever presents it; can be given again
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// How long it is good, such as 90d [default: until it is revoked]
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires_in: Option<Lifetime>,
    },
    /// Show the keys, without their secrets
    List {
        #[command(flatten)]
        owner: OwnerIfSaid,
        /// Those that were revoked, too
        #[arg(long)]
        all: bool,
    },
    /// Make another key that may do the same, and end this one later
    Rotate {
        /// Which, by its id
        #[arg(value_name = "ID")]
        id: Named,
        /// How long the old one goes on working; 0 revokes it at once
        #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = overlap)]
        overlap: Lifetime,
    },
    /// Revoke keys: they are refused from the next request on
    Revoke {
        /// Which, by their ids
        #[arg(value_name = "ID", required = true)]
        ids: Vec<Named>,
    },
}

/// Whose key it is to be.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Owner {
    /// The program that will use it: letters, digits and . _ -
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The person in whose name it acts: the name of an account
    #[arg(long, value_name = "NAME", value_parser = account)]
    user: Option<AccountName>,
}

/// Whose keys.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct OwnerIfSaid {
    /// Those of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Those of this person
    #[arg(long, value_name = "NAME", value_parser = account)]
    user: Option<AccountName>,
}

fn account(text: &str) -> Result<AccountName, String> {
    AccountName::parse_any(text).map_err(|error| error.to_string())
}

/// What is said to be the id of a key. It may be the key itself, so that it is not
/// repeated.
#[derive(Clone, Debug)]
struct Named(Secret);

impl From<&str> for Named {
    fn from(text: &str) -> Self {
        Self(Secret::new(text))
    }
}

impl Named {
    fn id(&self) -> anyhow::Result<ApiKeyId> {
        ApiKeyId::parse(self.0.reveal()).ok_or_else(|| {
            anyhow!(
                "the id of a key is the 12 letters and digits behind its first _, and not the \
                 key itself"
            )
        })
    }
}

/// A span that is not over yet.
fn span(text: &str) -> Result<Lifetime, &'static str> {
    let Span(seconds) = Span::from_str(text)?;
    let seconds = u64::try_from(seconds).map_err(|_| "it would have ended already")?;
    Ok(Lifetime::from_secs(seconds))
}

fn overlap(text: &str) -> Result<Lifetime, &'static str> {
    if text == "0" {
        return Ok(Lifetime::ZERO);
    }
    span(text)
}

impl ApiKeys {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let json = self.options.json;
        // A service needs no account, so that its key can be the first thing there is.
        let if_missing = match &self.action {
            Action::Create { .. } => IfMissing::Create,
            _ => IfMissing::Refuse,
        };
        let data = self.options.directory.open(if_missing).await?;
        match self.action {
            Action::Create {
                owner,
                name,
                scopes,
                roles,
                expires_in,
            } => {
                let owner_name = owner.named().to_owned();
                let (service, user) = (owner.service.as_deref(), owner.user.as_ref());
                let owner = owned(&data, service, user, For::NewKey).await?;
                let owner = owner.ok_or_else(|| anyhow!("say whose key it is"))?;
                let name = name.unwrap_or(owner_name);
                let scopes = scopes.iter().filter(|scope| !scope.is_empty());
                let scopes = ScopeSet::from_names(scopes).context("--scopes")?;
                let request = ApiKeyRequest::new(owner, name).scopes(scopes).roles(roles);
                let request = match expires_in {
                    Some(lifetime) => request.lifetime(lifetime),
                    None => request,
                };
                let issued = data.server.api_keys().create(&request).await?;
                show(&data, &issued, json).await
            }
            Action::List { owner, all } => {
                let (service, user) = (owner.service.as_deref(), owner.user.as_ref());
                let owner = owned(&data, service, user, For::List).await?;
                list(&data, owner.as_ref(), all, json).await
            }
            Action::Rotate { id, overlap } => {
                let id = id.id()?;
                let rotated = data.server.api_keys().rotate(&id, overlap).await;
                show(&data, &rotated.map_err(|error| about(&id, error))?, json).await
            }
            Action::Revoke { ids } => {
                let ids: anyhow::Result<Vec<_>> = ids.iter().map(Named::id).collect();
                revoke(&data, &ids?, json).await
            }
        }
    }
}

impl Owner {
    fn named(&self) -> &str {
        let user = self.user.as_ref().map(AccountName::as_str);
        self.service.as_deref().or(user).unwrap_or_default()
    }
}

/// What an owner is needed for.
#[derive(Clone, Copy)]
enum For {
    NewKey,
    List,
}

/// The owner that was named, if one was.
async fn owned(
    data: &Data,
    service: Option<&str>,
    user: Option<&AccountName>,
    needed_for: For,
) -> anyhow::Result<Option<ApiKeyOwner>> {
    if let Some(service) = service {
        return Ok(Some(ApiKeyOwner::service(service)?));
    }
    let Some(name) = user else { return Ok(None) };
    let account = data.accounts.named(name).await?;
    let unknown = || about_account(name.as_str(), AccountError::Unknown);
    let account = account.ok_or_else(unknown)?;
    if account.disabled && matches!(needed_for, For::NewKey) {
        bail!("the account {name} is disabled, so that a key of it would open nothing");
    }
    Ok(Some(ApiKeyOwner::person(&account.subject)?))
}

/// Shows a key that was just made, this once.
async fn show(data: &Data, issued: &IssuedApiKey, json: bool) -> anyhow::Result<()> {
    let key = &issued.overview;
    let mut names = Names::default();
    let owner = names.of(data, &key.owner).await?;
    if json {
        let mut shown = shown(key, &owner);
        if let Some(members) = shown.as_object_mut() {
            members.insert("key".to_owned(), issued.text.reveal().into());
        }
        return output::json(&shown);
    }
    output::line(&format!(
        "The API key {} of {owner} is made:\n\n  {}\n\nIt is shown this once: keep it as you keep a password.",
        key.id,
        issued.text.reveal()
    ))?;
    let end = match key.expires_at {
        Some(end) => format!("It ends at {} UTC.", when::minute(end)),
        None => "It is good until it is revoked.".to_owned(),
    };
    Ok(output::line(&end)?)
}

async fn list(
    data: &Data,
    owner: Option<&ApiKeyOwner>,
    with_revoked: bool,
    json: bool,
) -> anyhow::Result<()> {
    let of = owner.map_or(ApiKeysOf::Everybody, ApiKeysOf::Owner);
    let manager = data.server.api_keys();
    let mut keys = all(|after| manager.list(of, after)).await?;
    keys.retain(|key| with_revoked || key.revoked_at.is_none());
    let mut names = Names::default();
    let mut owners = Vec::with_capacity(keys.len());
    for key in &keys {
        owners.push(names.of(data, &key.owner).await?);
    }
    if json {
        let shown = keys
            .iter()
            .zip(&owners)
            .map(|(key, owner)| shown(key, owner));
        return output::json(&shown.collect::<Vec<_>>());
    }
    if keys.is_empty() {
        output::note("There are no API keys: countersign api-keys create makes one.");
        return Ok(());
    }
    let rows = keys.into_iter().zip(owners).map(|(key, owner)| {
        [
            key.id.to_string(),
            owner,
            state(&key).to_owned(),
            key.scopes.to_string(),
            when::minute_or_dash(key.last_used_at),
            when::minute_or_dash(key.expires_at),
            key.name,
        ]
    });
    let head = [
        "KEY",
        "OF",
        "STATE",
        "SCOPES",
        "LAST USED (UTC)",
        "ENDS (UTC)",
        "NAME",
    ];
    Ok(table::print(head, rows.collect())?)
}

async fn revoke(data: &Data, ids: &[ApiKeyId], json: bool) -> anyhow::Result<()> {
    let manager = data.server.api_keys();
    let (mut revoked, mut unknown) = (Vec::new(), None);
    for id in ids {
        match manager.revoke(id).await? {
            true => revoked.push(id.as_str()),
            false => unknown = unknown.or(Some(id)),
        }
    }
    if json {
        output::json(&json!({ "revoked": revoked }))?;
    } else if !revoked.is_empty() {
        let what = match revoked.len() {
            1 => "1 API key is revoked: it is".to_owned(),
            count => format!("{count} API keys are revoked: they are"),
        };
        output::line(&format!("{what} refused from now on."))?;
    }
    unknown.map_or(Ok(()), |id| Err(about(id, ApiKeyError::Unknown)))
}

fn about(id: &ApiKeyId, error: ApiKeyError) -> anyhow::Error {
    match error {
        ApiKeyError::Unknown => anyhow!(
            "there is no API key {id} that can be used, or another has taken its place: \
             countersign api-keys list shows those there are"
        ),
        other => other.into(),
    }
}

fn state(key: &ApiKeyOverview) -> &'static str {
    let now = SystemClock::default().now();
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|end| end <= now) {
        "ended"
    } else if key.replaced_by.is_some() {
        "replaced"
    } else {
        "good"
    }
}

/// What people call the owners of keys.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    async fn of(&mut self, data: &Data, owner: &ApiKeyOwner) -> anyhow::Result<String> {
        let ApiKeyOwner::Person(subject) = owner else {
            return Ok(owner.to_string());
        };
        if let Some(known) = self.0.get(&**subject) {
            return Ok(known.clone());
        }
        let account = data.accounts.with_subject(subject).await?;
        let name = account.map_or_else(|| subject.to_string(), |account| account.name);
        self.0.insert(subject.to_string(), name.clone());
        Ok(name)
    }
}

/// A key for programs.
fn shown(key: &ApiKeyOverview, owner: &str) -> Value {
    json!({
        "id": key.id,
        "owner": owner,
        "subject": key.owner.to_string(),
        "name": key.name,
        "state": state(key),
        "scope": key.scopes.to_string(),
        "roles": key.roles,
        "created_at": key.created_at.as_secs(),
        "last_used_at": key.last_used_at.map(|time| time.as_secs()),
        "expires_at": key.expires_at.map(|time| time.as_secs()),
        "revoked_at": key.revoked_at.map(|time| time.as_secs()),
        "replaced_by": key.replaced_by,
    })
}
