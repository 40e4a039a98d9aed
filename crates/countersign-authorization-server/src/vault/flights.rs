//! One refresh for all who ask for it at the same time.
//!
//! There is an entry for each refresh that is running, and no other, so that the map is as
//! large as what goes on. Whoever comes while one is running shares its outcome, also if
//! it failed: sixty callers do not ask a provider that is down sixty times.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_store::Key;
use tokio::sync::watch;

/// At most so many at once; a provider that hangs must not fill the memory.
const MOST: usize = 1024;

/// The refreshes that are running.
pub(super) struct Flights<T>(Mutex<HashMap<Key, watch::Receiver<Option<T>>>>);

/// What somebody who asks is to do.
pub(super) enum Seat<T> {
    /// Do it, and say what became of it.
    Pilot(Pilot<T>),
    /// Wait for whoever does it.
    Passenger(Passenger<T>),
    /// Give up.
    Full,
}

/// Whoever does it. Dropped without an outcome, it leaves nobody waiting.
pub(super) struct Pilot<T> {
    flights: Arc<Flights<T>>,
    key: Key,
    tell: watch::Sender<Option<T>>,
}

/// Whoever waits for it.
pub(super) struct Passenger<T>(watch::Receiver<Option<T>>);

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Flights<T> {
    /// A seat in the flight of `key`, which begins now if there is none.
    pub(super) fn board(self: &Arc<Self>, key: &Key) -> Seat<T> {
        let mut running = self.running();
        let has_room = running.len() < MOST;
        match running.entry(key.clone()) {
            Entry::Occupied(entry) => Seat::Passenger(Passenger(entry.get().clone())),
            Entry::Vacant(_) if !has_room => Seat::Full,
            Entry::Vacant(entry) => {
                let (tell, hear) = watch::channel(None);
                entry.insert(hear);
                Seat::Pilot(Pilot {
                    flights: Arc::clone(self),
                    key: key.clone(),
                    tell,
                })
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Pilot<T> {
    /// A seat for whoever asked first.
    pub(super) fn passenger(&self) -> Passenger<T> {
        Passenger(self.tell.subscribe())
    }

    /// Tells all who wait what became of it. Whoever asks from now on begins anew.
    pub(super) fn land(self, outcome: T) {
        self.flights.running().remove(&self.key);
        // Nobody may be waiting any more.
        let _ = self.tell.send_replace(Some(outcome));
    }
}

impl<T> Drop for Pilot<T> {
    fn drop(&mut self) {
        let mut running = self.flights.running();
        let is_own = |hear: &watch::Receiver<Option<T>>| hear.same_channel(&self.tell.subscribe());
        if running.get(&self.key).is_some_and(is_own) {
            running.remove(&self.key);
        }
    }
}

impl<T: Clone> Passenger<T> {
    /// What became of it; nothing if nobody will ever know.
    pub(super) async fn outcome(mut self) -> Option<T> {
        let landed = self.0.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

impl<T> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flights({})", self.running().len())
    }
}

#[cfg(test)]
mod tests {
    use countersign_store::GrantId;

    use super::*;

    fn key(number: usize) -> Key {
        Key::upstream_tokens(&GrantId::new(number.to_string()), "p")
    }

    fn pilot(flights: &Arc<Flights<u8>>, number: usize) -> Pilot<u8> {
        match flights.board(&key(number)) {
            Seat::Pilot(pilot) => pilot,
            _ => panic!("there is no flight yet"),
        }
    }

    #[tokio::test]
    async fn who_comes_while_it_runs_shares_the_outcome_and_who_comes_later_does_not() {
        let flights = Arc::new(Flights::default());
        let first = pilot(&flights, 1);
        let Seat::Passenger(waiting) = flights.board(&key(1)) else {
            panic!("it is running");
        };
        first.land(7);
        assert_eq!(waiting.outcome().await, Some(7));
        pilot(&flights, 1).land(8);
        assert!(flights.running().is_empty());
    }

    #[tokio::test]
    async fn a_pilot_who_is_gone_leaves_nobody_waiting_and_no_entry() {
        let flights = Arc::new(Flights::default());
        let first = pilot(&flights, 1);
        let waiting = first.passenger();
        drop(first);
        assert_eq!(waiting.outcome().await, None);
        pilot(&flights, 1).land(8);
    }

    #[test]
    fn g11_the_number_is_bounded() {
        let flights = Arc::new(Flights::default());
        let pilots: Vec<_> = (0..MOST).map(|number| pilot(&flights, number)).collect();
        assert!(matches!(flights.board(&key(MOST)), Seat::Full));
        assert!(matches!(flights.board(&key(0)), Seat::Passenger(_)));
        drop(pilots);
        assert!(matches!(flights.board(&key(MOST)), Seat::Pilot(_)));
    }
}
