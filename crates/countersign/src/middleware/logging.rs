//! Who asked for what, how long it took and how it ended.

use super::plain::plain;
use super::stopwatch::Stopwatch;
use super::{Middleware, Next, Request, Response};
use crate::protocol::CallToolResponse;
use crate::{AccessToken, ToolError};

/// How much of a payload is logged, in characters.
const LONGEST_PAYLOAD: usize = 2000;

/// Logs each request, at level `info`: issuer, subject and client of the verified
/// token, the method, the component, how long it took and how it ended.
///
/// Arguments and results stay out of the log unless [`Self::payloads`] was called;
/// tokens always do.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Logging {
    payloads: bool,
}

impl Logging {
    /// Without payloads.
    pub const fn new() -> Self {
        Self { payloads: false }
    }

    /// With the arguments and results of tools, cut off after 2000 characters.
    ///
    /// # Security
    ///
    /// They hold what people typed and what tools found: the log becomes as
    /// sensitive as the most sensitive tool.
    #[must_use]
    pub const fn payloads(mut self) -> Self {
        self.payloads = true;
        self
    }
}

impl Middleware for Logging {
    async fn on_request(
        &self,
        request: Request,
        next: Next<'_, Request>,
    ) -> Result<Response, ToolError> {
        let context = request.context().clone();
        let component = request.component().unwrap_or_default().to_owned();
        let arguments = match &request {
            Request::ToolCall(call) if self.payloads => Some(call.arguments.text()),
            _ => None,
        };
        let watch = Stopwatch::start();
        let outcome = next.run(request).await;
        let token = context.access_token();
        tracing::info!(
            target: "countersign::requests",
            issuer = %plain(token.map_or("", AccessToken::iss)),
            subject = %plain(token.map_or("anonymous", AccessToken::sub)),
            client = %plain(context.client_id().unwrap_or_default()),
            method = context.method(),
            component = %plain(&component),
            milliseconds = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome = ending(&outcome),
            "request"
        );
        if let Some(arguments) = arguments {
            let result = match &outcome {
                Ok(Response::ToolCall(CallToolResponse::Complete(result))) => {
                    serde_json::to_string(result).unwrap_or_default()
                }
                _ => String::new(),
            };
            tracing::info!(
                target: "countersign::payloads",
                method = context.method(),
                component = %plain(&component),
                arguments = %plain(&arguments).up_to(LONGEST_PAYLOAD),
                result = %plain(&result).up_to(LONGEST_PAYLOAD),
                "payload"
            );
        }
        outcome
    }
}

/// How a request ended, in a word.
fn ending(outcome: &Result<Response, ToolError>) -> &'static str {
    match outcome {
        Ok(Response::ToolCall(CallToolResponse::InputRequired(_))) => "input required",
        Ok(Response::ToolCall(CallToolResponse::Complete(result)))
            if result.is_error == Some(true) =>
        {
            "tool error"
        }
        Ok(_) => "ok",
        Err(error) => error.noun(),
    }
}
