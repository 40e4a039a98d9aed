//! `countersign audit`.

mod look;
mod words;

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use countersign::audit::verify::{self, Report};
use serde_json::json;

use crate::exit::Tampered;
use crate::log::LogOption;
use crate::output;
use look::Look;

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

Examples:
  countersign audit list --since 1h
  countersign audit list --tool delete_user --outcome refused
  countersign audit tail --severity warning
  countersign audit verify"
)]
pub(crate) struct Audit {
    /// The log; its older files are beside it
    #[arg(long, value_name = "FILE", default_value = FILE, global = true)]
    file: PathBuf,

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
        /// The key, if it is not beside the log
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
        match &self.action {
            Action::Verify { key } => {
                let report = verify::files(&self.file, key.as_deref());
                self.tell(&report.map_err(|error| self.unread(error))?)
            }
            Action::List { look } => {
                let listed = look.list(&self.file, self.json);
                listed.map_err(|error| self.unread(error))
            }
            Action::Tail { look, lines } => {
                let tail = look.tail(&self.file, *lines, self.json).await;
                tail.map_err(|error| self.unread(error))
            }
        }
    }

    /// What cannot be read; or nobody reads what is written.
    fn unread(&self, error: io::Error) -> anyhow::Error {
        match error.kind() {
            ErrorKind::BrokenPipe => error.into(),
            _ => anyhow!("the audit log {}: {error}", self.file.display()),
        }
    }

    /// What was found out, in words.
    fn tell(&self, report: &Report) -> anyhow::Result<()> {
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
                let file = finding.file.as_ref().unwrap_or(&self.file);
                let (file, line) = (file.display(), finding.line);
                output::line(&format!("{file}, line {line}: {}", finding.damage))?;
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
