//! The process that kills and proves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use countersign_store::{SqliteStore, points};
use testkit::random::SeededRandom;

use crate::Failure;
use crate::ledger::Ledger;

/// A database is used for so many rounds, so that comparing all of it stays quick.
const ROUNDS_PER_DATABASE: u64 = 20;

/// Kills `rounds` children, by turns at each named place and at random.
pub(crate) async fn run(rounds: u64, seed: u64) -> Result<(), Failure> {
    let begun = Instant::now();
    let random = SeededRandom::new(seed);
    let mut killed: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut acknowledged, mut done, mut undone, mut unharmed) = (0, 0, 0, 0);
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
        done += ledger.found_done;
        undone += ledger.found_undone;
    }
    println!(
        "{rounds} rounds in {:.0} s: {acknowledged} acknowledged calls are all there; of the \
         calls that were cut off, {done} are there wholly and {undone} not at all; {unharmed} \
         children ended by themselves",
        begun.elapsed().as_secs_f64()
    );
    for (place, times) in killed {
        println!("  killed at {place}: {times}");
    }
    Ok(())
}

/// When a child dies.
#[derive(Debug)]
struct Death {
    place: &'static str,
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
            _ => 1 + random.next_u64() % 40,
        };
        Self { place, times }
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
        .args([&life.to_string(), death.place, &death.times.to_string()])
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
