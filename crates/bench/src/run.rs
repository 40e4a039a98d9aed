//! A whole run: servers up, rounds in turn, figures out.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use countersign::oauth::jose::Algorithm;

use crate::child::Server;
use crate::leg::{LEGS, Leg, Tokens};
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
    #[arg(long)]
    rounds: Option<usize>,
    /// Calls to each server in each round.
    #[arg(long)]
    calls: Option<usize>,
    /// Keep-alive connections to each server.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Worker threads of each server.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Only the floor and the lines with this in their name; may be given again.
    #[arg(long)]
    only: Vec<String>,
    /// A command that runs each server, for example `valgrind --tool=callgrind`.
    #[arg(long, value_name = "COMMAND")]
    under: Option<String>,
}

impl Plan {
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 7 }).max(1)
    }

    fn calls(&self) -> usize {
        self.calls
            .unwrap_or(if self.quick { 2_000 } else { 20_000 })
    }

    fn connections(&self) -> usize {
        self.connections.clamp(1, 64)
    }

    fn wants(&self, leg: &Leg) -> bool {
        self.only.is_empty()
            || leg.name == "floor"
            || self.only.iter().any(|part| leg.name.contains(part))
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

/// Measures what `plan` says, and prints it.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let mut mints = HashMap::new();
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        mints.insert(algorithm, Mint::new(algorithm)?);
    }
    let mint = |algorithm| mints.get(&algorithm).context("no such key");
    let mut contenders = Vec::new();
    for leg in LEGS.into_iter().filter(|leg| plan.wants(leg)) {
        let pem = mint(leg.tokens.algorithm())?.public_pem();
        contenders.push(Contender {
            leg,
            server: Server::start(plan.under.as_deref(), &arguments(plan, &leg, pem))?,
            cpu: Vec::new(),
            latencies: Vec::new(),
            fault: None,
        });
    }
    for round in 1..=plan.rounds() {
        eprint(&format!("round {round} of {}", plan.rounds()));
        for contender in &mut contenders {
            let mint = mint(contender.leg.tokens.algorithm())?;
            if contender.fault.is_none() {
                contender.fault = contender.drive(plan, mint).err();
            }
        }
    }
    let mut signatures = Vec::new();
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        let time = Duration::from_millis(if plan.quick { 200 } else { 1_000 });
        let cost = signature::cost(algorithm, mint(algorithm)?, time)?;
        signatures.push(Signature { algorithm, cost });
    }
    let mut floor = Vec::new();
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    for contender in contenders {
        if let Some(fault) = contender.fault {
            faults.push(format!("{}: {fault:#}", contender.leg.name));
            continue;
        }
        if floor.is_empty() {
            floor.clone_from(&contender.cpu);
        }
        let memory = contender.server.memory()?;
        lines.push(Line::new(
            contender.leg.name,
            &contender.cpu,
            &floor,
            contender.latencies,
            memory,
        ));
    }
    Report { lines, signatures }.print(plan.json)?;
    anyhow::ensure!(faults.is_empty(), "not measured:\n{}", faults.join("\n"));
    Ok(())
}

/// The command line of the server of `leg`.
fn arguments(plan: &Plan, leg: &Leg, pem: &str) -> Vec<String> {
    let mut arguments = vec![
        "serve".to_owned(),
        format!("--kind={}", leg.kind.name()),
        format!("--workers={}", plan.workers.max(1)),
        format!("--public-key={pem}"),
    ];
    arguments.extend(request::trust());
    arguments
}

impl Contender {
    /// One round.
    fn drive(&mut self, plan: &Plan, mint: &Mint) -> Result<()> {
        let connections = plan.connections();
        let calls = (plan.calls() / self.leg.thinned / connections).max(1);
        let each = match self.leg.tokens {
            Tokens::Warm(_) => 1,
            Tokens::Cold(_) => calls,
        };
        let warm = mint.token()?;
        let mut tokens = Vec::with_capacity(connections);
        for _ in 0..connections {
            tokens.push(match self.leg.tokens {
                Tokens::Warm(_) => vec![warm.clone()],
                Tokens::Cold(_) => (0..each).map(|_| mint.token()).collect::<Result<_>>()?,
            });
        }
        let round = load::drive(&self.server, &self.leg, calls, &warm, &tokens)?;
        self.cpu.push(round.cpu.as_secs_f64() * 1e6);
        self.latencies.extend(round.latencies);
        Ok(())
    }
}

/// Tells whoever waits how far it is.
fn eprint(text: &str) {
    use std::io::Write;
    // Nobody is there to be told if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
