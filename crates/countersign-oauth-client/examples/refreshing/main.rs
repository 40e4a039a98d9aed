//! Processes that refresh one token at the same time, and processes that are killed while
//! they do. Each has an [`OAuth`](countersign_oauth_client::OAuth) over one folder. The
//! authorization server that they ask gives each refresh token out once and notices who
//! uses one twice, as RFC 9700 §4.14.2 demands.
//!
//! - `refreshing --race N`: two processes refresh N times together, or once more.
//! - `refreshing --rounds N`: N processes are killed, one after another, each at another
//!   moment of a refresh.
//!
//! It says what it counted, and fails if a person would have been logged out.

mod endpoint;
mod worker;

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign_oauth_client::{FileStore, StoredTokens, TokenStore};

use endpoint::{Endpoint, LostAnswers, Moment};

/// What a part of this answers.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--race", count] => race(count.parse()?),
        ["--rounds", rounds] => kills(rounds.parse()?),
        ["worker", folder, origin, until] => worker::run(folder.as_ref(), origin, until.parse()?),
        _ => Err("usage: refreshing --race N | --rounds N".into()),
    }
}

fn race(count: u64) -> Outcome {
    let folder = tempfile::tempdir()?;
    let endpoint = Endpoint::start(LostAnswers::Lost)?;
    let store = FileStore::new(folder.path().join("tokens"));
    let origin = endpoint.origin();
    worker::block_on(worker::put(&store, &origin, &endpoint.first()))??;
    let mut workers = [
        start(folder.path(), &origin, count)?,
        start(folder.path(), &origin, count)?,
    ];
    for worker in &mut workers {
        if !worker.wait()?.success() {
            return Err("a process failed".into());
        }
    }
    let kept = tokens(&store, &origin)?;
    say(&format!("refreshed: {}", endpoint.rotations()));
    say(&format!("used twice: {}", endpoint.reuses()));
    if endpoint.reuses() > 0 || endpoint.rotations() < count || !endpoint.is_current(&kept) {
        return Err("a token was lost".into());
    }
    Ok(())
}

fn kills(rounds: u64) -> Outcome {
    let folder = tempfile::tempdir()?;
    let endpoint = Endpoint::start(LostAnswers::ToldAgain)?;
    let store = FileStore::new(folder.path().join("tokens"));
    let origin = endpoint.origin();
    worker::block_on(worker::put(&store, &origin, &endpoint.first()))??;
    let (mut kept_old, mut kept_new) = (0, 0);
    for round in 0..rounds {
        // From before the request is read to some milliseconds after the answer.
        let moment = match round % 4 {
            0 => Moment::BeforeRotation,
            1 => Moment::BeforeAnswer,
            _ => Moment::AfterAnswer(Duration::from_micros(round * 7_919 % 6_000)),
        };
        endpoint.tell_at(moment);
        let mut worker = start(folder.path(), &origin, u64::MAX)?;
        endpoint.wait_for_moment()?;
        // On Unix this is SIGKILL.
        worker.kill()?;
        worker.wait()?;
        if endpoint.is_current(&tokens(&store, &origin)?) {
            kept_new += 1;
        } else {
            kept_old += 1;
        }
        // Whoever comes next is not logged out.
        let mut next = start(folder.path(), &origin, 1)?;
        if !next.wait()?.success() || endpoint.reuses() > 0 {
            return Err(format!("round {round}: logged out after {moment:?}").into());
        }
    }
    say(&format!("killed: {rounds}"));
    say(&format!("killed before the new token was kept: {kept_old}"));
    say(&format!("killed after it was kept: {kept_new}"));
    say(&format!("used twice: {}", endpoint.reuses()));
    Ok(())
}

/// What a killed process left. What cannot be read would be a person logged out.
fn tokens(store: &FileStore, origin: &str) -> Outcome<StoredTokens> {
    let kept = worker::block_on(store.tokens(&worker::key(origin)?))??;
    kept.ok_or_else(|| "the tokens are gone".into())
}

/// Refreshes until there is a token of the number `until`.
fn start(folder: &std::path::Path, origin: &str, until: u64) -> Outcome<Child> {
    Ok(Command::new(std::env::current_exe()?)
        .arg("worker")
        .arg(folder.join("tokens"))
        .args([origin, &until.to_string()])
        .stdin(Stdio::null())
        .spawn()?)
}

#[expect(
    clippy::print_stdout,
    reason = "what was counted is what it is run for"
)]
fn say(line: &str) {
    println!("{line}");
}
