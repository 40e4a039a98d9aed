//! How many credentials are verified at the same time.
//!
//! A signature costs a core some time and an introspection a request; a thousand that come
//! at once would keep whoever comes after them waiting for all. So few are under way, fewer
//! of one address, and after a few in a row each lets others run before it begins. Who was
//! verified before, and is remembered, does not come here.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many are under way.
const AT_ONCE: usize = 64;
/// How many of them for the addresses of one lot.
const OF_ONE_LOT: usize = 8;
/// How many lots of addresses there are.
const LOTS: usize = 64;
/// How many begin in a row before one lets others run. A signature is verified without a
/// pause, so on a thread of its own a row is never interrupted otherwise.
const IN_A_ROW: usize = 32;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The verifications that are under way.
#[derive(Debug)]
pub struct Verifications {
    all: Semaphore,
    lots: Vec<Semaphore>,
    hash: RandomState,
    /// How many began since one last let others run.
    row: AtomicUsize,
    /// How many let others run just now.
    giving_way: AtomicUsize,
}

/// The turn of one request. It ends when this is dropped.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Verification<'a> {
    _all: SemaphorePermit<'a>,
    _lot: SemaphorePermit<'a>,
}

impl Default for Verifications {
    fn default() -> Self {
        Self {
            all: Semaphore::new(AT_ONCE),
            lots: (0..LOTS).map(|_| Semaphore::new(OF_ONE_LOT)).collect(),
            hash: RandomState::new(),
            row: AtomicUsize::new(0),
            giving_way: AtomicUsize::new(0),
        }
    }
}

impl Verifications {
    /// Waits for the turn of a request from `address`. `None` if that takes too long.
    pub async fn turn(&self, address: Option<IpAddr>) -> Option<Verification<'_>> {
        let lot = self.lot_of(address)?;
        // Most find both places free, and need no timer to wait by.
        if let (Ok(of_lot), Ok(of_all)) = (lot.try_acquire(), self.all.try_acquire()) {
            self.give_way().await;
            return Some(Verification {
                _all: of_all,
                _lot: of_lot,
            });
        }
        let waiting = async {
            // The lot first: whoever waits for others of the lot takes nobody's place.
            let of_lot = lot.acquire().await.ok()?;
            let of_all = self.all.acquire().await.ok()?;
            Some(Verification {
                _all: of_all,
                _lot: of_lot,
            })
        };
        let turn = tokio::time::timeout(PATIENCE, waiting).await.ok()??;
        self.give_way().await;
        Some(turn)
    }

    /// Lets others run, if a row is long enough or somebody does so already: everybody who
    /// comes meanwhile gets in line, and nobody behind waits for more than one row.
    async fn give_way(&self) {
        let is_crowded = self.giving_way.load(Ordering::Relaxed) > 0;
        if !is_crowded && self.row.fetch_add(1, Ordering::Relaxed) < IN_A_ROW {
            return;
        }
        let _giving_way = GivingWay::begin(&self.giving_way);
        tokio::task::yield_now().await;
        self.row.store(0, Ordering::Relaxed);
    }

    fn lot_of(&self, address: Option<IpAddr>) -> Option<&Semaphore> {
        let machine = address.map(super::limiter::machine);
        let number = usize::try_from(self.hash.hash_one(machine) >> 32).unwrap_or(0);
        self.lots.get(number % LOTS)
    }
}

/// Counted until it is dropped, which a request that is given up does as well.
struct GivingWay<'a>(&'a AtomicUsize);

impl<'a> GivingWay<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for GivingWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;

    /// How long a verification takes.
    const WORK: Duration = Duration::from_millis(10);

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn g15_a_thousand_at_once_are_worked_off_few_at_a_time_and_nobody_else_waits() {
        let verifications = Arc::new(Verifications::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..1_000 {
            let verifications = Arc::clone(&verifications);
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let turn = verifications.turn(address("203.0.113.7")).await;
                most.fetch_max(1 + running.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                tokio::time::sleep(WORK).await;
                running.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
            });
        }
        tokio::time::sleep(WORK / 2).await;
        let mut others = 0;
        for number in 0..100 {
            let began = tokio::time::Instant::now();
            let turn = verifications
                .turn(address(&format!("198.51.100.{number}")))
                .await;
            tokio::time::sleep(WORK).await;
            assert!(turn.is_some());
            drop(turn);
            // Whoever is in the lot of the flood waits for it; that is one in 64.
            others += u32::from(began.elapsed() <= WORK * 2);
        }
        assert!(others >= 90, "{others}");
        assert_eq!(most.load(Ordering::SeqCst), OF_ONE_LOT);
    }

    #[tokio::test(start_paused = true)]
    async fn g15_whoever_would_wait_too_long_is_told_to_come_back() {
        let verifications = Verifications::default();
        let mut turns = Vec::new();
        for _ in 0..OF_ONE_LOT {
            turns.push(verifications.turn(address("203.0.113.7")).await.unwrap());
        }
        assert!(verifications.turn(address("203.0.113.7")).await.is_none());
        turns.clear();
        assert!(verifications.turn(address("203.0.113.7")).await.is_some());
    }

    /// How many verifications of a flood begin on one thread before others run, with
    /// signatures that are verified without a pause.
    async fn begun_before_others(verifications: &Arc<Verifications>) -> usize {
        let begun = Arc::new(AtomicUsize::new(0));
        for number in 0..1_000_u32 {
            let (verifications, begun) = (Arc::clone(verifications), Arc::clone(&begun));
            tokio::spawn(async move {
                let from = IpAddr::from(number.to_be_bytes());
                let _turn = verifications.turn(Some(from)).await;
                begun.fetch_add(1, Ordering::SeqCst);
            });
        }
        let seen = Arc::clone(&begun);
        let behind = tokio::spawn(async move { seen.load(Ordering::SeqCst) });
        let before = behind.await.unwrap();
        while begun.load(Ordering::SeqCst) < 1_000 {
            tokio::task::yield_now().await;
        }
        before
    }

    #[tokio::test]
    async fn g15_whoever_comes_after_a_flood_on_one_thread_waits_for_a_row_of_it() {
        let verifications = Arc::new(Verifications::default());
        for _ in 0..3 {
            let before = begun_before_others(&verifications).await;
            assert!(before <= IN_A_ROW, "{before}");
        }
    }

    #[tokio::test]
    async fn g15_requests_that_are_given_up_while_they_let_others_run_are_not_counted_on() {
        let verifications = Arc::new(Verifications::default());
        for _ in 0..IN_A_ROW {
            drop(verifications.turn(address("203.0.113.7")).await);
        }
        for _ in 0..100 {
            let turn = verifications.turn(address("203.0.113.7"));
            assert!(turn.now_or_never().is_none());
        }
        assert_eq!(verifications.giving_way.load(Ordering::SeqCst), 0);
        let turn = verifications.turn(address("203.0.113.7")).await;
        assert!(turn.is_some());
    }
}
