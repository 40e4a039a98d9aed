//! Kills a process that writes, and proves what is left: `cargo xtask kills`.
//!
//! The child does what the authorization server does, several calls at a time, and says
//! before each call what it will change and after it that the call was acknowledged. It
//! is killed with SIGKILL at a named place inside a transaction or after a random
//! number of lines. Then the parent opens the database and compares: what was
//! acknowledged is there, what was not is there wholly or not at all, no code was
//! redeemed twice, and no revoked token lives.
//!
//! `kills share` is one of several processes that race for the same codes; a test runs
//! it.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

mod child;
mod ledger;
mod parent;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: kills [--rounds N] [--seed N]";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match arguments.as_slice() {
        ["child", path, life, place, operation, times] => runtime.block_on(child::run(
            path.into(),
            life.parse()?,
            place,
            operation,
            times.parse()?,
        )),
        ["share", path, codes] => runtime.block_on(child::share(path.into(), codes.parse()?)),
        options => {
            let (mut rounds, mut seed) = (1000, 1);
            for option in options.chunks(2) {
                match option {
                    ["--rounds", value] => rounds = value.parse()?,
                    ["--seed", value] => seed = value.parse()?,
                    _ => return Err(USAGE.into()),
                }
            }
            runtime.block_on(parent::run(rounds, seed))
        }
    }
}
