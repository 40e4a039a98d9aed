//! How much sessions and streams may cost.

use std::time::Duration;

/// Limits of sessions and of streams that stay open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionLimits {
    /// Open sessions, and open streams without a session, of one caller: a
    /// principal, or the anonymous callers of one address. The next is answered
    /// 429. Default 100.
    pub per_caller: usize,
    /// Open sessions, and open streams without a session, altogether. The next is
    /// answered 503. Default 10,000.
    pub total: usize,
    /// How long a session without requests and without an open stream lives.
    /// Default 30 minutes.
    pub idle: Duration,
    /// How long a new session may take to be initialized. Default 60 seconds.
    pub initialize: Duration,
    /// How often an idle stream carries a comment, so that nobody in between
    /// closes it. Default 15 seconds.
    pub keep_alive: Duration,
    /// How long a call may be silent before its answer becomes a stream.
    /// Default 10 seconds.
    pub patience: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            per_caller: 100,
            total: 10_000,
            idle: Duration::from_secs(30 * 60),
            initialize: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            patience: Duration::from_secs(10),
        }
    }
}
