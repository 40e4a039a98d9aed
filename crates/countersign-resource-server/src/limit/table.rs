//! Budgets of many keys in memory that does not grow.
//!
//! A key is a keyed hash ([`Keyed`]), and is in one bucket of eight places. Whoever is
//! not there takes the place of whoever is nearest to having everything back: mostly of
//! somebody who has, of whom there is nothing to remember. If all eight still owe
//! something, the newcomer takes the debt over with the place. So nobody has ever less
//! debt here than in a table without end, and no flood of keys makes an offender free;
//! what it can do is to make newcomers wait, when there are more keys with debts than
//! places. Places are chosen by a hash that nobody outside can compute.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::cell::{Rate, Wait};

/// Places of a bucket: a line of the cache for the keys, another for the moments.
const PLACES: usize = 8;

/// How many locks guard the arrival of newcomers.
const LOCKS: usize = 64;

/// The name of somebody in a [`Table`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Keyed(u64);

#[derive(Debug, Default)]
struct Bucket {
    /// Zero where nobody is.
    keys: [AtomicU64; PLACES],
    /// When everything will have come back.
    moments: [AtomicU64; PLACES],
}

/// Budgets of one quota, by key.
#[derive(Debug)]
pub(crate) struct Table {
    rate: Rate,
    buckets: usize,
    /// Made when somebody is counted for the first time.
    memory: OnceLock<Memory>,
    hash: RandomState,
}

#[derive(Debug)]
struct Memory {
    buckets: Box<[Bucket]>,
    locks: [Mutex<()>; LOCKS],
}

impl Table {
    /// A table of `rate` for about `keys` keys at the same time, sixteen bytes each.
    pub(crate) fn new(rate: Rate, keys: usize) -> Self {
        Self {
            rate,
            buckets: keys.div_ceil(PLACES).next_power_of_two(),
            memory: OnceLock::new(),
            hash: RandomState::new(),
        }
    }

    /// The name of `key`, under the secret of this table.
    pub(crate) fn keyed(&self, key: impl Hash) -> Keyed {
        Keyed(self.hash.hash_one(key).max(1))
    }

    /// Uses up `cost` of what `key` has at `now`.
    ///
    /// # Errors
    ///
    /// How long to wait; nothing was used up.
    pub(crate) fn take(&self, key: Keyed, now: u64, cost: u32) -> Result<(), Wait> {
        let memory = self.memory();
        let Some(bucket) = memory.bucket(key) else {
            return Ok(());
        };
        if let Some((place, moment)) = bucket.find(key) {
            let taken = moment.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                self.rate.take(before, now, cost).ok()
            });
            // If the place was given away meanwhile, its new owner pays for this one.
            if place.load(Ordering::Relaxed) == key.0 {
                return match taken {
                    Ok(_) => Ok(()),
                    Err(before) => self.rate.take(before, now, cost).map(|_| ()),
                };
            }
        }
        memory.arrive(bucket, key, |before| self.rate.take(before, now, cost))
    }

    /// Gives back `cost` to `key`: what it was taken for is not done.
    pub(crate) fn give_back(&self, key: Keyed, cost: u32) {
        let bucket = self.memory().bucket(key);
        if let Some((_, moment)) = bucket.and_then(|bucket| bucket.find(key)) {
            let worth = self.rate.worth(cost);
            let _ = moment.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                Some(before.saturating_sub(worth))
            });
        }
    }

    fn memory(&self) -> &Memory {
        self.memory.get_or_init(|| Memory {
            buckets: (0..self.buckets).map(|_| Bucket::default()).collect(),
            locks: std::array::from_fn(|_| Mutex::default()),
        })
    }

    /// How many bytes it takes at most.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.buckets * size_of::<Bucket>()
    }
}

impl Memory {
    /// Where `key` is, if it is anywhere.
    fn bucket(&self, key: Keyed) -> Option<&Bucket> {
        // The number is a power of two.
        let mask = self.buckets.len().checked_sub(1)?;
        let number = usize::try_from(key.0 >> 16).unwrap_or(usize::MAX);
        self.buckets.get(number & mask)
    }

    /// Finds a place for `key` and lets `take` use up what it has there.
    fn arrive(
        &self,
        bucket: &Bucket,
        key: Keyed,
        take: impl Fn(u64) -> Result<u64, Wait>,
    ) -> Result<(), Wait> {
        let number = usize::try_from(key.0 >> 16).unwrap_or(usize::MAX) & (LOCKS - 1);
        let lock = self.locks.get(number);
        let _one_at_a_time = lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some((_, moment)) = bucket.find(key) {
            // It has arrived meanwhile.
            return taken(moment, take);
        }
        let places = bucket.keys.iter().zip(&bucket.moments);
        let Some((place, moment)) = places.min_by_key(|(_, moment)| moment.load(Ordering::Relaxed))
        else {
            return Ok(());
        };
        // Whoever cannot pay with the debt of this place does not get it either.
        take(moment.load(Ordering::Relaxed))?;
        place.store(key.0, Ordering::Relaxed);
        taken(moment, take)
    }
}

fn taken(moment: &AtomicU64, take: impl Fn(u64) -> Result<u64, Wait>) -> Result<(), Wait> {
    let taken = moment.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
        take(before).ok()
    });
    match taken {
        Ok(_) => Ok(()),
        Err(before) => take(before).map(|_| ()),
    }
}

impl Bucket {
    fn find(&self, key: Keyed) -> Option<(&AtomicU64, &AtomicU64)> {
        let places = self.keys.iter().zip(&self.moments);
        let mut places = places.filter(|(place, _)| place.load(Ordering::Relaxed) == key.0);
        places.next()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::quota::Quota;
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn table(quota: Quota, keys: usize) -> Table {
        Table::new(Rate::of(quota), keys)
    }

    fn passing(table: &Table, key: &str, now: u64) -> usize {
        let key = table.keyed(key);
        (0..1_000)
            .take_while(|_| table.take(key, now, 1).is_ok())
            .count()
    }

    #[test]
    fn g11_a_flood_of_keys_takes_no_more_memory_and_frees_no_offender() {
        let table = table(Quota::per_minute(100), 1 << 13);
        let now = 1_000 * SECOND;
        let offenders: Vec<String> = (0..100)
            .map(|number| format!("offender {number}"))
            .collect();
        for offender in &offenders {
            assert_eq!(passing(&table, offender, now), 100);
        }
        // A million strangers in a second, one request each: `cargo xtask flood` sends ten.
        let mut passed = 0_u32;
        for stranger in 0..1_000_000_u64 {
            let key = table.keyed(stranger);
            passed += u32::from(table.take(key, now + stranger * 1_000, 1).is_ok());
        }
        let later = now + SECOND;
        for offender in &offenders {
            // One has come back after 0.6 seconds, and may be somebody else's by now.
            assert!(passing(&table, offender, later) <= 1, "{offender}");
        }
        assert!(passed >= 600_000, "{passed}");
        assert_eq!(table.bytes(), (1 << 13) * 16);
        // A minute later nothing of it is left.
        let rested = later + 120 * SECOND;
        assert_eq!(passing(&table, "newcomer", rested), 100);
        assert_eq!(passing(&table, &offenders[0], rested), 100);
    }

    #[test]
    fn g11_where_all_owe_something_newcomers_wait_and_nobody_is_let_off() {
        let table = table(Quota::per_minute(10), 8);
        let now = 1_000 * SECOND;
        for number in 0..8 {
            assert_eq!(passing(&table, &format!("offender {number}"), now), 10);
        }
        assert_eq!(passing(&table, "newcomer", now), 0);
        for number in 0..8 {
            assert_eq!(passing(&table, &format!("offender {number}"), now), 0);
        }
        assert_eq!(passing(&table, "newcomer", now + 60 * SECOND), 10);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let table = table(Quota::per_minute(10), 8);
        let (key, now) = (table.keyed("somebody"), 1_000 * SECOND);
        assert_eq!(table.take(key, now, 10), Ok(()));
        table.give_back(key, 4);
        assert_eq!(table.take(key, now, 5), Err(Wait(6 * SECOND)));
        assert_eq!(table.take(key, now, 4), Ok(()));
        assert_eq!(table.take(key, now, 1), Err(Wait(6 * SECOND)));
    }

    #[test]
    fn threads_together_pass_no_more_than_the_burst() {
        let table = table(Quota::per_hour(1_000), 64);
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let taken = table.take(table.keyed("one"), 1, 1);
                        passed.fetch_add(u64::from(taken.is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 1_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever comes in whatever order, a small table lets nobody do more than one
        /// without end would.
        #[test]
        fn g11_no_key_has_more_than_in_a_table_without_end(
            requests in proptest::collection::vec((0_u8..40, 0_u64..3, 1_u32..4), 1..600)
        ) {
            let quota = Quota::per_second(2).burst(5);
            let (small, rate) = (table(quota, 8), Rate::of(quota));
            let mut without_end: HashMap<u8, u64> = HashMap::new();
            let mut now = 1_000 * SECOND;
            for (key, pause, cost) in requests {
                now += pause * SECOND / 10;
                if small.take(small.keyed(key), now, cost).is_ok() {
                    let moment = without_end.entry(key).or_default();
                    let after = rate.take(*moment, now, cost);
                    prop_assert!(after.is_ok());
                    *moment = after.unwrap_or(*moment);
                }
            }
        }
    }
}
