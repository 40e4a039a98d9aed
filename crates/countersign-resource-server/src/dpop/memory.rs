//! Proofs that were used: RFC 9449 §11.1. Bounded in time and in number.
//!
//! What does not fit any more is not forgotten silently: from then on nothing that could be
//! one of the forgotten ones counts, and clients are told to take a newer nonce.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_oauth::{Lifetime, UnixTime};

/// How many proofs are remembered: at 40 bytes each, some megabytes.
const PLACES: usize = 100_000;

pub(super) struct ProofMemory {
    places: usize,
    /// How long a proof could be used if it were not remembered.
    kept: Lifetime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the second from which they count.
    seen: BTreeMap<UnixTime, HashSet<[u8; 32]>>,
    count: usize,
    /// What counts from then or earlier may have been forgotten.
    forgotten: Option<UnixTime>,
}

impl fmt::Debug for ProofMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofMemory").finish_non_exhaustive()
    }
}

impl ProofMemory {
    /// Remembers each proof for `kept` after the time from which it counts, and on both sides
    /// of it, because clocks differ. Nothing is known about those of `forgotten` and before.
    pub(super) fn new(kept: Lifetime, forgotten: Option<UnixTime>) -> Self {
        Self {
            places: PLACES,
            kept,
            state: Mutex::new(State {
                forgotten,
                ..State::default()
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a proof that counts from `since` may have come and be forgotten.
    pub(super) fn is_forgotten(&self, since: UnixTime) -> bool {
        self.state().forgotten.is_some_and(|until| since <= until)
    }

    /// Notes the proof `fingerprint`. False if it was noted before, or may have been.
    pub(super) fn insert(&self, fingerprint: [u8; 32], since: UnixTime, now: UnixTime) -> bool {
        let mut state = self.state();
        state.forget_before(now.saturating_sub(self.kept));
        if state.forgotten.is_some_and(|until| since <= until) {
            return false;
        }
        if !state.seen.entry(since).or_default().insert(fingerprint) {
            return false;
        }
        state.count += 1;
        if state.count > self.places
            && let Some((oldest, proofs)) = state.seen.pop_first()
        {
            tracing::warn!("more proofs than can be remembered: clients have to take new nonces");
            state.count -= proofs.len();
            state.forgotten = state.forgotten.max(Some(oldest));
        }
        true
    }
}

impl State {
    /// Drops what is refused for its age anyhow.
    fn forget_before(&mut self, oldest: UnixTime) {
        while let Some(first) = self.seen.first_entry()
            && *first.key() < oldest
        {
            // A clock that goes back must not make them good again.
            self.forgotten = self.forgotten.max(Some(*first.key()));
            self.count -= first.remove().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(places: usize) -> ProofMemory {
        ProofMemory {
            places,
            ..ProofMemory::new(Lifetime::from_secs(300), None)
        }
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn dp_05_a_proof_is_good_once_and_nothing_is_kept_for_longer_than_needed() {
        let memory = memory(10);
        assert!(memory.insert([1; 32], at(1_000), at(1_000)));
        assert!(!memory.insert([1; 32], at(1_000), at(1_001)));
        assert!(memory.insert([2; 32], at(1_000), at(1_001)));
        assert!(!memory.insert([1; 32], at(1_000), at(1_300)));
        assert!(memory.insert([3; 32], at(1_301), at(1_301)));
        assert_eq!(memory.state().count, 1);
    }

    #[test]
    fn dp_05_a_proof_that_had_to_be_forgotten_does_not_become_good_again() {
        let memory = memory(4);
        for number in 0..5 {
            assert!(memory.insert([number; 32], at(1_000 + u64::from(number)), at(1_010)));
        }
        assert!(memory.is_forgotten(at(1_000)) && !memory.is_forgotten(at(1_001)));
        assert!(
            !memory.insert([0; 32], at(1_000), at(1_010)),
            "it was forgotten"
        );
        assert!(
            !memory.insert([9; 32], at(999), at(1_010)),
            "it may have been"
        );
        assert!(
            !memory.insert([4; 32], at(1_004), at(1_010)),
            "it is remembered"
        );
        assert_eq!(memory.state().count, 4);
        // A flood within one second.
        for number in 10..20 {
            memory.insert([number; 32], at(1_005), at(1_010));
        }
        assert!(memory.state().count <= 4);
        assert!(!memory.insert([19; 32], at(1_005), at(1_010)));
    }

    #[test]
    fn dp_05_a_clock_that_was_ahead_for_a_moment_makes_no_proof_good_again() {
        let memory = memory(10);
        assert!(memory.insert([1; 32], at(1_000), at(1_000)));
        assert!(memory.insert([2; 32], at(1_400), at(1_400)));
        assert!(memory.is_forgotten(at(1_000)));
        assert!(!memory.insert([1; 32], at(1_000), at(1_001)));
        assert!(!memory.insert([2; 32], at(1_400), at(1_001)));
        assert!(memory.insert([3; 32], at(1_001), at(1_001)));
    }

    #[test]
    fn dp_05_what_was_made_before_the_process_began_does_not_count() {
        let memory = ProofMemory::new(Lifetime::from_secs(300), Some(at(1_000)));
        assert!(memory.is_forgotten(at(999)) && memory.is_forgotten(at(1_000)));
        assert!(!memory.is_forgotten(at(1_001)));
    }
}
