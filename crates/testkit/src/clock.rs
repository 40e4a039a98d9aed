//! A clock that moves only when a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_oauth::time::Clock;
use countersign_oauth::{Lifetime, UnixTime};

use crate::issuer::NOW;

/// A time that is set by hand. Clones share it.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// A clock that stands at [`NOW`].
    pub fn new() -> Self {
        Self::at(NOW)
    }

    /// A clock that stands at `time`.
    pub fn at(time: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.as_secs())))
    }

    /// The time it shows.
    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Moves it to `time`, forwards or backwards.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.as_secs(), Ordering::SeqCst);
    }

    /// Moves it forwards by `span`.
    pub fn advance(&self, span: Lifetime) {
        self.0.fetch_add(span.as_secs(), Ordering::SeqCst);
    }

    /// The clock as a function, for whatever takes its time from one.
    pub fn as_fn(&self) -> impl Fn() -> UnixTime + Clone + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        Self::now(self)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = TestClock::new();
        let other = clock.clone();
        clock.advance(Lifetime::from_secs(5));
        assert_eq!(other.now(), UnixTime::from_secs(NOW.as_secs() + 5));
        other.set(UnixTime::from_secs(7));
        assert_eq!(clock.as_fn()(), UnixTime::from_secs(7));
    }
}
