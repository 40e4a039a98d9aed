//! How long is waited.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::ClientError;
use super::sending::GettingCredentials;

/// Nobody waits longer before something is tried again in the background.
const MOST_DELAY: Duration = Duration::from_secs(30);

/// How long to wait after so many `failures` in a row: not at all the first time, then
/// twice as long each time.
pub(super) fn delay(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_secs(2_u64.saturating_pow(doublings)).min(MOST_DELAY),
    }
}

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Between one sign of life and the next.
    pub(super) timeout: Duration,
    /// The same while the connection is made, if it is another.
    pub(super) connect_timeout: Option<Duration>,
    /// For everything that one call of a method does.
    pub(super) overall_cap: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            connect_timeout: None,
            overall_cap: Duration::from_secs(600),
        }
    }
}

impl Patience {
    /// How long is waited while the connection is made.
    pub(super) fn connecting(self) -> Self {
        Self {
            timeout: self.connect_timeout.unwrap_or(self.timeout),
            ..self
        }
    }

    /// The end of what begins now.
    pub(super) fn deadline(self) -> Instant {
        let now = Instant::now();
        // Whoever wants to wait for ever waits for a year.
        now.checked_add(self.overall_cap)
            .unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
    }

    /// What `operation` answers, before `deadline`, and before nothing was heard for too
    /// long. `last` is when something was heard. While credentials are being got the
    /// server is not slow.
    pub(super) async fn wait<T>(
        self,
        deadline: Instant,
        credentials: &GettingCredentials,
        last: impl Fn() -> Option<Instant>,
        operation: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let mut operation = std::pin::pin!(operation);
        let mut from = Instant::now();
        loop {
            let until = from.checked_add(self.timeout).unwrap_or(deadline);
            tokio::select! {
                biased;
                answer = &mut operation => return answer,
                () = sleep_until(until.min(deadline)) => {}
            }
            let now = Instant::now();
            let heard = last().filter(|heard| *heard > from);
            from = match heard {
                _ if now >= deadline => return Err(ClientError::TimedOut),
                _ if credentials.any() => now,
                Some(heard) => heard,
                None => return Err(ClientError::TimedOut),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fails_again_and_again_waits_longer_each_time_and_never_for_ever() {
        let waits: Vec<u64> = (0..8).map(|times| delay(times).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(delay(u32::MAX), MOST_DELAY);
    }
}
