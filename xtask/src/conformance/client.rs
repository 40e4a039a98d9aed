//! The legs of clients: our fixture is started by the suite, once for each scenario.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Leg, REVISIONS, Suite, authorization, requirements};
use crate::command;
use crate::totals::Totals;
use crate::workspace::Workspace;

/// The package and its binary.
const NAME: &str = "conformance-client";

/// The revision whose scenarios no list of requirements names: how servers of that time
/// are logged in at.
const BEFORE: &str = "2025-03-26";

/// Scenarios of extensions. The lists of requirements leave them to everybody's choice;
/// these are chosen.
const EXTENSIONS: [&str; 6] = [
    "auth/client-credentials-jwt",
    "auth/client-credentials-basic",
    "auth/enterprise-managed-authorization",
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/wif-jwt-bearer",
];

/// Builds the fixture client and returns its path.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    super::server::build(workspace, NAME)
}

/// All legs of clients.
pub(super) fn legs(suite: &Suite, workspace: &Workspace) -> Result<Totals> {
    let client = build(workspace)?;
    let client = client.to_string_lossy().into_owned();
    if client.contains(char::is_whitespace) {
        // The suite splits its command at blanks.
        bail!("the conformance suite can start no program with a blank in its path: {client}");
    }
    refuses_what_does_nothing(suite)?;
    let mut totals = Totals::default();
    for revision in REVISIONS {
        let mut required = requirements::of_clients(&suite.package, revision)?;
        required.extend(EXTENSIONS.map(str::to_owned));
        let arguments = ["client", "--requirements", revision, "--command", &client];
        totals += leg(suite, revision, "client", required, &arguments)?;
    }
    let list = ["list", "--client", "--spec-version", BEFORE];
    let list = command::stdout(suite.command().args(list))?;
    let required = authorization::names(&list);
    if required.is_empty() {
        bail!("the suite has no scenario for clients of {BEFORE}");
    }
    let arguments = ["client", "--suite", "backcompat", "--command", &client];
    totals += leg(suite, BEFORE, "client", required.clone(), &arguments)?;
    for scenario in required.iter().map(String::as_str).chain(EXTENSIONS) {
        totals += alone(suite, scenario, &client)?;
    }
    Ok(totals)
}

fn leg(
    suite: &Suite,
    revision: &str,
    name: &str,
    required: BTreeSet<String>,
    arguments: &[&str],
) -> Result<Totals> {
    let leg = Leg {
        name,
        revision,
        results_begin: "",
        required,
    };
    suite.leg(&leg, arguments, |_| Ok(()))
}

/// Where the results of one scenario alone are kept.
fn results(suite: &Suite, scenario: &str) -> PathBuf {
    let scenario = scenario.replace('/', "-");
    suite.out.join(format!("client-alone-{scenario}"))
}

/// Runs one scenario; what the suite says by its exit code counts.
fn alone(suite: &Suite, scenario: &str, client: &str) -> Result<Totals> {
    let results = results(suite, scenario);
    let passed = run(suite, &results, scenario, client)?;
    let totals = Totals {
        passed: u64::from(passed),
        failed: u64::from(!passed),
    };
    println!("conformance {scenario} alone: {totals}");
    Ok(totals)
}

fn run(suite: &Suite, results: &Path, scenario: &str, client: &str) -> Result<bool> {
    let arguments = ["client", "--scenario", scenario, "--command", client];
    Ok(suite.run(results, &arguments, |_| Ok(()))?.0)
}

/// A leg that no client could fail proves nothing.
fn refuses_what_does_nothing(suite: &Suite) -> Result<()> {
    for nothing in ["true", "false"] {
        let scenario = "tools_call";
        if run(suite, &results(suite, nothing), scenario, nothing)? {
            bail!("the suite lets a client pass that does nothing ({nothing})");
        }
    }
    Ok(())
}
