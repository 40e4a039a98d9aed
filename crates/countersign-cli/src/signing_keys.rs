//! `countersign keys`.

use clap::{Args, Subcommand};
use countersign::authorization_server::overview::KeyOverview;
use countersign::oauth::UnixTime;
use countersign::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::data::{Data, DataOptions, IfMissing};
use crate::{output, table, when};

/// Manage the keys that sign access tokens
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
A new key is published five minutes before it signs, and an old one until its last token
has expired: whoever verifies tokens notices nothing.

Examples:
  countersign keys list
  countersign keys rotate"
)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) options: DataOptions,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the published keys
    List,
    /// Make a new key, which takes the place of the others
    Rotate,
}

impl Keys {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let json = self.options.json;
        let if_missing = match self.action {
            Action::List => IfMissing::Refuse,
            Action::Rotate => IfMissing::Create,
        };
        let data = self.options.directory.open(if_missing).await?;
        data.check_sealing_keys().await?;
        match self.action {
            Action::List => list(&data, json).await,
            Action::Rotate => rotate(&data, json).await,
        }
    }
}

async fn list(data: &Data, json: bool) -> anyhow::Result<()> {
    let keys = data.server.signing_keys().await?;
    let now = SystemClock::default().now();
    let signing = keys.iter().rev().find(|key| key.signs_from <= now);
    let signing = signing.or(keys.first()).map(|key| key.kid.clone());
    let state = |key: &KeyOverview| state(key, signing.as_deref(), now);
    if json {
        let shown = keys.iter().map(|key| shown(key, state(key)));
        return output::json(&shown.collect::<Vec<_>>());
    }
    let rows = keys.iter().map(|key| {
        [
            key.kid.clone(),
            key.algorithm.to_owned(),
            state(key).to_owned(),
            when::minute(key.signs_from),
            when::minute_or_dash(key.published_until),
        ]
    });
    let head = [
        "KEY ID",
        "ALGORITHM",
        "STATE",
        "SIGNS FROM (UTC)",
        "PUBLISHED UNTIL (UTC)",
    ];
    Ok(table::print(head, rows.collect())?)
}

async fn rotate(data: &Data, json: bool) -> anyhow::Result<()> {
    let kid = data.server.rotate_keys().await?;
    let keys = data.server.signing_keys().await?;
    let Some(key) = keys.iter().find(|key| key.kid == kid) else {
        return Ok(output::line(&kid)?);
    };
    if json {
        return output::json(&shown(key, "next"));
    }
    Ok(output::line(&format!(
        "The new key {kid} signs from {} UTC on.",
        when::minute(key.signs_from)
    ))?)
}

/// What a key does at `now`, when the key `signing` signs.
fn state(key: &KeyOverview, signing: Option<&str>, now: UnixTime) -> &'static str {
    if signing == Some(&*key.kid) {
        "signs"
    } else if key.signs_from > now {
        "next"
    } else {
        "retired"
    }
}

/// A key for programs.
fn shown(key: &KeyOverview, state: &str) -> Value {
    json!({
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": state,
        "signs_from": key.signs_from.as_secs(),
        "published_until": key.published_until.map(|time| time.as_secs()),
    })
}
