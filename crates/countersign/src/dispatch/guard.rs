//! A handler that panics fails its call and nothing else.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::context;
use crate::protocol::ErrorData;
use crate::{Context, ToolError};

/// Runs a handler as the call of `context`. The text of a panic stays here.
pub(crate) async fn guarded<T, F>(context: Context, running: F) -> Result<T, ToolError>
where
    F: Future<Output = Result<T, ToolError>>,
{
    let method = context.method();
    let running = AssertUnwindSafe(context::within(context, running)).catch_unwind();
    running.await.unwrap_or_else(|_panic| {
        tracing::error!(method, "a handler panicked");
        Err(ToolError::protocol(ErrorData::internal_error(
            "Internal error",
            None,
        )))
    })
}
