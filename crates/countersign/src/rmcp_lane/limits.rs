//! How much sessions and streams may cost.

use std::time::Duration;

use countersign_resource_server::ConfigurationError;

/// Limits of sessions and of streams that stay open.
///
/// ```
/// use std::time::Duration;
/// use countersign::{Server, SessionLimits};
///
/// let limits = SessionLimits::new()
///     .per_caller(10)
///     .idle(Duration::from_secs(5 * 60));
/// let server = Server::new("Busy").session_limits(limits);
/// # let _ = server;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    pub(crate) per_caller: usize,
    pub(crate) total: usize,
    pub(crate) idle: Duration,
    pub(crate) initialize: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) patience: Duration,
    pub(crate) running_calls: usize,
    pub(crate) replay: Replay,
}

/// What is kept of each stream for a client that lost its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            events: 64,
            bytes: 256 * 1024,
        }
    }
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
            running_calls: 256,
            replay: Replay::default(),
        }
    }
}

impl SessionLimits {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Open sessions, and open streams without a session, of one caller: a
    /// principal, or the anonymous callers of one address. The next is answered
    /// 429. Default 100.
    #[must_use]
    pub const fn per_caller(mut self, sessions: usize) -> Self {
        self.per_caller = sessions;
        self
    }

    /// Open sessions, and open streams without a session, altogether. The next is
    /// answered 503. Default 10,000.
    #[must_use]
    pub const fn total(mut self, sessions: usize) -> Self {
        self.total = sessions;
        self
    }

    /// How long a session without requests and without an open stream lives.
    /// Default 30 minutes.
    #[must_use]
    pub const fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// How long a new session may take to be initialized. Default 60 seconds.
    #[must_use]
    pub const fn initialize(mut self, time: Duration) -> Self {
        self.initialize = time;
        self
    }

    /// How often an idle stream carries a comment, so that nobody in between closes
    /// it. It is for every event stream, also of requests without a session.
    /// Default 15 seconds.
    #[must_use]
    pub const fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How long a call in a session may be silent before its answer becomes a
    /// stream. Default 10 seconds.
    #[must_use]
    pub const fn silence(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Calls of one session that run at once. The next is answered 429. Default 256.
    #[must_use]
    pub const fn running_calls(mut self, calls: usize) -> Self {
        self.running_calls = calls;
        self
    }

    /// Events of each stream that are kept for a client that lost its connection.
    /// Default 64.
    #[must_use]
    pub const fn replay_events(mut self, events: usize) -> Self {
        self.replay.events = events;
        self
    }

    /// Bytes of each stream that are kept for a client that lost its connection.
    /// Default 256 KiB.
    #[must_use]
    pub const fn replay_bytes(mut self, bytes: usize) -> Self {
        self.replay.bytes = bytes;
        self
    }

    /// Nothing works with a limit of zero; only replay may be off.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the limit.
    pub(crate) fn check(&self) -> Result<(), ConfigurationError> {
        let zero = [
            ("per_caller", self.per_caller == 0),
            ("total", self.total == 0),
            ("running_calls", self.running_calls == 0),
            ("idle", self.idle.is_zero()),
            ("initialize", self.initialize.is_zero()),
            ("keep_alive", self.keep_alive.is_zero()),
        ];
        match zero.iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(ConfigurationError::new(format!(
                "the session limit `{name}` is zero, and nothing would work: set more, or leave \
                 it out"
            ))),
            None => Ok(()),
        }
    }
}
