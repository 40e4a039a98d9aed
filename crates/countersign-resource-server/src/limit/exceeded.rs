//! What whoever did too much is told.

use std::fmt;

use countersign_oauth::Lifetime;

use super::quota::Quota;

/// Whose budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Budget {
    /// That of a user: an issuer's subject.
    User,
    /// That of an OAuth client.
    Client,
    /// That of an API key.
    Key,
    /// That of an address.
    Address,
    /// That of a caller for one component.
    Component,
    /// The places of a component that runs too often at once.
    Concurrency,
}

impl Budget {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Key => "key",
            Self::Address => "address",
            Self::Component => "component",
            Self::Concurrency => "concurrency",
        }
    }
}

/// A request that is one too many: 429 (RFC 6585 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Exceeded {
    /// Whose budget is used up.
    pub budget: Budget,
    /// When to try again: whole seconds, rounded up, at least one (RFC 9110 §10.2.3).
    pub retry_after: Lifetime,
    message: String,
}

/// What somebody is told of whom nothing is known.
pub const TRY_LATER: &str = "Rate limit exceeded. Please try again later.";

impl Exceeded {
    pub(super) fn new(budget: Budget, nanoseconds: u64, message: String) -> Self {
        let seconds = nanoseconds.div_ceil(1_000_000_000).max(1);
        Self {
            budget,
            retry_after: Lifetime::from_secs(seconds),
            message,
        }
    }

    /// The budget of `subject`, who is told who they are.
    pub(super) fn of(budget: Budget, nanoseconds: u64, quota: Quota, subject: &str) -> Self {
        let message = match budget {
            Budget::User => format!("Rate limit exceeded for user {subject}. Max {quota}."),
            Budget::Client => format!("Rate limit exceeded for client {subject}. Max {quota}."),
            Budget::Key => format!("Rate limit exceeded for API key {subject}. Max {quota}."),
            Budget::Component => format!("Rate limit exceeded for {subject}. Max {quota}."),
            Budget::Address | Budget::Concurrency => TRY_LATER.to_owned(),
        };
        Self::new(budget, nanoseconds, message)
    }

    /// What the caller is told: the quota, never how much of it is left.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
