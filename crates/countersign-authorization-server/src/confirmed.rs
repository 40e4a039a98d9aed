//! Signed access tokens that the store confirmed a moment ago, for the time in which
//! it cannot be asked.
//!
//! Nothing is accepted because it is in here while the store answers. What is noted
//! is good for [`revocation_bound`](crate::settings::Lifetimes::revocation_bound),
//! and a grant that this process revokes is forgotten at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::{Lifetime, UnixTime};
use countersign_store::{GrantId, Key};

/// How many tokens are remembered. Only tokens that are active get in.
const MOST: usize = 10_000;

/// The tokens that were confirmed last.
#[derive(Debug, Default)]
pub(crate) struct Confirmed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: HashMap<String, Entry>,
    /// How often something was revoked here.
    revocations: u64,
    /// When what is too old was looked for last.
    swept_at: Option<UnixTime>,
}

/// A moment before the store is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(u64);

#[derive(Clone, Debug)]
struct Entry {
    at: UnixTime,
    grant: Option<GrantId>,
    token: ActiveToken,
}

impl Confirmed {
    /// This moment, for [`Confirmed::note`].
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.state().revocations)
    }

    /// Notes that the store, asked after `before`, confirmed the token under `key`, of
    /// `grant`, at `now`; not if something was revoked here meanwhile.
    pub(crate) fn note(
        &self,
        before: Moment,
        key: &Key,
        (grant, token): (Option<&GrantId>, &ActiveToken),
        now: UnixTime,
        bound: Lifetime,
    ) {
        let mut state = self.state();
        if state.revocations != before.0 {
            return;
        }
        if let Some(entry) = state.entries.get_mut(key.id()) {
            entry.at = now;
            return;
        }
        // All of them are looked at, which must not be done for every token.
        if state.entries.len() >= MOST && state.swept_at != Some(now) {
            state.swept_at = Some(now);
            let entries = &mut state.entries;
            entries.retain(|_, entry| is_fresh(entry, now, bound));
        }
        if state.entries.len() < MOST && bound > Lifetime::ZERO {
            let entry = Entry {
                at: now,
                grant: grant.cloned(),
                token: token.clone(),
            };
            state.entries.insert(key.id().to_owned(), entry);
        }
    }

    /// What was confirmed of the token under `key` within `bound` before `now`, and its
    /// grant, if it has not expired since.
    pub(crate) fn within(
        &self,
        key: &Key,
        now: UnixTime,
        bound: Lifetime,
    ) -> Option<(Option<GrantId>, ActiveToken)> {
        let state = self.state();
        let entry = state.entries.get(key.id())?;
        (is_fresh(entry, now, bound) && now < entry.token.exp)
            .then(|| (entry.grant.clone(), entry.token.clone()))
    }

    /// Forgets the token under `key`, which the store does not confirm any more.
    pub(crate) fn drop_unconfirmed(&self, key: &Key) {
        self.state().entries.remove(key.id());
    }

    /// Forgets the token under `key`, which was withdrawn here.
    pub(crate) fn forget(&self, key: &Key) {
        let mut state = self.state();
        state.revocations = state.revocations.wrapping_add(1);
        state.entries.remove(key.id());
    }

    /// Forgets the tokens of `grant`, which was revoked here.
    pub(crate) fn forget_grant(&self, grant: &GrantId) {
        let mut state = self.state();
        state.revocations = state.revocations.wrapping_add(1);
        let entries = &mut state.entries;
        entries.retain(|_, entry| entry.grant.as_ref() != Some(grant));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that went backwards makes what was noted unusable.
fn is_fresh(entry: &Entry, now: UnixTime, bound: Lifetime) -> bool {
    entry.at <= now && now < entry.at.saturating_add(bound)
}

#[cfg(test)]
mod tests {
    use countersign_oauth::Secret;
    use countersign_store::SecretHash;

    use super::*;

    const BOUND: Lifetime = Lifetime::from_secs(60);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn key(number: usize) -> Key {
        Key::access_token(SecretHash::of(&Secret::new(number.to_string())))
    }

    fn token() -> ActiveToken {
        ActiveToken::new("i", "s", "c", at(1_000), at(2_000))
    }

    #[test]
    fn what_is_older_than_the_bound_expired_or_from_the_future_is_no_answer() {
        let confirmed = Confirmed::default();
        confirmed.note(
            confirmed.moment(),
            &key(1),
            (None, &token()),
            at(1_000),
            BOUND,
        );
        assert_eq!(
            confirmed.within(&key(1), at(1_059), BOUND),
            Some((None, token()))
        );
        assert_eq!(confirmed.within(&key(1), at(1_060), BOUND), None);
        assert_eq!(confirmed.within(&key(1), at(999), BOUND), None);
        assert_eq!(confirmed.within(&key(2), at(1_000), BOUND), None);
        confirmed.note(
            confirmed.moment(),
            &key(1),
            (None, &token()),
            at(1_990),
            BOUND,
        );
        assert!(confirmed.within(&key(1), at(1_999), BOUND).is_some());
        assert_eq!(confirmed.within(&key(1), at(2_000), BOUND), None);
    }

    #[test]
    fn what_was_revoked_here_is_forgotten_at_once() {
        let confirmed = Confirmed::default();
        let (one, other) = (GrantId::new("1"), GrantId::new("2"));
        for (number, grant) in [(1, &one), (2, &one), (3, &other), (4, &other)] {
            confirmed.note(
                confirmed.moment(),
                &key(number),
                (Some(grant), &token()),
                at(1_000),
                BOUND,
            );
        }
        confirmed.forget_grant(&one);
        confirmed.forget(&key(3));
        let is_known = |number| confirmed.within(&key(number), at(1_000), BOUND).is_some();
        assert_eq!([1, 2, 3, 4].map(is_known), [false, false, false, true]);
        // Whoever asked the store before that may have been told the opposite.
        let before = confirmed.moment();
        confirmed.forget_grant(&other);
        confirmed.note(before, &key(4), (Some(&other), &token()), at(1_000), BOUND);
        assert_eq!(confirmed.within(&key(4), at(1_000), BOUND), None);
    }

    #[test]
    fn g11_the_number_is_bounded_and_what_is_too_old_makes_room() {
        let confirmed = Confirmed::default();
        for number in 0..MOST + 10 {
            confirmed.note(
                confirmed.moment(),
                &key(number),
                (None, &token()),
                at(1_000),
                BOUND,
            );
        }
        assert_eq!(confirmed.state().entries.len(), MOST);
        assert!(confirmed.within(&key(0), at(1_000), BOUND).is_some());
        assert_eq!(confirmed.within(&key(MOST), at(1_000), BOUND), None);
        confirmed.note(
            confirmed.moment(),
            &key(MOST),
            (None, &token()),
            at(1_060),
            BOUND,
        );
        assert_eq!(confirmed.state().entries.len(), 1);
    }

    #[test]
    fn without_a_bound_nothing_is_remembered() {
        let confirmed = Confirmed::default();
        confirmed.note(
            confirmed.moment(),
            &key(1),
            (None, &token()),
            at(1_000),
            Lifetime::ZERO,
        );
        assert!(confirmed.state().entries.is_empty());
    }
}
