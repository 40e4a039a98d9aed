//! `countersign audit`.

mod look;
mod place;
mod words;

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use countersign::audit::verify::Report;
use serde_json::json;

use crate::data::DATABASE;
use crate::exit::Tampered;
use crate::log::LogOption;
use crate::output;
use look::Look;
use place::Place;

/// Where the audit log is if nothing else is said.
const FILE: &str = "audit.jsonl";

/// See who did what, and whether the log of it is as it was written
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
`countersign serve --audit audit.jsonl` writes the log: one line for each decision, chained
with the key in audit.jsonl.key, so that no line can be changed, removed or moved unseen.
`countersign serve --audit-store` writes it into its database instead, where commands such
as `countersign grants revoke` note what they do as well.

Examples:
  countersign audit list --since 1h
  countersign audit list --tool delete_user --outcome refused
  countersign audit tail --severity warning
  countersign audit verify
  countersign audit list --data-dir countersign-data"
)]
pub(crate) struct Audit {
    /// The log; its older files are beside it [default: audit.jsonl]
    #[arg(long, value_name = "FILE", global = true, conflicts_with_all = ["data_dir", "database"])]
    file: Option<PathBuf>,

    /// Instead, the log in the database in this folder, as serve --audit-store writes it
    #[arg(
        long,
        visible_alias = "data",
        value_name = "DIR",
        global = true,
        conflicts_with = "database"
    )]
    data_dir: Option<PathBuf>,

    /// Instead, the log in this database
    #[arg(long, value_name = "FILE", global = true)]
    database: Option<PathBuf>,

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
    /// Find out whether a line was changed, removed, added or moved
    Verify {
        /// The key, if it is not beside the log or database
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Show what happened
    List {
        #[command(flatten)]
        look: Box<Look>,
    },
    /// Show what happens, until it is stopped
    Tail {
        #[command(flatten)]
        look: Box<Look>,

        /// Begin with so many lines that are there already
        #[arg(long, value_name = "NUMBER", default_value = "10")]
        lines: usize,
    },
}

impl Audit {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let place = self.place();
        let done = self.act(&place).await;
        // What cannot be read; or nobody reads what is written.
        done.map_err(|error| match error.downcast_ref::<io::Error>() {
            Some(unread) if unread.kind() != ErrorKind::BrokenPipe => {
                anyhow!("the audit log {place}: {unread}")
            }
            _ => error,
        })
    }

    fn place(&self) -> Place {
        match (&self.data_dir, &self.database, &self.file) {
            (Some(folder), _, _) => Place::Database(folder.join(DATABASE)),
            (None, Some(database), _) => Place::Database(database.clone()),
            (None, None, Some(file)) => Place::Files(file.clone()),
            (None, None, None) => Place::Files(PathBuf::from(FILE)),
        }
    }

    async fn act(&self, place: &Place) -> anyhow::Result<()> {
        match &self.action {
            Action::Verify { key } => {
                let report = place.verify(key.as_deref()).await?;
                self.tell(&report, place)
            }
            Action::List { look } => Ok(look.list(place, self.json).await?),
            Action::Tail { look, lines } => Ok(look.tail(place, *lines, self.json).await?),
        }
    }

    /// What was found out, in words.
    fn tell(&self, report: &Report, place: &Place) -> anyhow::Result<()> {
        let last = report.last.map(|last| last.seq);
        if self.json {
            let findings = report.findings.iter().map(|finding| {
                json!({
                    "file": finding.file.as_ref().map(|file| file.display().to_string()),
                    "line": finding.line,
                    "damage": finding.damage.to_string(),
                })
            });
            output::json(&json!({
                "intact": report.is_intact(),
                "records": report.lines,
                "first": report.first.map(|first| first.seq),
                "last": last,
                "last_mac": report.last.map(|last| last.mac.to_string()),
                "torn": report.is_torn,
                "findings": findings.collect::<Vec<_>>(),
            }))?;
        } else {
            for finding in &report.findings {
                let place = match &finding.file {
                    Some(file) => file.display().to_string(),
                    None => place.to_string(),
                };
                let (line, damage) = (finding.line, &finding.damage);
                output::line(&format!("{place}, line {line}: {damage}"))?;
            }
            if report.is_torn {
                output::note(
                    "The last line was not written to its end, as a crash leaves it; the server \
                     takes it away when it starts.",
                );
            }
            if report.is_intact() {
                output::line(&intact(report))?;
            }
        }
        match report.findings.len() {
            0 => Ok(()),
            found => Err(Tampered(found).into()),
        }
    }
}

fn intact(report: &Report) -> String {
    let (Some(first), Some(last)) = (report.first, report.last) else {
        return "Intact: it is empty.".to_owned();
    };
    format!(
        "Intact: records {} to {}, none changed, removed or moved.\nThe last one is {}.",
        first.seq, last.seq, last.mac
    )
}
