//! The arithmetic of one budget: the generic cell rate algorithm in its virtual
//! scheduling form (ITU-T I.371 §A.1).
//!
//! All that has to be remembered of somebody is one moment: the one at which everything
//! used up will have come back. It lies in the past for whoever has the whole burst.

use super::quota::Quota;

/// A quota in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rate {
    /// How long one request takes to come back.
    interval: u64,
    /// How far ahead the moment may lie.
    tolerance: u64,
}

/// For how many nanoseconds there is not enough.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Wait(pub(crate) u64);

impl Rate {
    pub(crate) const fn of(quota: Quota) -> Self {
        let interval = quota.interval();
        Self {
            interval,
            tolerance: interval.saturating_mul(quota.at_once() as u64),
        }
    }

    /// What `cost` requests take to come back.
    pub(crate) const fn worth(self, cost: u32) -> u64 {
        self.interval.saturating_mul(cost as u64)
    }

    /// The moment at which everything has come back, after `cost` requests at `now` by
    /// somebody for whom it was `before`. Nothing is used up by what is refused.
    ///
    /// # Errors
    ///
    /// How long to wait.
    pub(crate) fn take(self, before: u64, now: u64, cost: u32) -> Result<u64, Wait> {
        let after = before.max(now).saturating_add(self.worth(cost));
        let latest = now.saturating_add(self.tolerance);
        match after.checked_sub(latest) {
            None | Some(0) => Ok(after),
            Some(wait) => Err(Wait(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// How many requests pass at `now`, beginning with `moment`.
    fn passing(rate: Rate, moment: &mut u64, now: u64) -> u32 {
        let mut passed = 0;
        while let Ok(after) = rate.take(*moment, now, 1) {
            *moment = after;
            passed += 1;
        }
        passed
    }

    #[test]
    fn g9_at_no_edge_of_a_window_is_there_more_than_the_burst() {
        let rate = Rate::of(Quota::per_minute(60).burst(10));
        for phase in [0, 1, SECOND / 2, 59 * SECOND, 60 * SECOND - 1] {
            let (mut moment, mut now) = (0, 1_000 * SECOND + phase);
            assert_eq!(passing(rate, &mut moment, now), 10, "{phase}");
            // Around the edge of a minute, whichever one takes for it.
            now += 2;
            assert_eq!(passing(rate, &mut moment, now), 0);
            now += SECOND;
            assert_eq!(passing(rate, &mut moment, now), 1);
            let mut minute = 0;
            for _ in 0..600 {
                now += SECOND / 10;
                minute += passing(rate, &mut moment, now);
            }
            assert_eq!(minute, 60);
            now += 3_600 * SECOND;
            assert_eq!(passing(rate, &mut moment, now), 10);
        }
    }

    #[test]
    fn g8_a_clock_that_jumps_gives_no_burst_and_locks_nobody_out_for_ever() {
        let rate = Rate::of(Quota::per_minute(60).burst(10));
        let now = 86_400 * SECOND;
        let mut moment = 0;
        passing(rate, &mut moment, now);
        // An hour back: nothing comes back sooner than it would have.
        assert_eq!(passing(rate, &mut moment, now - 3_600 * SECOND), 0);
        assert_eq!(passing(rate, &mut moment, now), 0);
        // A day forward: no more than one burst.
        assert_eq!(passing(rate, &mut moment, now + 86_400 * SECOND), 10);
    }

    #[test]
    fn whoever_is_refused_is_told_when_there_is_enough() {
        let rate = Rate::of(Quota::per_minute(60).burst(10));
        let mut moment = 0;
        passing(rate, &mut moment, 5 * SECOND);
        let Err(Wait(wait)) = rate.take(moment, 5 * SECOND, 3) else {
            panic!("three more passed");
        };
        assert_eq!(wait, 3 * SECOND);
        assert!(rate.take(moment, 5 * SECOND + wait - 1, 3).is_err());
        assert!(rate.take(moment, 5 * SECOND + wait, 3).is_ok());
    }

    #[test]
    fn the_largest_numbers_overflow_nothing() {
        let rate = Rate::of(Quota::per_day(1).burst(u32::MAX));
        assert!(rate.take(u64::MAX, u64::MAX, u32::MAX).is_ok());
        assert!(Rate::of(Quota::per_day(1)).take(0, 0, u32::MAX).is_err());
        let fast = Rate::of(Quota::per_second(u32::MAX));
        assert!(fast.take(0, 0, u32::MAX).is_ok());
    }
}
