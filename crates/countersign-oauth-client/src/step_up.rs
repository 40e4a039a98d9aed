//! How often a person is asked for one thing: RFC 6750 §3.1, with the limit of MCP.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_oauth::{Lifetime, ScopeSet, UnixTime};

/// So often a person is asked on behalf of one operation.
pub const MAX_ROUNDS: u32 = 3;

/// After so long without a round the count begins again.
const FORGOTTEN_AFTER: Lifetime = Lifetime::from_mins(10);

/// So many operations are counted; beyond that the oldest are forgotten.
const MOST: usize = 256;

/// Counts rounds for each operation at one resource.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Mutex<HashMap<String, Round>>);

#[derive(Clone, Debug)]
struct Round {
    count: u32,
    last: UnixTime,
    asked: ScopeSet,
}

impl Rounds {
    /// Whether a person may be asked for `scopes` on behalf of `operation` at `now`; if
    /// so, it counts. To ask for the same once more would change nothing.
    pub(crate) fn begin(&self, operation: &str, scopes: &ScopeSet, now: UnixTime) -> bool {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.retain(|_, round| now.since(round.last) < FORGOTTEN_AFTER);
        if rounds.len() >= MOST && !rounds.contains_key(operation) {
            let oldest = rounds.iter().min_by_key(|(_, round)| round.last);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                rounds.remove(&name);
            }
        }
        let round = rounds.entry(operation.to_owned()).or_insert_with(|| Round {
            count: 0,
            last: now,
            asked: ScopeSet::new(),
        });
        if round.count >= MAX_ROUNDS {
            return false;
        }
        round.count += 1;
        round.last = now;
        round.asked = scopes.clone();
        true
    }

    /// Whether the last round of `operation` asked for all of `scopes` already.
    pub(crate) fn has_asked(&self, operation: &str, scopes: &ScopeSet) -> bool {
        let rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let round = rounds.get(operation);
        round.is_some_and(|round| round.asked.is_superset(scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i11_cl_29_an_operation_has_three_rounds_and_others_have_their_own() {
        let rounds = Rounds::default();
        let now = UnixTime::from_secs(1_000);
        let scopes = ScopeSet::parse("a").unwrap();
        for _ in 0..3 {
            assert!(rounds.begin("tools/call x", &scopes, now));
        }
        assert!(!rounds.begin("tools/call x", &scopes, now));
        assert!(rounds.begin("tools/call y", &scopes, now));
        let later = now.saturating_add(Lifetime::from_mins(10));
        assert!(rounds.begin("tools/call x", &scopes, later));
    }

    #[test]
    fn i11_the_count_is_bounded_whatever_operations_are_called() {
        let rounds = Rounds::default();
        let scopes = ScopeSet::new();
        for number in 0..1_000 {
            let now = UnixTime::from_secs(number / 10);
            rounds.begin(&format!("tools/call {number}"), &scopes, now);
        }
        assert!(rounds.0.lock().unwrap().len() <= MOST);
    }
}
