//! How long requests take.

use super::plain::plain;
use super::stopwatch::Stopwatch;
use super::{Middleware, Next, Request, Response};
use crate::ToolError;

/// Logs how long each request took, at level `debug`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Timing;

impl Timing {
    /// Logs how long each request took.
    pub const fn new() -> Self {
        Self
    }
}

impl Middleware for Timing {
    async fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        let method = request.context().method();
        let component = request.component().unwrap_or_default().to_owned();
        let watch = Stopwatch::start();
        let outcome = next.run(request).await;
        tracing::debug!(
            target: "countersign::timing",
            method,
            component = %plain(&component),
            microseconds = u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX),
            "timed"
        );
        outcome
    }
}
