//! All open connections: how many there are, and who leaves when there are too many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exchanges::Exchanges;

/// Out of this many idle connections, one leaves at a time.
const SHARE: usize = 100;
/// How often the idle ones are looked for, while somebody waits for a place.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The connections of a server. Cloning is cheap; every clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    last: u64,
    open: HashMap<u64, Exchanges>,
}

/// The place of one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Member {
    number: u64,
    crowd: Crowd,
    /// What happens on the connection.
    pub(super) exchanges: Exchanges,
    _place: OwnedSemaphorePermit,
}

impl Crowd {
    /// Room for `most` connections, and for one at least.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
            members: Mutex::default(),
        }))
    }

    /// Takes a place. If there is none, connections without a request leave, the
    /// longest idle first; if all have one, this waits.
    pub(super) async fn join(&self) -> Option<Member> {
        let places = &self.0.places;
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.wait().await?,
        };
        let exchanges = Exchanges::new();
        let mut members = self.members();
        members.last += 1;
        let number = members.last;
        members.open.insert(number, exchanges.clone());
        Some(Member {
            number,
            crowd: self.clone(),
            exchanges,
            _place: place,
        })
    }

    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let mut place = std::pin::pin!(Arc::clone(&self.0.places).acquire_owned());
        loop {
            self.make_room();
            // Connections that were busy may have become idle since.
            if let Ok(place) = tokio::time::timeout(LOOK_AGAIN, place.as_mut()).await {
                return place.ok();
            }
        }
    }

    /// Lets those leave that have been idle for the longest time.
    pub(super) fn make_room(&self) {
        let members = self.members();
        let mut idle: Vec<_> = members
            .open
            .values()
            .filter_map(|exchanges| Some((exchanges.idle_since()?, exchanges)))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        let leaving = idle.len().div_ceil(SHARE);
        for (_, exchanges) in idle.into_iter().take(leaving) {
            exchanges.leave();
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.members().open.remove(&self.number);
    }
}
