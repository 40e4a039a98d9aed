//! Clients that die while they refresh.

use std::time::Duration;

use countersign::oauth_client::TokenType;
use countersign::oauth_client::oauth::Lifetime;

use crate::place::Place;
use crate::relay::Moment;
use crate::{Outcome, say};

/// An access token has ended then.
const LATER: Lifetime = Lifetime::from_hours(2);

/// What was counted at a server.
#[derive(Default)]
struct Counted {
    /// The client had not kept the new token.
    before: u64,
    /// It had.
    after: u64,
    /// The longest time that the next one stayed away, in seconds.
    away: u64,
}

pub(crate) async fn run(rounds: u64) -> Outcome {
    for kind in ["bound", "bearer"] {
        let counted = at(kind, rounds.div_ceil(2)).await?;
        let Counted {
            before,
            after,
            away,
        } = counted;
        say(&format!("{kind}, killed: {}", before + after));
        say(&format!(
            "{kind}, killed before the new token was kept: {before}"
        ));
        say(&format!("{kind}, killed after it was kept: {after}"));
        say(&format!("{kind}, longest time away in seconds: {away}"));
    }
    say("logged out: 0");
    Ok(())
}

async fn at(kind: &str, rounds: u64) -> Outcome<Counted> {
    let mut place = Place::open(kind).await?;
    if !place.does("log in").await? {
        return Err("nobody could log in".into());
    }
    let mut counted = Counted::default();
    for round in 0..rounds {
        let old = place.tokens().await?.ok_or("the tokens are gone")?;
        place.advance(LATER)?;
        let moment = moment(round);
        place.relay.plan("POST /token ", moment);
        let mut client = place.client("call")?;
        place.relay.wait_for_moment().await?;
        // On Unix this is SIGKILL.
        client.kill().await?;
        let kept = place.tokens().await?;
        let kept = kept.ok_or_else(|| format!("round {round}, {moment:?}: nothing is kept"))?;
        if (kept.token_type == TokenType::Dpop) != (kind == "bound") {
            return Err(format!("the tokens are {} tokens", kept.token_type.as_str()).into());
        }
        match kept.refresh_token == old.refresh_token {
            true => counted.before += 1,
            false => counted.after += 1,
        }
        let away = absence(kind, moment, round);
        counted.away = counted.away.max(away.as_secs());
        place.advance(away)?;
        if !place.does("call").await? {
            let away = away.as_secs();
            let round = format!("{kind}, round {round}, {moment:?}, back after {away} s");
            return Err(format!("{round}: logged out").into());
        }
    }
    Ok(counted)
}

/// From before the request is read to some milliseconds after the answer.
fn moment(round: u64) -> Moment {
    let pause = |longest: u64| Duration::from_micros(round.wrapping_mul(7_919) % longest);
    match round % 4 {
        0 => Moment::BeforeRequest,
        1 => Moment::BeforeAnswer,
        2 => Moment::AfterAnswer(pause(30_000)),
        _ => Moment::AfterRequest(pause(40_000)),
    }
}

/// How long the next client stays away: with bearer tokens no longer than the grace of ten
/// seconds, else up to the time in which an idle refresh token ends, which is thirty days.
fn absence(kind: &str, moment: Moment, round: u64) -> Lifetime {
    if kind == "bearer" {
        return Lifetime::from_secs(round % 10);
    }
    // The server may be in the middle of the answer, and what it issues lives for an hour from
    // its beginning on: more must not go by meanwhile.
    if matches!(moment, Moment::AfterRequest(_)) {
        return Lifetime::from_secs(10 + round.wrapping_mul(97) % 3_000);
    }
    match round % 5 {
        0 => Lifetime::from_secs(10),
        1 => Lifetime::from_mins(1 + round % 60),
        2 => Lifetime::from_hours(1 + round % 24),
        3 => Lifetime::from_hours(24 * (1 + round % 28)),
        _ => Lifetime::from_hours(24 * 29),
    }
}
