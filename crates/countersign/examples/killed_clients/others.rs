//! Clients that die while they do something else than refresh.

use std::time::Duration;

use crate::place::Place;
use crate::relay::Moment;
use crate::{Outcome, say};

/// What a client does, the request in which it dies, and whether somebody was logged in
/// before.
const DEATHS: [(&str, &str, bool); 8] = [
    ("log in", "POST /register ", false),
    ("log in", "GET /authorize?", false),
    ("log in", "POST /token ", false),
    ("log in", "POST /token ", true),
    ("change", "GET /authorize?", true),
    ("change", "POST /token ", true),
    ("log out", "POST /revoke ", true),
    ("log out", "GET /.well-known/", true),
];

/// What was counted of one action.
#[derive(Default)]
struct Counted {
    nobody: u64,
    somebody: u64,
}

pub(crate) async fn run(rounds: u64) -> Outcome {
    let mut counted: [Counted; DEATHS.len()] = Default::default();
    for round in 0..rounds {
        let kinds = DEATHS.iter().zip(&mut counted);
        let number = usize::try_from(round)? % DEATHS.len();
        let Some((death, counted)) = kinds.into_iter().nth(number) else {
            continue;
        };
        let turn = round / DEATHS.len() as u64;
        let is_somebody = die(*death, moment(turn))
            .await
            .map_err(|error| format!("round {round}, {death:?}, {:?}: {error}", moment(turn)))?;
        match is_somebody {
            true => counted.somebody += 1,
            false => counted.nobody += 1,
        }
    }
    for ((action, request, was_somebody), counted) in DEATHS.iter().zip(&counted) {
        let before = if *was_somebody { "somebody" } else { "nobody" };
        let Counted { nobody, somebody } = counted;
        say(&format!(
            "{action}, {}, {before} before: {somebody} are logged in, {nobody} are not",
            request.trim_end_matches([' ', '?'])
        ));
    }
    Ok(())
}

/// Kills one client, and answers whether somebody is logged in then.
async fn die(
    (action, request, was_somebody): (&str, &'static str, bool),
    moment: Moment,
) -> Outcome<bool> {
    let mut place = Place::open("bound").await?;
    if was_somebody && !place.does("log in").await? {
        return Err("nobody could log in".into());
    }
    place.relay.plan(request, moment);
    let mut client = place.client(action)?;
    place.relay.wait_for_moment().await?;
    client.kill().await?;
    let is_somebody = place.tokens().await?.is_some();
    let is_usable = match (is_somebody, action) {
        // The server may have taken back what is kept.
        (true, "log out") => true,
        // What is kept is good, also what was there before.
        (true, _) => place.does("call").await?,
        (false, "log out") => place.fails_to("call").await?,
        // Nobody is logged in by half.
        (false, _) => !was_somebody && place.fails_to("call").await?,
    };
    if !is_usable {
        return Err("what is kept cannot be used".into());
    }
    let next = if action == "change" {
        "change"
    } else {
        "log in"
    };
    // Also after a second attempt to log out.
    if action == "log out" {
        let gone = place.does("log out").await? && place.tokens().await?.is_none();
        if !gone {
            return Err("who logs out again is logged in still".into());
        }
    }
    match place.does(next).await? && place.does("call").await? {
        true => Ok(is_somebody),
        false => Err(format!("{next} is not possible any more").into()),
    }
}

fn moment(turn: u64) -> Moment {
    let pause = |longest: u64| Duration::from_micros(turn.wrapping_mul(7_919) % longest);
    match turn % 4 {
        0 => Moment::BeforeAnswer,
        1 => Moment::AfterAnswer(pause(30_000)),
        2 => Moment::AfterRequest(pause(60_000)),
        _ => Moment::BeforeRequest,
    }
}
