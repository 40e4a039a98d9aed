//! One fetched key set, and for how long it counts.

use std::collections::HashMap;

use countersign_oauth::jose::{JwkSet, VerifyingKey};
use countersign_oauth::{Lifetime, UnixTime};

use crate::Liveness;

/// While a newer set is being fetched, outcomes are remembered for this long.
const INTERIM: Lifetime = Lifetime::from_secs(10);

/// How a set counts at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Nothing to do.
    Fresh,
    /// It counts, and a newer one should be fetched.
    Due,
    /// It counts only if no newer one can be fetched.
    Stale,
    /// It does not count any more.
    Gone,
}

/// A key set as it was fetched.
#[derive(Debug)]
pub(crate) struct Snapshot {
    keys: JwkSet,
    lives: HashMap<String, Liveness>,
    due_at: UnixTime,
    stale_at: UnixTime,
    gone_at: UnixTime,
}

impl Snapshot {
    /// The set `keys`, fetched at `now`. Keys that `previous` has too stay alive;
    /// those that only `previous` has end, and with them every remembered token.
    pub(crate) fn new(
        keys: JwkSet,
        previous: Option<&Self>,
        now: UnixTime,
        age: Lifetime,
        max_stale: Lifetime,
    ) -> Self {
        let mut lives = HashMap::new();
        for thumbprint in keys.keys().iter().filter_map(VerifyingKey::thumbprint) {
            let life = previous.and_then(|previous| previous.lives.get(thumbprint));
            lives.insert(thumbprint.to_owned(), life.cloned().unwrap_or_default());
        }
        if let Some(previous) = previous {
            for (thumbprint, life) in &previous.lives {
                if !lives.contains_key(thumbprint) {
                    life.end();
                }
            }
        }
        let stale_at = now.saturating_add(age);
        Self {
            keys,
            lives,
            due_at: now.saturating_add(Lifetime::from_secs(age.as_secs() / 5 * 4)),
            stale_at,
            gone_at: stale_at.max(now.saturating_add(max_stale)),
        }
    }

    pub(crate) const fn keys(&self) -> &JwkSet {
        &self.keys
    }

    pub(crate) fn freshness(&self, now: UnixTime) -> Freshness {
        if now < self.due_at {
            Freshness::Fresh
        } else if now < self.stale_at {
            Freshness::Due
        } else if now < self.gone_at {
            Freshness::Stale
        } else {
            Freshness::Gone
        }
    }

    /// Until when an outcome that depends on this set may be remembered. In
    /// time for the next fetch, so that one that succeeds is noticed.
    pub(crate) fn cacheable_until(&self, now: UnixTime) -> UnixTime {
        let interim = now.saturating_add(INTERIM);
        match self.freshness(now) {
            Freshness::Fresh => self.due_at,
            Freshness::Due => interim.min(self.stale_at),
            Freshness::Stale | Freshness::Gone => interim.min(self.gone_at),
        }
    }

    /// Whether the key with `thumbprint` is still in the newest set.
    pub(crate) fn liveness(&self, thumbprint: &str) -> Option<Liveness> {
        self.lives.get(thumbprint).cloned()
    }
}
