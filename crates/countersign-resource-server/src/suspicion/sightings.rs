//! Where somebody was seen, in memory that does not grow.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Places of a bucket. A newcomer takes that of whoever came first.
const PLACES: usize = 8;

/// Of one key: since when, and a bit for each of up to 64 sorts of places. Two places
/// can have the same bit, so that their number is too small rather than too large.
#[derive(Clone, Copy, Debug, Default)]
struct Sighting {
    /// Zero where nobody is.
    key: u64,
    since: u64,
    places: u64,
}

/// A table of sightings.
#[derive(Debug)]
pub(super) struct Sightings {
    buckets: usize,
    /// Made when somebody is seen for the first time.
    memory: OnceLock<Box<[Mutex<[Sighting; PLACES]>]>>,
    hash: RandomState,
}

impl Sightings {
    /// For about `keys` keys at the same time, 24 bytes each.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            buckets: keys.div_ceil(PLACES).max(1),
            memory: OnceLock::new(),
            hash: RandomState::new(),
        }
    }

    fn bucket(&self, key: u64) -> Option<&Mutex<[Sighting; PLACES]>> {
        let memory = self
            .memory
            .get_or_init(|| (0..self.buckets).map(|_| Mutex::default()).collect());
        let number = usize::try_from(key >> 16).unwrap_or(usize::MAX) % self.buckets;
        memory.get(number)
    }

    /// Notes that `key` was seen at `place` at the time `now`. Answers at about how many
    /// places it was within the last `window`; 0 if this place is none that is new.
    pub(super) fn see(&self, key: impl Hash, place: impl Hash, now: u64, window: u64) -> u32 {
        let key = self.hash.hash_one(key).max(1);
        let bit = 1 << (self.hash.hash_one(place) & 63);
        let Some(bucket) = self.bucket(key) else {
            return 0;
        };
        let mut sightings = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, others) = match sightings.iter().position(|each| each.key == key) {
            Some(at) => (at, false),
            None => {
                let oldest = sightings.iter().enumerate();
                let oldest = oldest.min_by_key(|(_, each)| each.since);
                (oldest.map_or(0, |(at, _)| at), true)
            }
        };
        let Some(sighting) = sightings.get_mut(known) else {
            return 0;
        };
        if others || now.saturating_sub(sighting.since) >= window {
            *sighting = Sighting {
                key,
                since: now.max(1),
                places: 0,
            };
        }
        if sighting.places & bit != 0 {
            return 0;
        }
        sighting.places |= bit;
        sighting.places.count_ones()
    }

    /// Whether `key` was seen within the last `window`.
    pub(super) fn has(&self, key: impl Hash, now: u64, window: u64) -> bool {
        let key = self.hash.hash_one(key).max(1);
        let Some(bucket) = self.bucket(key) else {
            return false;
        };
        let sightings = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = sightings.iter().filter(|each| each.key == key);
        known.any(|each| now.saturating_sub(each.since) < window)
    }
}
