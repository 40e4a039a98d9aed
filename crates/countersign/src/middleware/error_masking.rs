//! Fixed sentences instead of what went wrong.

use super::{Middleware, Next, Request, Response};
use crate::ToolError;
use crate::protocol::{CallToolResponse, CallToolResult, ContentBlock};

/// What clients read instead.
const TOOL_FAILED: &str = "The tool failed";

/// Hides from clients what went wrong inside, even where a tool said it in words.
///
/// Without this, errors of libraries are hidden already, and what was given to
/// [`ToolError::new`] is shown. With it, that is hidden too. What is wrong with
/// the request itself is still told apart by its code.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ErrorMasking;

impl ErrorMasking {
    /// Hides every message.
    pub const fn new() -> Self {
        Self
    }
}

impl Middleware for ErrorMasking {
    async fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        let method = request.context().method();
        match next.run(request).await {
            Ok(Response::ToolCall(CallToolResponse::Complete(result)))
                if result.is_error == Some(true) =>
            {
                tracing::debug!(method, "an error result was masked");
                let masked = CallToolResult::error(vec![ContentBlock::text(TOOL_FAILED)]);
                Ok(Response::ToolCall(CallToolResponse::Complete(masked)))
            }
            Ok(response) => Ok(response),
            Err(error) => {
                tracing::debug!(method, outcome = error.noun(), "an error was masked");
                Err(error.masked(TOOL_FAILED))
            }
        }
    }
}
