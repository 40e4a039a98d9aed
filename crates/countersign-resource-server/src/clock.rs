//! The one place that reads the system clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign_oauth::UnixTime;
pub use countersign_oauth::time::Clock;

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(elapsed().as_secs())
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "this file owns the system clock")]
fn elapsed() -> Duration {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.unwrap_or_default()
}
