//! Points in time and spans, in whole seconds.
//!
//! A [`UnixTime`] is always handed in by the caller; this crate has no clock.

use std::fmt;
use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z, ignoring leap seconds (RFC 7519 §2, NumericDate).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The time `seconds` after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// `self + span`, stopping at the largest representable time.
    #[must_use]
    pub const fn saturating_add(self, span: Lifetime) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// `self - span`, stopping at the epoch.
    #[must_use]
    pub const fn saturating_sub(self, span: Lifetime) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How long it takes from `earlier` to `self`; nothing if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Lifetime {
        Lifetime(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells the time to everything that judges lifetimes. This crate implements
/// it nowhere: whoever runs a server brings one.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> UnixTime;

    /// Now in milliseconds since 1970, for what is noted; whole seconds unless the clock
    /// can tell more.
    fn now_millis(&self) -> u64 {
        self.now().as_secs().saturating_mul(1000)
    }
}

/// A span of time in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lifetime(u64);

impl Lifetime {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `seconds`.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// A span of `minutes`.
    pub const fn from_mins(minutes: u64) -> Self {
        Self(minutes.saturating_mul(60))
    }

    /// A span of `hours`.
    pub const fn from_hours(hours: u64) -> Self {
        Self(hours.saturating_mul(3600))
    }

    /// Whole seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The same span for timers.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}
