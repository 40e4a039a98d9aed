//! Clients that are killed in the middle of what they do, and clients that refresh one token
//! at the same time: our client in processes of its own, at our server in another, over
//! HTTP. On the way between them is who kills, at a chosen moment of a request or anywhere
//! after its beginning.
//!
//! - `killed_clients --race N`: two processes refresh a token N times together, at a server
//!   without any grace, which takes each second use for theft.
//! - `killed_clients --rounds N`: N clients die while they refresh, by turns with tokens that
//!   are bound to a key, and with bearer tokens. The next one comes days later, or within the
//!   grace of the server.
//! - `killed_clients --others N`: as many die while they register, log in, get more scopes or
//!   log out.
//!
//! It says what it counted, and fails if a person would have been logged out, or if a store
//! is left that cannot be used.

mod others;
mod place;
mod race;
mod refreshes;
mod relay;
mod server;
mod worker;

use std::error::Error;

/// What a part of this answers.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match words.as_slice() {
        ["--race", count] => runtime.block_on(race::run(count.parse()?)),
        ["--rounds", rounds] => runtime.block_on(refreshes::run(rounds.parse()?)),
        ["--others", rounds] => runtime.block_on(others::run(rounds.parse()?)),
        ["server", folder, origin, kind] => {
            runtime.block_on(server::run(folder.as_ref(), origin, kind))
        }
        ["worker", folder, origin, action] => {
            runtime.block_on(worker::run(folder.as_ref(), origin, action))
        }
        _ => Err("usage: killed_clients --race N | --rounds N | --others N".into()),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "what was counted is what it is run for"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
