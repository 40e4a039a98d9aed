//! The standing checks after a refused row.
//!
//! S1, a process that lives on, is the test itself; S7 is for the tests that have
//! something to fetch; S8 is `repeats.rs`.

use countersign_authorization_server::store::{Index, Kind};

use super::Asked;
use crate::fixture::*;

/// A world as it was before a row, and what was valid in it.
pub(crate) struct Standing<'a> {
    world: &'a World,
    /// Tokens that were issued before.
    valid: (String, String),
    records: Vec<u64>,
    events: usize,
}

impl<'a> Standing<'a> {
    pub(crate) async fn of(world: &'a World) -> Self {
        let valid = world.tokens().await;
        let mut standing = Self {
            world,
            valid,
            records: Vec::new(),
            events: 0,
        };
        standing.look().await;
        standing
    }

    /// Takes what is there now as what was there before.
    pub(crate) async fn look(&mut self) {
        self.records = records(self.world).await;
        self.events = self.world.events.0.lock().unwrap().len();
    }

    /// S2 to S6 after `attack` was answered with `seen`.
    pub(crate) async fn holds(&mut self, row: &str, attack: &str, seen: &Seen) {
        // S4: one event, and it names no secret (S5).
        let events = self.world.events.0.lock().unwrap()[self.events..].to_vec();
        assert_eq!(events.len(), 1, "{row}: {attack:.99}: {events:?}");
        let location = seen.header("location").unwrap_or_default();
        let events = events.join("\n");
        for text in [&events, &seen.body, location] {
            for secret in [SECRET, VERIFIER, &self.valid.0, &self.valid.1] {
                assert!(!text.contains(secret), "{row}: {text}");
            }
        }
        // S6: short, and without the attack.
        assert!(seen.body.len() < 8 * 1024, "{row}");
        let is_telling = attack.len() > 3 || attack.contains(['<', '"', '&']);
        assert!(
            !is_telling || !seen.body.contains(attack),
            "{row}: {attack}"
        );
        // S3: nothing was stored, and what was valid is.
        assert_eq!(
            records(self.world).await,
            self.records,
            "{row}: {attack:.99}"
        );
        assert!(self.world.is_active(&self.valid.0).await, "{row}");
        // S2: a good request of the same client succeeds.
        let code = Asked::good().get(self.world).await.redirect()["code"].clone();
        tokens_of(&self.world.redeem(&code, &[]).await);
        self.look().await;
    }
}

/// How many live records of each kind there are.
async fn records(world: &World) -> Vec<u64> {
    let mut counts = Vec::new();
    for kind in Kind::ALL {
        let (index, now) = (Index::Kind(*kind), world.clock.now());
        counts.push(world.store.count(&index, u64::MAX, now).await.unwrap());
    }
    counts
}
