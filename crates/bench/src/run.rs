//! A whole run: servers up, rounds in turn, figures out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use countersign::oauth::jose::Algorithm;

use crate::authorization;
use crate::child::Server;
use crate::leg::{LEGS, Leg, OFF, Tokens, WARM};
use crate::load;
use crate::report::{Line, Report, Signature};
use crate::request;
use crate::signature;
use crate::tokens::Mint;

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Few rounds of few calls: figures within some ten percent, in seconds.
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// How often all servers are driven in turn.
    #[arg(long, value_parser = between(1, 1_000))]
    rounds: Option<usize>,
    /// Calls to each server in each round; the slowest make a part of them.
    #[arg(long, value_parser = between(1, 1_000_000))]
    calls: Option<usize>,
    /// Keep-alive connections to each server.
    #[arg(long, default_value_t = 4, value_parser = between(1, 64))]
    pub(crate) connections: usize,
    /// Worker threads of each server.
    #[arg(long, default_value_t = 2, value_parser = between(1, 64))]
    pub(crate) workers: usize,
    /// How many clients the authorization server has stored in the lines with many of
    /// them; a million, or 20,000 in a quick run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    clients: Option<u64>,
    /// Where the databases are put; in the folder for temporary files otherwise.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
    /// Only the lines to compare with and those with this in their name; may be given again.
    #[arg(long)]
    only: Vec<String>,
    /// A command that runs each server, for example `valgrind --tool=callgrind`.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) under: Option<String>,
}

fn between(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

impl Plan {
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 5 } else { 15 })
    }

    fn calls(&self) -> usize {
        self.calls.unwrap_or(if self.quick { 1_000 } else { 6_000 })
    }

    /// Calls on each connection in one round.
    fn calls_each(&self, leg: &Leg) -> usize {
        (self.calls() / leg.thinned / self.connections).max(1)
    }

    /// How often the authorization server is driven.
    pub(crate) fn authorization_rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 })
    }

    /// Calls to the authorization server in each round.
    pub(crate) fn authorization_calls(&self) -> usize {
        self.calls.unwrap_or(if self.quick { 400 } else { 2_000 })
    }

    /// How many clients many are.
    pub(crate) fn clients(&self) -> u64 {
        let standard = if self.quick { 20_000 } else { 1_000_000 };
        self.clients.unwrap_or(standard)
    }

    /// Whether the line called `name` is to be measured.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }

    fn wants(&self, leg: &Leg) -> bool {
        let asked = |leg: &Leg| self.asks_for(leg.name);
        let is_beside = |one: &Leg| one.beside == Some(leg.name) && asked(one);
        let is_floor = leg.name == "floor" && LEGS.iter().any(asked);
        let about_access = |one: &Leg| one.is_about_access() && asked(one);
        let is_plain = [WARM, OFF].contains(&leg.name) && LEGS.iter().any(about_access);
        asked(leg) || is_floor || is_plain || LEGS.iter().any(is_beside)
    }

    /// A part of a name that no line has is a mistake.
    fn check(&self) -> Result<()> {
        for part in &self.only {
            let names: Vec<_> = LEGS
                .iter()
                .map(|leg| leg.name)
                .chain(authorization::names())
                .collect();
            if !names.iter().any(|name| name.contains(part.as_str())) {
                bail!(
                    "no line has `{part}` in its name; the lines are:\n{}",
                    names.join("\n")
                );
            }
        }
        Ok(())
    }
}

/// A leg with its server and what was measured of it.
struct Contender {
    leg: Leg,
    server: Server,
    cpu: Vec<f64>,
    latencies: Vec<Duration>,
    fault: Option<anyhow::Error>,
}

/// The algorithms that tokens are signed with here.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA];

/// The tokens of one round, in lists, one for each connection.
type Fresh = HashMap<Algorithm, Vec<Vec<String>>>;

/// Measures what `plan` says, and prints it.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    plan.check()?;
    let (lines, signatures, faults) = calls(plan)?;
    let report = Report {
        lines,
        signatures,
        authorization: authorization::run(plan)?,
        many_clients: plan.clients(),
    };
    report.print(plan.json)?;
    anyhow::ensure!(faults.is_empty(), "not measured:\n{}", faults.join("\n"));
    Ok(())
}

/// Measures `tools/call`: the lines, signatures alone, and what went wrong.
fn calls(plan: &Plan) -> Result<(Vec<Line>, Vec<Signature>, Vec<String>)> {
    if !LEGS.iter().any(|leg| plan.wants(leg)) {
        return Ok(Default::default());
    }
    let mut mints = HashMap::new();
    for algorithm in ALGORITHMS {
        mints.insert(algorithm, Mint::new(algorithm)?);
    }
    let mut contenders = start(plan, &mints)?;
    for round in 1..=plan.rounds() {
        tell(&format!("round {round} of {}", plan.rounds()));
        let mut fresh = Fresh::new();
        for contender in &mut contenders {
            if contender.fault.is_none() {
                contender.fault = contender.drive(plan, &mints, &mut fresh).err();
            }
        }
    }
    let mut signatures = Vec::new();
    for algorithm in ALGORITHMS {
        let time = Duration::from_millis(if plan.quick { 200 } else { 1_000 });
        let cost = signature::cost(mint(&mints, algorithm)?, time)?;
        signatures.push(Signature { algorithm, cost });
    }
    let lines = lines(&mut contenders)?;
    let faults: Vec<_> = contenders
        .iter()
        .filter_map(|contender| {
            let fault = contender.fault.as_ref()?;
            Some(format!("{}: {fault:#}", contender.leg.name))
        })
        .collect();
    Ok((lines, signatures, faults))
}

fn mint(mints: &HashMap<Algorithm, Mint>, algorithm: Algorithm) -> Result<&Mint> {
    mints.get(&algorithm).context("no such key")
}

fn start(plan: &Plan, mints: &HashMap<Algorithm, Mint>) -> Result<Vec<Contender>> {
    let wanted = LEGS.into_iter().filter(|leg| plan.wants(leg));
    wanted
        .map(|leg| {
            let pem = mint(mints, leg.tokens.algorithm())?.public_pem();
            Ok(Contender {
                leg,
                server: Server::start(plan.under.as_deref(), &arguments(plan, &leg, pem))?,
                cpu: Vec::new(),
                latencies: Vec::new(),
                fault: None,
            })
        })
        .collect()
}

fn lines(contenders: &mut [Contender]) -> Result<Vec<Line>> {
    let mut measured: HashMap<&str, Vec<f64>> = HashMap::new();
    for contender in contenders.iter().filter(|one| one.fault.is_none()) {
        measured.insert(contender.leg.name, contender.cpu.clone());
    }
    let floor = measured
        .get("floor")
        .context("the floor was not measured")?;
    let mut lines = Vec::new();
    for contender in contenders.iter_mut().filter(|one| one.fault.is_none()) {
        let latencies = std::mem::take(&mut contender.latencies);
        let memory = contender.server.memory()?;
        let line = Line::new(contender.leg.name, &contender.cpu, floor, latencies, memory);
        let beside = contender.leg.beside.and_then(|name| measured.get(name));
        let line = match beside {
            Some(floor) => line.beside(&contender.cpu, floor),
            None => line,
        };
        lines.push(match (measured.get(WARM), measured.get(OFF)) {
            (Some(warm), Some(off)) if contender.leg.is_about_access() => {
                line.access(&contender.cpu, warm, off)
            }
            _ => line,
        });
    }
    Ok(lines)
}

/// The command line of the server of `leg`.
fn arguments(plan: &Plan, leg: &Leg, pem: &str) -> Vec<String> {
    let mut arguments = vec![
        "serve".to_owned(),
        format!("--kind={}", leg.kind.name()),
        format!("--workers={}", plan.workers),
        format!("--public-key={pem}"),
    ];
    arguments.extend(request::trust());
    arguments.extend(leg.access.arguments());
    if let Some(folder) = &plan.folder {
        arguments.push(format!("--folder={}", folder.display()));
    }
    arguments
}

impl Contender {
    /// One round. Tokens that nobody saw before are the same for all servers.
    fn drive(
        &mut self,
        plan: &Plan,
        mints: &HashMap<Algorithm, Mint>,
        fresh: &mut Fresh,
    ) -> Result<()> {
        let mint = mint(mints, self.leg.tokens.algorithm())?;
        let calls = plan.calls_each(&self.leg);
        let warm = mint.token()?;
        let same;
        let tokens = match self.leg.tokens {
            Tokens::Warm(_) => {
                same = vec![vec![warm.clone()]; plan.connections];
                &same
            }
            Tokens::Cold(algorithm) => match fresh.entry(algorithm) {
                Entry::Occupied(tokens) => tokens.into_mut(),
                Entry::Vacant(none) => none.insert(mint.tokens(plan.connections, calls)?),
            },
        };
        let round = load::drive(&self.server, &self.leg, calls, &warm, tokens)?;
        self.cpu.push(round.cpu.as_secs_f64() * 1e6);
        self.latencies.extend(round.latencies);
        Ok(())
    }
}

/// Tells whoever waits how far it is, or what went wrong.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    // Nobody is there to be told if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
