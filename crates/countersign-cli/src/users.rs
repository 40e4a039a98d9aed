//! `countersign users`.

use clap::{Args, Subcommand};
use countersign::authorization_server::accounts::{
    AccountError, AccountName, AccountOverview, UpstreamOverview,
};
use serde_json::json;

use crate::data::{Data, DataOptions, IfMissing, about_account, all};
use crate::password::PasswordOption;
use crate::{output, table, when};

/// Manage the people who can log in
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
What is changed counts at once, also for a server that is running.

Examples:
  countersign users add ada
  countersign users passwd ada --password-file new.txt
  countersign users list --json"
)]
pub(crate) struct Users {
    #[command(flatten)]
    pub(crate) options: DataOptions,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an account; the password is asked for
    Add {
        /// The name to log in with: letters, digits and . _ - @ +
        #[arg(value_parser = name)]
        name: AccountName,
        #[command(flatten)]
        password: PasswordOption,
    },
    /// Show all accounts
    List,
    /// Keep somebody from logging in, log them out everywhere, and revoke what they
    /// have connected
    Disable {
        /// Whom, as the list names them
        #[arg(value_parser = any_name)]
        name: AccountName,
    },
    /// Let somebody log in again; what was revoked stays revoked
    Enable {
        /// Whom
        #[arg(value_parser = any_name)]
        name: AccountName,
    },
    /// Set another password, log them out everywhere, and revoke what they have connected
    Passwd {
        /// Whose
        #[arg(value_parser = any_name)]
        name: AccountName,
        #[command(flatten)]
        password: PasswordOption,
    },
    /// Delete an account, and revoke what was connected; this cannot be undone
    Delete {
        /// Which
        #[arg(value_parser = any_name)]
        name: AccountName,
    },
}

impl Users {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let json = self.options.json;
        let directory = &self.options.directory;
        let data = match &self.action {
            Action::Add { .. } => directory.open(IfMissing::Create).await?,
            _ => directory.open(IfMissing::Refuse).await?,
        };
        let accounts = &data.accounts;
        match self.action {
            Action::Add { name, password } => add(&data, &name, &password, json).await,
            Action::List => list(&data, json).await,
            Action::Disable { name } => {
                let done = accounts.disable(&name).await;
                let told = "cannot log in any more, and what it had connected is revoked";
                changed(&data, &name, done, told, json).await
            }
            Action::Enable { name } => {
                let done = accounts.enable(&name).await;
                changed(&data, &name, done, "can log in again", json).await
            }
            Action::Passwd { name, password } => {
                // Whoever does not exist needs no password.
                find(&data, &name).await?;
                let done = accounts.set_password(&name, &password.read()?).await;
                let told = "has a new password, is logged out everywhere, and what it had connected is revoked";
                changed(&data, &name, done, told, json).await
            }
            Action::Delete { name } => {
                let account = find(&data, &name).await?;
                let done = accounts.delete(&name).await;
                done.map_err(|error| about_account(name.as_str(), error))?;
                if json {
                    return output::json(&shown(&account));
                }
                Ok(output::line(&format!(
                    "{name} is deleted, and what it had connected is revoked."
                ))?)
            }
        }
    }
}

fn name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|error| error.to_string())
}

/// Also the name of somebody who logs in elsewhere.
fn any_name(text: &str) -> Result<AccountName, String> {
    AccountName::parse_any(text).map_err(|error| error.to_string())
}

async fn add(
    data: &Data,
    name: &AccountName,
    password: &PasswordOption,
    json: bool,
) -> anyhow::Result<()> {
    if let Some(taken) = data.accounts.named(name).await? {
        return Err(about_account(&taken.name, AccountError::NameTaken));
    }
    let added = data.accounts.add(name, &password.read()?).await;
    let subject = added.map_err(|error| about_account(name.as_str(), error))?;
    if json {
        return output::json(&shown(&find(data, name).await?));
    }
    Ok(output::line(&format!(
        "{name} can log in now. In tokens it is {subject}."
    ))?)
}

async fn list(data: &Data, json: bool) -> anyhow::Result<()> {
    let accounts = all(|after| data.accounts.list(after)).await?;
    if json {
        return output::json(&accounts.iter().map(shown).collect::<Vec<_>>());
    }
    if accounts.is_empty() {
        output::note("There are no accounts yet: countersign users add NAME makes one.");
        return Ok(());
    }
    let has_strangers = accounts.iter().any(|account| account.upstream.is_some());
    let rows = accounts.into_iter().map(|account| {
        let state = if account.disabled {
            "disabled"
        } else {
            "enabled"
        };
        let person = called(account.upstream.as_ref());
        let since = when::minute(account.created_at);
        [
            account.name,
            state.to_owned(),
            since,
            account.subject,
            person,
        ]
    });
    if has_strangers {
        let names = ["NAME", "STATE", "SINCE (UTC)", "SUBJECT", "CALLED"];
        return Ok(table::print(names, rows.collect())?);
    }
    let rows = rows.map(|[name, state, since, subject, _]| [name, state, since, subject]);
    Ok(table::print(
        ["NAME", "STATE", "SINCE (UTC)", "SUBJECT"],
        rows.collect(),
    )?)
}

/// What somebody who logs in elsewhere was called there at the last login.
fn called(upstream: Option<&UpstreamOverview>) -> String {
    let texts = upstream.map(|upstream| [&upstream.name, &upstream.email]);
    let known: Vec<&str> = texts
        .iter()
        .flatten()
        .filter_map(|text| text.as_deref())
        .collect();
    known.join(", ")
}

/// Says what was done to `name`, if it was.
async fn changed(
    data: &Data,
    name: &AccountName,
    done: Result<(), AccountError>,
    told: &str,
    json: bool,
) -> anyhow::Result<()> {
    done.map_err(|error| about_account(name.as_str(), error))?;
    if json {
        return output::json(&shown(&find(data, name).await?));
    }
    Ok(output::line(&format!("{name} {told}."))?)
}

async fn find(data: &Data, name: &AccountName) -> anyhow::Result<AccountOverview> {
    let account = data.accounts.named(name).await?;
    account.ok_or_else(|| about_account(name.as_str(), AccountError::Unknown))
}

/// An account for programs.
fn shown(account: &AccountOverview) -> serde_json::Value {
    let upstream = account.upstream.as_ref().map(|upstream| {
        json!({
            "provider": upstream.provider,
            "issuer": upstream.issuer,
            "subject": upstream.subject,
            "name": upstream.name,
            "email": upstream.email,
        })
    });
    json!({
        "name": account.name,
        "subject": account.subject,
        "disabled": account.disabled,
        "upstream": upstream,
        "created_at": account.created_at.as_secs(),
    })
}
