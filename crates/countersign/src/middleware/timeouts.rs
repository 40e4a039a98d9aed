//! Tools that take too long are ended.

use std::collections::HashMap;
use std::time::Duration;

use super::{Middleware, Next, ToolCall};
use crate::ToolError;
use crate::protocol::CallToolResponse;

/// Ends tools that take too long. The client reads an error result that says so.
///
/// The future of the tool is dropped, and [`Context::cancellation`] is cancelled, for
/// work that it spawned. Middleware further in counts as part of the tool. What is not
/// named here, and has no default, keeps the time of the server alone.
///
/// ```
/// use std::time::Duration;
///
/// use countersign::Server;
/// use countersign::middleware::Timeouts;
///
/// let server = Server::new("Reports").middleware(
///     Timeouts::new()
///         .all_tools(Duration::from_secs(5))
///         .tool("yearly_report", Duration::from_secs(30)),
/// );
/// # let _ = server;
/// ```
///
/// [`Context::cancellation`]: crate::Context::cancellation
#[derive(Clone, Debug, Default)]
pub struct Timeouts {
    all: Option<Duration>,
    tools: HashMap<String, Duration>,
}

impl Timeouts {
    /// No tool has a time of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each tool may take that is not named.
    #[must_use]
    pub const fn all_tools(mut self, time: Duration) -> Self {
        self.all = Some(time);
        self
    }

    /// How long the tool `name` may take, whatever the others may.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, time: Duration) -> Self {
        self.tools.insert(name.into(), time);
        self
    }
}

impl Middleware for Timeouts {
    async fn on_call_tool(
        &self,
        call: ToolCall,
        next: Next<'_, ToolCall>,
    ) -> Result<CallToolResponse, ToolError> {
        let Some(time) = self.tools.get(call.name()).copied().or(self.all) else {
            return next.run(call).await;
        };
        let context = call.context().clone();
        match tokio::time::timeout(time, next.run(call)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                context.abandon();
                Err(ToolError::new(format!(
                    "The tool was ended because it took longer than {time:?}"
                )))
            }
        }
    }
}
