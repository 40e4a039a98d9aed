//! `countersign policy`: what rules mean, and what they would decide.

mod explain;
mod paper;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use countersign::policy::rules::RuleSet;
use serde_json::json;

use crate::{file, output};
use paper::Paper;

/// Explain what rules decide, and check files of rules
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Policy {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Explain(Box<explain::Explain>),
    /// Check a file of rules, and say what it means
    Check {
        /// The file, as docs/policy.md describes it
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Policy {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Explain(explain) => explain.run(),
            Action::Check { file, json } => check(&file, json),
        }
    }
}

/// The rules in `file`.
fn rules(file: &Path) -> anyhow::Result<RuleSet> {
    let text = file::long_text(file)?;
    RuleSet::parse(&text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

fn check(file: &Path, as_json: bool) -> anyhow::Result<()> {
    let summary = rules(file)?.summary();
    if as_json {
        return output::json(&json!({
            "defaults": summary.defaults,
            "rules": summary.rules,
            "roles": summary.roles,
            "scopes": summary.scopes,
            "cautions": summary.cautions,
        }));
    }
    let mut paper = Paper::default();
    paper.says(&format!("{} can be used.", file.display()));
    for (title, sentences) in [
        ("What is open and what is closed", &summary.defaults),
        ("The rules", &summary.rules),
        ("The roles", &summary.roles),
        ("Scopes that include others", &summary.scopes),
        ("Have a look at this", &summary.cautions),
    ] {
        if !sentences.is_empty() {
            paper.section(title);
            for sentence in sentences {
                paper.item(sentence);
            }
        }
    }
    Ok(output::line(&output::harmless(paper.text()))?)
}
