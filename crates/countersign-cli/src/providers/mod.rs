//! `countersign providers`.

mod facts;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use countersign::provider::{Preset, Provider};

use crate::{file, output, table};
use facts::Facts;

/// Look up the providers that people can log in with, and check files about others
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Nothing here talks to a provider.

Examples:
  countersign providers list
  countersign providers show auth0 --set domain=mine.eu.auth0.com
  countersign providers show github --file > mine.toml
  countersign providers check mine.toml"
)]
pub(crate) struct Providers {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the built-in providers
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a built-in provider means and exposes
    Show {
        /// Which, as in the list
        name: String,
        /// Print the file itself, to make one of your own from it
        #[arg(long, conflicts_with_all = ["json", "settings"])]
        file: bool,
        #[command(flatten)]
        options: Options,
    },
    /// Check a file about a provider, and say what it means and exposes
    Check {
        /// The file, as docs/providers/format.md describes it
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Fill a variable of the file, or client_id; may be repeated
    #[arg(long = "set", id = "settings", value_name = "VARIABLE=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Providers {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::List { json } => list(json),
            Action::Show { name, file, .. } if file => Ok(output::line(text(&name)?.trim_end())?),
            Action::Show { name, options, .. } => told(&read(text(&name)?, None)?, options),
            Action::Check { file, options } => {
                let text = file::text(&file)?;
                told(&read(&text, Some(&file))?, options)
            }
        }
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let presets = Preset::names().filter_map(Preset::named);
    let facts = presets.map(|preset| Facts::of(&preset, preset.outline()));
    let facts: Vec<Facts> = facts.collect();
    if json {
        return output::json(&facts);
    }
    let yes = |holds: bool| if holds { "yes" } else { "" }.to_owned();
    let rows = facts.iter().map(|provider| {
        [
            provider.name.clone(),
            provider.display_name.clone(),
            yes(provider.login.is_some()),
            yes(provider.accepted_tokens.is_some()),
            yes(provider.open_registration),
            provider.needed().collect::<Vec<_>>().join(" "),
        ]
    });
    let head = [
        "NAME",
        "PROVIDER",
        "LOGIN",
        "TOKENS",
        "OPEN TO ANYBODY",
        "TO SET",
    ];
    Ok(table::print(head, rows.collect())?)
}

fn told(preset: &Preset, options: Options) -> anyhow::Result<()> {
    let filled: Option<Provider> = if options.settings.is_empty() {
        None
    } else {
        let mut values = BTreeMap::new();
        for (name, value) in options.settings {
            if values.insert(name.clone(), value).is_some() {
                bail!("--set {name} is given twice");
            }
        }
        Some(preset.fill(&values)?)
    };
    let provider = filled.as_ref().unwrap_or_else(|| preset.outline());
    if options.json {
        return output::json(&Facts::of(preset, provider));
    }
    Ok(output::line(&output::harmless(&words::about(
        preset, provider,
    )))?)
}

fn text(name: &str) -> anyhow::Result<&'static str> {
    Preset::text(name).ok_or_else(|| {
        anyhow!(
            "no built-in provider is called {name}; see countersign providers list, or check a \
             file with countersign providers check FILE"
        )
    })
}

fn read(text: &str, file: Option<&Path>) -> anyhow::Result<Preset> {
    let preset = Preset::parse(text);
    preset.map_err(|error| match file {
        Some(file) => anyhow!("{}: {error}", file.display()),
        None => error.into(),
    })
}

/// Reads `VARIABLE=VALUE`.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write VARIABLE=VALUE, such as domain=login.example.com".to_owned()),
    }
}
