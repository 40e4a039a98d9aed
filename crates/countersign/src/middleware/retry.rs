//! Tools that failed are tried again, where that does no harm.

use std::collections::HashSet;
use std::time::Duration;

use super::{Middleware, Next, ToolCall};
use crate::ToolError;
use crate::protocol::CallToolResponse;

/// Tries tools again that failed inside: the connection to a database broke, say.
///
/// A tool is repeated only if it says that it reads or is idempotent (the annotations
/// `readOnlyHint` and `idempotentHint`), or was named here. What a tool tells the caller
/// in words ([`ToolError::new`]), invalid arguments and missing scopes are answers, and
/// no reason to try again; neither is a call that asked the client something, nor one
/// that was ended because it took too long. Handlers that were written for the SDK run
/// once.
///
/// Three attempts by default, with one second before the second, twice as much before
/// the next and never more than a minute. All of it has to fit into the time that the
/// server gives a call.
#[derive(Clone, Debug)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    longest: Duration,
    tools: HashSet<String>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            tools: HashSet::new(),
        }
    }
}

impl Retry {
    /// Three attempts of each tool that says that it may be repeated.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often a tool is tried at most, the first time included.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long to wait before the second attempt, and how long at most: the time
    /// doubles with each.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// The tool `name` may be repeated, whatever it says about itself.
    ///
    /// # Security
    ///
    /// A tool that failed may have done half of its work, and does it twice then.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>) -> Self {
        self.tools.insert(name.into());
        self
    }

    fn may_repeat(&self, call: &ToolCall) -> bool {
        let says_so = call.annotations().is_some_and(|annotations| {
            annotations.read_only_hint == Some(true) || annotations.idempotent_hint == Some(true)
        });
        says_so || self.tools.contains(call.name())
    }
}

impl Middleware for Retry {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        if next.is_foreign() || !self.may_repeat(&call) {
            return next.run(call).await;
        }
        let mut wait = self.first.min(self.longest);
        for attempt in 1..self.attempts {
            match next.clone().run(call.clone()).await {
                Err(error) if error.is_internal() && !call.context().has_asked() => {
                    tracing::warn!(
                        tool = call.name(),
                        attempt,
                        "a tool failed and is tried again"
                    );
                }
                outcome => return outcome,
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(self.longest);
        }
        next.run(call).await
    }
}
