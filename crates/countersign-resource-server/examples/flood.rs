//! Ten million users with one request each, and a few who ask all the time: how much
//! memory limits take, whether a flood frees anybody, and what a limit costs.
//!
//! `cargo xtask flood` runs it. It says `bounded` at the end, or fails.
#![expect(
    clippy::print_stdout,
    reason = "what it finds out is for whoever started it"
)]

use std::time::Instant;

use countersign_resource_server::limit::{Limits, Quota};
use countersign_resource_server::{AccessToken, Assertion, Caller, ConfigurationError};

const USERS: u32 = 10_000_000;
const OFFENDERS: u32 = 1_000;

fn caller(name: &str, number: u32) -> Caller {
    let token = Assertion::new("https://as.example", format!("{name}-{number}"));
    Caller::authenticated(AccessToken::assertion(token))
}

/// What the process has of the machine's memory, in MiB; zero where nobody says.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let mut words = line.unwrap_or_default().split_whitespace();
    let kib: u64 = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    kib / 1024
}

fn main() -> Result<(), ConfigurationError> {
    let limiter = Limits::none().per_user(Quota::per_hour(100)).build()?;
    let offenders: Vec<Caller> = (0..OFFENDERS).map(|n| caller("offender", n)).collect();
    let mut excess = 0_u32;
    for offender in &offenders {
        for _ in 0..100 {
            excess += u32::from(limiter.charge(offender, None).is_err());
        }
    }
    let before = resident();
    let began = Instant::now();
    let (mut served, mut sent, mut freed) = (0_u32, 0_u32, 0_u32);
    let mut active = offenders.iter().cycle();
    for number in 0..USERS {
        served += u32::from(limiter.charge(&caller("user", number), None).is_ok());
        if number.is_multiple_of(100)
            && let Some(offender) = active.next()
        {
            sent += 1;
            freed += u32::from(limiter.charge(offender, None).is_ok());
        }
    }
    let flood = began.elapsed();
    let after = resident();
    // In 36 seconds one request comes back.
    let came_back = u32::try_from(flood.as_secs() / 36 + 1).unwrap_or(u32::MAX);
    let is_bounded = after <= before + 8 && freed <= OFFENDERS.saturating_mul(came_back);

    let warm = Limits::none()
        .per_user(Quota::per_second(u32::MAX))
        .build()?;
    let ada = caller("ada", 0);
    let began = Instant::now();
    let rounds = 2_000_000_u32;
    let passed = (0..rounds)
        .filter(|_| warm.charge(&ada, None).is_ok())
        .count();
    let each = began.elapsed() / rounds;
    println!(
        "{USERS} users sent a request each in {flood:.1?} and {served} of them were served, while \
         memory went from {before} to {after} MiB and {freed} of {sent} requests of {OFFENDERS} \
         users over their limit were let through; a limit costs {each:.0?} a request, by {passed} \
         requests of one user."
    );
    match (is_bounded, excess) {
        (true, 0) => println!("bounded"),
        _ => return Err(ConfigurationError::new("the flood was not withstood")),
    }
    Ok(())
}
