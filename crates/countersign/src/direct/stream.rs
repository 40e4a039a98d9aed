//! One call, polled inline: a JSON answer, upgraded to a stream of events when
//! the handler emits something first.
//!
//! When the client closes the connection, the future or the body that owns the
//! handler is dropped: that is the cancellation (MCP 2026-07-28, transport).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use http_body::{Body, Frame};
use tokio::time::Sleep;

use super::{Outcome, Request, Running};
use crate::Context;
use crate::audit;
use crate::dispatch::too_long;
use crate::front::{Answer, BoxError, Era, answer};
use crate::protocol::{
    CallToolResponse, ErrorCode, ErrorData, GetPromptResponse, ReadResourceResponse,
};
use crate::telemetry::Operation;

/// Tells what the call spawned that nobody waits any more.
struct Call {
    running: Running,
    context: Context,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.context.abandon();
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one statement and is never stored"
)]
enum Step {
    Finished(Result<Outcome, ErrorData>),
    Emitted,
    TooLong,
}

/// Runs `running` and answers.
pub(crate) fn answer_inline(
    request: Request,
    running: Running,
) -> impl Future<Output = Response<Answer>> + Send {
    let mut call = Call {
        running: audit::operation().around(running),
        context: request.context.clone(),
    };
    // The arguments of an asynchronous function take their room twice.
    async move {
        let mut deadline: Option<Pin<Box<Sleep>>> = None;
        let step = poll_fn(|task| {
            if let Poll::Ready(outcome) = call.running.as_mut().poll(task) {
                return Poll::Ready(Step::Finished(outcome));
            }
            if has_emitted(&call.context, task) {
                return Poll::Ready(Step::Emitted);
            }
            // Most calls are ready at the first poll and never need the timer.
            let deadline =
                deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(request.patience)));
            deadline.as_mut().poll(task).map(|()| Step::TooLong)
        })
        .await;
        match step {
            Step::Finished(outcome) if !waits(&call.context) => finished(&request, outcome),
            Step::Finished(outcome) => stream(request, call, deadline, Some(outcome)),
            Step::Emitted => stream(request, call, deadline, None),
            Step::TooLong => finished(&request, Err(too_long())),
        }
    }
}

fn waits(context: &Context) -> bool {
    context.outbox().is_some_and(|outbox| !outbox.is_empty())
}

fn has_emitted(context: &Context, task: &TaskContext<'_>) -> bool {
    context.outbox().is_some_and(|outbox| {
        outbox.wake_at_next(task.waker());
        !outbox.is_empty()
    })
}

fn finished(request: &Request, outcome: Result<Outcome, ErrorData>) -> Response<Answer> {
    let id = std::str::from_utf8(&request.id).unwrap_or("null");
    match outcome {
        Ok(outcome) => {
            tell_failure(&outcome, &audit::operation());
            answer::json(outcome_text(&request.era, id, outcome, request.public))
        }
        Err(error) => answer::failed(&request.era, Some(id), &for_era(&request.era, error)),
    }
}

/// A tool that failed has answered all the same.
fn tell_failure(outcome: &Outcome, operation: &Operation) {
    if let Outcome::Tool(CallToolResponse::Complete(result)) = outcome
        && result.is_error == Some(true)
    {
        operation.tool_failed();
    }
}

/// Resource not found: −32002 up to 2025-11-25, −32602 since (SEP-2164).
fn for_era(era: &Era, mut error: ErrorData) -> ErrorData {
    if *era == Era::Modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}

/// The message that ends a call. Members that the era does not know are left out.
pub(super) fn outcome_text(era: &Era, id: &str, outcome: Outcome, public: bool) -> Bytes {
    let legacy = matches!(era, Era::Legacy(_));
    match outcome {
        Outcome::Text(text) => {
            let mut message = Vec::with_capacity(text.len() + id.len() + 40);
            message.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
            message.extend_from_slice(id.as_bytes());
            message.extend_from_slice(b",\"result\":");
            message.extend_from_slice(&text);
            message.push(b'}');
            Bytes::from(message)
        }
        Outcome::Tool(CallToolResponse::Complete(mut result)) => {
            if legacy {
                result.result_type = None;
            }
            answer::result_text(id, &result)
        }
        Outcome::Prompt(GetPromptResponse::Complete(mut result)) => {
            if legacy {
                result.result_type = None;
            }
            answer::result_text(id, &result)
        }
        Outcome::Resource(ReadResourceResponse::Complete(mut result)) => {
            if legacy {
                result.result_type = None;
                result.ttl_ms = None;
                result.cache_scope = None;
            } else {
                result.ttl_ms.get_or_insert(0);
                let scope = if public {
                    rmcp::model::CacheScope::Public
                } else {
                    rmcp::model::CacheScope::Private
                };
                result.cache_scope.get_or_insert(scope);
            }
            answer::result_text(id, &result)
        }
        Outcome::Tool(CallToolResponse::InputRequired(result))
        | Outcome::Resource(ReadResourceResponse::InputRequired(result))
        | Outcome::Prompt(GetPromptResponse::InputRequired(result))
            if !legacy =>
        {
            answer::result_text(id, &result)
        }
        Outcome::Tool(_) | Outcome::Resource(_) | Outcome::Prompt(_) => {
            let error = ErrorData::internal_error("This client cannot be asked for input", None);
            answer::error_text(Some(id), &error)
        }
    }
}

fn stream(
    request: Request,
    call: Call,
    deadline: Option<Pin<Box<Sleep>>>,
    outcome: Option<Result<Outcome, ErrorData>>,
) -> Response<Answer> {
    let mut deadline = deadline.unwrap_or_else(|| Box::pin(tokio::time::sleep(request.patience)));
    if let Some(left) = request.token_left {
        let end = tokio::time::Instant::now() + left;
        if end < deadline.deadline() {
            deadline.as_mut().reset(end);
        }
    }
    let events = Events {
        keep_alive: Box::pin(tokio::time::sleep(request.keep_alive)),
        operation: audit::operation(),
        request,
        call: Some(call),
        deadline,
        outcome,
    };
    event_stream(events)
}

/// A response of server-sent events.
pub(crate) fn event_stream<B>(events: B) -> Response<Answer>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut response = Response::new(Answer::stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // TR-20: a buffering proxy would hold the events back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// The rest of a call as events.
struct Events {
    request: Request,
    /// What is told of it ends with the last event.
    operation: Operation,
    call: Option<Call>,
    deadline: Pin<Box<Sleep>>,
    keep_alive: Pin<Box<Sleep>>,
    outcome: Option<Result<Outcome, ErrorData>>,
}

impl Events {
    fn poll_event(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        let Some(call) = self.call.as_mut() else {
            return Poll::Ready(None);
        };
        if self.outcome.is_none() {
            if let Poll::Ready(outcome) = call.running.as_mut().poll(task) {
                self.outcome = Some(outcome);
            } else if self.deadline.as_mut().poll(task).is_ready() {
                self.outcome = Some(Err(too_long()));
            }
        }
        if let Some(outbox) = call.context.outbox() {
            outbox.wake_at_next(task.waker());
            if let Some(message) = outbox.pop() {
                return Poll::Ready(Some(event(&message)));
            }
        }
        if let Some(outcome) = self.outcome.take() {
            self.call = None;
            return Poll::Ready(Some(self.last(outcome)));
        }
        if self.keep_alive.as_mut().poll(task).is_ready() {
            let next = tokio::time::Instant::now() + self.request.keep_alive;
            self.keep_alive.as_mut().reset(next);
            // Registers the timer again for the next round.
            let _ = self.keep_alive.as_mut().poll(task);
            return Poll::Ready(Some(Bytes::from_static(b": alive\n\n")));
        }
        Poll::Pending
    }

    fn last(&self, outcome: Result<Outcome, ErrorData>) -> Bytes {
        let id = std::str::from_utf8(&self.request.id).unwrap_or("null");
        let era = &self.request.era;
        event(&match outcome {
            Ok(outcome) => {
                tell_failure(&outcome, &self.operation);
                outcome_text(era, id, outcome, self.request.public)
            }
            Err(error) => {
                let error = for_era(era, error);
                self.operation.failed(error.code.0);
                answer::error_text(Some(id), &error)
            }
        })
    }
}

/// One event. JSON text has no line break, so it is one line of data.
pub(crate) fn event(message: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(message.len() + 24);
    text.extend_from_slice(b"event: message\ndata: ");
    text.extend_from_slice(message);
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

impl Body for Events {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.poll_event(task)
            .map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
