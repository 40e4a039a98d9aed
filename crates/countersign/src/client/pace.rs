//! How often a server is listened to again.
//!
//! A stream that ends is opened again after the time that the server names (HTML Standard
//! §9.2.3), which may be none, and one that breaks at once: without a pace a server could
//! have its client do nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// In the long run there is one turn in this time.
const INTERVAL: Duration = Duration::from_millis(500);

/// So many turns may come at once: each answer that broke off is taken up by one.
const BURST: u32 = 16;

/// Gives out turns. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Mutex<Option<Instant>>>);

impl Pace {
    /// Waits for the next turn.
    pub(super) async fn turn(&self) {
        sleep_until(self.next(Instant::now())).await;
    }

    /// When the turn is that is asked for at `now`.
    fn next(&self, now: Instant) -> Instant {
        let mut used_until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = used_until.map_or(now, |until| until.max(now));
        *used_until = Some(begin + INTERVAL);
        let ahead = begin.saturating_duration_since(now);
        now + ahead.saturating_sub(INTERVAL * (BURST - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i12_turns_are_given_at_once_until_there_are_too_many() {
        let pace = Pace::default();
        let begin = Instant::now();
        for _ in 0..BURST {
            pace.turn().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        for number in 1..=10 {
            pace.clone().turn().await;
            assert_eq!(begin.elapsed().as_millis(), (INTERVAL * number).as_millis());
        }
        // Who waits has turns again.
        tokio::time::advance(INTERVAL * BURST).await;
        let later = Instant::now();
        for _ in 0..BURST {
            pace.turn().await;
        }
        assert_eq!(later.elapsed(), Duration::ZERO);
    }
}
