//! The one place that reads the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_oauth::UnixTime;
pub use countersign_oauth::time::Clock;

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this file owns the system clock")]
    fn now(&self) -> UnixTime {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        UnixTime::from_secs(elapsed.map_or(0, |elapsed| elapsed.as_secs()))
    }
}
