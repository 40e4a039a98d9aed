//! Two clients that refresh one token.

use crate::place::Place;
use crate::{Outcome, say};

pub(crate) async fn run(count: u64) -> Outcome {
    let place = Place::open("strict").await?;
    if !place.does("log in").await? {
        return Err("nobody could log in".into());
    }
    let before = place.relay.tokens();
    let action = format!("refresh {}", count.div_ceil(2));
    let mut clients = [place.client(&action)?, place.client(&action)?];
    for client in &mut clients {
        if !client.wait().await?.success() {
            return Err("a client was logged out".into());
        }
    }
    let refreshed = place.relay.tokens().saturating_sub(before);
    say(&format!("refreshed by two: {refreshed}"));
    if refreshed < count {
        return Err("it was refreshed less often".into());
    }
    // A token that was used twice would have ended all of them.
    match place.does("refresh 1").await? {
        true => Ok(()),
        false => Err("a token was lost".into()),
    }
}
