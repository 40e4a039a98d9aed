//! The authorization server on SQLite: how many calls it answers in a second and what
//! they cost, with one stored client and with many, beside what bare commits allow.

mod calls;
mod figures;

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

pub(crate) use figures::{Line, table};

use self::calls::Call;
use crate::child::Server;
use crate::load;
use crate::run::{Plan, tell};

/// Where codes go.
pub(crate) const CALLBACK: &str = "https://client.example/callback";
/// What tokens are for.
pub(crate) const RESOURCE: &str = "https://rs.example/mcp";
/// The client that may introspect, and its secret, for a server that ends with the run.
pub(crate) const INTROSPECTING: &str = "resource-server";
/// As above.
pub(crate) const SECRET: &str = "the-secret-of-the-resource-server";
/// How many commits the bare database makes for one request.
pub(crate) const COMMITS_EACH: usize = 20;

/// The id of the client with this number.
pub(crate) fn client_id(number: u64) -> String {
    format!("client-{number}")
}

/// Which server a line is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Database {
    /// SQLite alone.
    Bare,
    /// The authorization server with one client.
    One,
    /// The same with many.
    Many,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
struct Leg {
    name: &'static str,
    database: Database,
    call: Call,
}

const fn leg(name: &'static str, database: Database, call: Call) -> Leg {
    Leg {
        name,
        database,
        call,
    }
}

/// The line that the others are compared with: what an exchange writes, bare.
const BARE: &str = "bare SQLite, four rows a commit";

const LEGS: [Leg; 10] = [
    leg(
        "bare SQLite, one row a commit",
        Database::Bare,
        Call::Commits("/1"),
    ),
    leg(BARE, Database::Bare, Call::Commits("/4")),
    leg("code exchange, one client", Database::One, Call::Exchange),
    leg(
        "code exchange, many clients",
        Database::Many,
        Call::Exchange,
    ),
    leg("refresh, one client", Database::One, Call::Refresh),
    leg("refresh, many clients", Database::Many, Call::Refresh),
    leg(
        "introspection, JWT, one client",
        Database::One,
        Call::Introspect { prefix: "" },
    ),
    leg(
        "introspection, JWT, many clients",
        Database::Many,
        Call::Introspect { prefix: "" },
    ),
    leg(
        "introspection, opaque, one client",
        Database::One,
        Call::Introspect { prefix: "/opaque" },
    ),
    leg(
        "introspection, opaque, many clients",
        Database::Many,
        Call::Introspect { prefix: "/opaque" },
    ),
];

/// The names of all lines.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LEGS.iter().map(|leg| leg.name)
}

/// Measures the lines that `plan` wants; none if it wants none.
pub(crate) fn run(plan: &Plan) -> Result<Vec<Line>> {
    let asked = names().any(|name| plan.asks_for(name));
    let wanted = |leg: &&Leg| asked && (leg.name == BARE || plan.asks_for(leg.name));
    let legs: Vec<_> = LEGS.iter().filter(wanted).collect();
    if legs.is_empty() {
        return Ok(Vec::new());
    }
    let mut servers = Vec::new();
    for database in [Database::Bare, Database::One, Database::Many] {
        if legs.iter().any(|leg| leg.database == database) {
            servers.push((database, Measured::start(plan, database)?));
        }
    }
    let mut lines: Vec<_> = legs.iter().map(|leg| Line::new(leg.name)).collect();
    for round in 1..=plan.authorization_rounds() {
        tell(&format!(
            "authorization: round {round} of {}",
            plan.authorization_rounds()
        ));
        for (leg, line) in legs.iter().zip(&mut lines) {
            let server = servers
                .iter()
                .find(|(database, _)| *database == leg.database);
            let (_, server) = server.context("a server was not started")?;
            line.add(server.drive(plan, leg, round)?);
        }
    }
    for (leg, line) in legs.iter().zip(&mut lines) {
        let server = servers
            .iter()
            .find(|(database, _)| *database == leg.database);
        if let Some((_, server)) = server {
            line.memory(server.server.memory()?);
        }
    }
    figures::compare(&mut lines, BARE);
    Ok(lines)
}

/// A server with its database, which is removed after it has ended.
struct Measured {
    server: Server,
    clients: u64,
    _folder: TempDir,
}

impl Measured {
    fn start(plan: &Plan, database: Database) -> Result<Self> {
        let folder = match &plan.folder {
            Some(folder) => TempDir::with_prefix_in("bench-", folder),
            None => TempDir::with_prefix("bench-"),
        };
        let folder = folder.context("there is no place for a database")?;
        let clients = match database {
            Database::Bare => 0,
            Database::One => 1,
            Database::Many => plan.clients(),
        };
        if database == Database::Many {
            tell(&format!("authorization: storing {clients} clients"));
        }
        let server = Server::start(
            plan.under.as_deref(),
            &arguments(plan, folder.path(), clients),
        )?;
        Ok(Self {
            server,
            clients,
            _folder: folder,
        })
    }

    fn drive(&self, plan: &Plan, leg: &Leg, round: usize) -> Result<load::Round> {
        let address = self.server.address;
        let connections = match leg.call {
            Call::Commits(_) => 1,
            _ => plan.connections,
        };
        let calls = plan.authorization_calls() / connections;
        let prepare = |number: usize| {
            let choice = calls::Choice::new(self.clients, round, number);
            calls::prepare(address, leg.call, calls.max(1), choice)
        };
        load::measure(&self.server, connections, prepare)
            .with_context(|| format!("leg `{}`", leg.name))
    }
}

/// The command line of a server; without clients, that of the bare database.
fn arguments(plan: &Plan, folder: &Path, clients: u64) -> Vec<String> {
    let mut arguments = vec![
        if clients == 0 { "commit" } else { "authorize" }.to_owned(),
        format!("--workers={}", plan.workers),
        format!("--folder={}", folder.display()),
    ];
    if clients > 0 {
        arguments.push(format!("--clients={clients}"));
    }
    arguments
}
