//! The process that kills and proves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use countersign_store::{SqliteStore, points};
use testkit::random::SeededRandom;

use crate::Failure;
use crate::child::{ANY, OPERATIONS};
use crate::ledger::{CutOff, Ledger};

/// A database is used for so many rounds, so that comparing all of it stays quick.
const ROUNDS_PER_DATABASE: u64 = 20;

/// Kills `rounds` children, by turns at each named place and at random.
pub(crate) async fn run(rounds: u64, seed: u64) -> Result<(), Failure> {
    let begun = Instant::now();
    let random = SeededRandom::new(seed);
    let mut killed: BTreeMap<&str, u64> = BTreeMap::new();
    let mut cut_off: BTreeMap<String, CutOff> = BTreeMap::new();
    let (mut acknowledged, mut unharmed) = (0, 0);
    let mut round = 0;
    while round < rounds {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("data").join("kills.db");
        let mut ledger = Ledger::default();
        for _ in 0..ROUNDS_PER_DATABASE.min(rounds - round) {
            let death = Death::choose(round, &random);
            let was_killed = live_and_die(&path, round, &death, &mut ledger)
                .map_err(|error| format!("round {round}, {death:?}: {error}"))?;
            if was_killed {
                *killed.entry(death.place).or_default() += 1;
            } else {
                unharmed += 1;
            }
            prove(&path, &mut ledger)
                .await
                .map_err(|error| format!("after round {round}, {death:?}: {error}"))?;
            round += 1;
        }
        acknowledged += ledger.acknowledged;
        for (operation, CutOff { done, undone }) in ledger.cut_off {
            let all = cut_off.entry(operation).or_default();
            all.done += done;
            all.undone += undone;
        }
    }
    println!(
        "{rounds} rounds in {:.0} s: {acknowledged} acknowledged calls are all there, and \
         nothing is half there; {unharmed} children ended by themselves",
        begun.elapsed().as_secs_f64()
    );
    for (operation, CutOff { done, undone }) in cut_off {
        println!("  cut off during {operation}: {done} are there wholly, {undone} not at all");
    }
    for (place, times) in killed {
        println!("  killed at {place}: {times}");
    }
    Ok(())
}

/// When a child dies.
#[derive(Debug)]
struct Death {
    place: &'static str,
    /// What must be under way then.
    operation: &'static str,
    /// After how many times at the place, or lines of the child.
    times: u64,
}

/// The place that is none: the parent kills.
const ANYWHERE: &str = "anywhere";

impl Death {
    fn choose(round: u64, random: &SeededRandom) -> Self {
        let places = points::ALL;
        // A new database begins with its migration, and every other child dies
        // anywhere.
        let place = if round.is_multiple_of(ROUNDS_PER_DATABASE) && round.is_multiple_of(3) {
            "migrate:step"
        } else if round.is_multiple_of(2) {
            ANYWHERE
        } else {
            let place = usize::try_from(round / 2).unwrap_or(0) % (places.len() - 1);
            places.get(place + 1).copied().unwrap_or(ANYWHERE)
        };
        let times = match place {
            "migrate:step" => 1,
            ANYWHERE => 1 + random.next_u64() % 600,
            _ => 1 + random.next_u64() % 20,
        };
        let turn = usize::try_from(round / 2).unwrap_or(0) % OPERATIONS.len();
        let operation = match place {
            "migrate:step" | ANYWHERE => ANY,
            _ => OPERATIONS.get(turn).copied().unwrap_or(ANY),
        };
        Self {
            place,
            operation,
            times,
        }
    }
}

/// Runs a child to its death and enters what it says; true if it was killed.
fn live_and_die(
    path: &Path,
    life: u64,
    death: &Death,
    ledger: &mut Ledger,
) -> Result<bool, Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("child")
        .arg(path)
        .args([&life.to_string(), death.place, death.operation])
        .arg(death.times.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("the output is piped")?;
    for (number, line) in (1..).zip(BufReader::new(out).lines()) {
        // A line that was cut off was never finished, like the call it is about.
        ledger.take(&line?)?;
        if death.place == ANYWHERE && number == death.times {
            child.kill()?;
        }
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(false);
    }
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(9) => Ok(true),
        _ => Err(format!("the child failed by itself: {status}").into()),
    }
}

/// Opens what the child left, and compares.
async fn prove(path: &Path, ledger: &mut Ledger) -> Result<(), Failure> {
    let store = SqliteStore::open(path).await?;
    store.check_integrity().await?;
    ledger.settle(&store).await?;
    store.close().await;
    Ok(())
}
