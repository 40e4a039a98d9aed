//! How often something may be done: so many in a period, so many at once.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const SECOND: u64 = 1_000_000_000;

/// The time over which a [`Quota`] is spread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Period {
    Second,
    Minute,
    Hour,
    Day,
}

impl Period {
    const fn nanoseconds(self) -> u64 {
        match self {
            Self::Second => SECOND,
            Self::Minute => 60 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Day => 86_400 * SECOND,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// So many requests in a period, so many of them at once.
///
/// What is used up comes back evenly: of `Quota::per_minute(100)` one request every 0.6
/// seconds. Whoever was away has the whole burst, which is the quota itself unless
/// [`Quota::burst`] says otherwise. So at no moment more than the burst can be done at
/// once, and in any period no more than the burst and the quota together.
///
/// ```
/// use countersign_resource_server::limit::Quota;
///
/// let quota = Quota::per_minute(100).burst(20);
/// assert_eq!(quota, "100/min".parse::<Quota>()?.burst(20));
/// # Ok::<(), countersign_resource_server::limit::InvalidQuota>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Quota {
    most: u32,
    period: Period,
    burst: u32,
}

/// Why a text is no quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("write a number from 1 on and a period: `100/min`, `10/s`, `500/hour`, `10000/day`")]
#[non_exhaustive]
pub struct InvalidQuota;

impl Quota {
    const fn new(most: u32, period: Period) -> Self {
        Self {
            most,
            period,
            burst: most,
        }
    }

    /// `most` requests a second.
    pub const fn per_second(most: u32) -> Self {
        Self::new(most, Period::Second)
    }

    /// `most` requests a minute.
    pub const fn per_minute(most: u32) -> Self {
        Self::new(most, Period::Minute)
    }

    /// `most` requests an hour.
    pub const fn per_hour(most: u32) -> Self {
        Self::new(most, Period::Hour)
    }

    /// `most` requests a day.
    pub const fn per_day(most: u32) -> Self {
        Self::new(most, Period::Day)
    }

    /// At most `requests` at once.
    #[must_use]
    pub const fn burst(mut self, requests: u32) -> Self {
        self.burst = requests;
        self
    }

    /// The same quota `times` as large.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self {
            most: self.most.saturating_mul(times),
            period: self.period,
            burst: self.burst.saturating_mul(times),
        }
    }

    /// How many requests a period has.
    pub const fn most(self) -> u32 {
        self.most
    }

    /// How many requests can be done at once.
    pub const fn at_once(self) -> u32 {
        self.burst
    }

    /// The period, in whole seconds.
    pub const fn period_secs(self) -> u64 {
        self.period.nanoseconds() / SECOND
    }

    /// The period as a word: `second`, `minute`, `hour` or `day`.
    pub const fn period_word(self) -> &'static str {
        self.period.word()
    }

    /// Whether nobody could ever do anything.
    pub(super) const fn is_nothing(self) -> bool {
        self.most == 0 || self.burst == 0
    }

    /// How long it takes until one request has come back, in nanoseconds.
    pub(super) const fn interval(self) -> u64 {
        let most = if self.most == 0 { 1 } else { self.most };
        self.period.nanoseconds() / most as u64
    }
}

impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        let (most, period) = text.trim().split_once('/').ok_or(InvalidQuota)?;
        let period = match period.trim() {
            "s" | "sec" | "second" => Period::Second,
            "m" | "min" | "minute" => Period::Minute,
            "h" | "hour" => Period::Hour,
            "d" | "day" => Period::Day,
            _ => return Err(InvalidQuota),
        };
        let most = most.trim();
        if !most.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidQuota);
        }
        match most.parse() {
            Ok(most) if most > 0 => Ok(Self::new(most, period)),
            _ => Err(InvalidQuota),
        }
    }
}

/// `100 requests per minute`, as the answer to whoever used it up says it.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.most == 1 {
            "request"
        } else {
            "requests"
        };
        write!(f, "{} {noun} per {}", self.most, self.period.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quota_is_refused() {
        for text in [
            "",
            "100",
            "/min",
            "0/min",
            "-1/min",
            "+1/min",
            "1.5/min",
            "100/week",
            "100/",
            "100/min/s",
            "4294967296/s",
            "1e3/s",
        ] {
            assert_eq!(text.parse::<Quota>(), Err(InvalidQuota), "{text}");
        }
    }

    #[test]
    fn a_quota_is_read_in_several_spellings_and_said_in_one() {
        for (text, quota, words) in [
            ("100/min", Quota::per_minute(100), "100 requests per minute"),
            (" 1 / s ", Quota::per_second(1), "1 request per second"),
            ("5/hour", Quota::per_hour(5), "5 requests per hour"),
            ("7/d", Quota::per_day(7), "7 requests per day"),
        ] {
            let read: Quota = text.parse().unwrap();
            assert_eq!(read, quota);
            assert_eq!(read.to_string(), words);
            assert_eq!(read.at_once(), read.most());
        }
        assert_eq!(Quota::per_minute(100).interval(), 600_000_000);
    }
}
