//! Races on SQLite, round after round: `cargo xtask races`.
//!
//! Each round of the first kind lets 64 calls redeem one code; each of the second lets
//! 63 refresh with one token while one revokes its grant. In every eighth round the
//! calls go through two stores that share the file, as two processes would. In the end
//! one store writes all the time while the other wants to write as well.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use countersign_store::contract::{self, STANDARD_NOW};
use countersign_store::{Key, Record, SqliteStore, Store};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut rounds = 10_000;
    let mut folder: Option<PathBuf> = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--rounds", Some(value)) => rounds = value.parse()?,
            ("--folder", Some(value)) => folder = Some(value.into()),
            _ => return Err("usage: races [--rounds N] [--folder FOLDER]".into()),
        }
    }
    let temporary = tempfile::tempdir()?;
    let folder = folder.unwrap_or_else(|| temporary.path().join("data"));
    let path = folder.join("races.db");
    let first = Arc::new(SqliteStore::open(&path).await?);
    let second = Arc::new(SqliteStore::open(&path).await?);
    let alone: Vec<Arc<dyn Store>> = vec![Arc::clone(&first) as Arc<dyn Store>];
    let both: Vec<Arc<dyn Store>> = vec![Arc::clone(&first) as _, Arc::clone(&second) as _];
    let stores = |round: u64| if round % 8 == 7 { &both } else { &alone };

    let begun = Instant::now();
    for round in 0..rounds {
        contract::races::redemptions(stores(round), round).await?;
    }
    report("64 redemptions of one code, one winner each", rounds, begun);

    let begun = Instant::now();
    let mut refreshed = 0;
    for round in 0..rounds {
        refreshed += u64::from(contract::races::revocations(stores(round), round).await?);
    }
    report(
        "63 refreshes against a revocation, nothing alive",
        rounds,
        begun,
    );
    println!("a refresh came before the revocation in {refreshed} of {rounds} rounds");

    share_the_lock(&first, &second).await?;
    figures(&first).await?;
    first.check_integrity().await?;
    first.close().await;
    second.close().await;
    Ok(())
}

fn report(what: &str, rounds: u64, begun: Instant) {
    let elapsed = begun.elapsed();
    println!(
        "{rounds} rounds of {what}: {:.1} s, {:.2} ms a round",
        elapsed.as_secs_f64(),
        elapsed.as_secs_f64() * 1000.0 / rounds as f64
    );
}

/// How long a call waits in the worst case beside 64 that never stop. None may fail:
/// the lock is for all who share the file.
async fn share_the_lock(greedy: &Arc<SqliteStore>, modest: &SqliteStore) -> Result<(), Failure> {
    const CALLS: u32 = 500;
    let mut others = tokio::task::JoinSet::new();
    for worker in 0..64 {
        let store = Arc::clone(greedy);
        others.spawn(async move {
            for number in 0.. {
                redeem_one(&store, &format!("greedy {worker}"), number)
                    .await
                    .map_err(|error| error.to_string())?;
            }
            Ok::<(), String>(())
        });
    }
    let mut slowest = 0;
    for number in 0..CALLS {
        let begun = Instant::now();
        redeem_one(modest, "modest", number).await?;
        slowest = slowest.max(begun.elapsed().as_millis());
    }
    if let Some(ended) = others.try_join_next() {
        return Err(format!("a store that shares the lock fails: {ended:?}").into());
    }
    others.shutdown().await;
    println!(
        "{CALLS} insertions and redemptions beside a store that writes all the time: the \
         slowest took {slowest} ms"
    );
    Ok(())
}

/// What one call costs, alone and with 64 at a time.
async fn figures(store: &Arc<SqliteStore>) -> Result<(), Failure> {
    const CALLS: u32 = 2_000;
    let begun = Instant::now();
    for number in 0..CALLS {
        redeem_one(store, "alone", number).await?;
    }
    let alone = begun.elapsed().as_micros() / u128::from(CALLS);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|worker| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in 0..CALLS / 32 {
                    redeem_one(&store, &format!("worker {worker}"), number)
                        .await
                        .map_err(|error| error.to_string())?;
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let calls = f64::from(2 * CALLS);
    println!(
        "an insertion and a redemption: {alone} µs alone, {:.0} pairs a second with 64 at a time",
        calls / begun.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn redeem_one(store: &SqliteStore, name: &str, number: u32) -> Result<(), Failure> {
    let secret = contract::hash(&format!("figures {name} {number}"));
    let key = Key::one_time_link(secret);
    store
        .insert(Record::new(key.clone(), STANDARD_NOW), STANDARD_NOW)
        .await?;
    store.redeem(&key, Vec::new(), None, STANDARD_NOW).await?;
    Ok(())
}
