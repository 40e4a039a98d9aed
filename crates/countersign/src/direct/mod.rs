//! The direct lane: from the envelope straight to the handler, polled inline in
//! the future of the HTTP request. No task, no channel, no second parse.
//!
//! What was done before: the caller is authenticated, header and body agree, and
//! for everything that names a component the permit is here.

mod lists;
mod stream;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::Context;
use crate::front::{Answer, Era, answer};
use crate::protocol::ErrorData;

pub(crate) use lists::{LIST_TTL_MS, discover, initialize, list};
pub(crate) use stream::answer_inline;

/// A call on its way: resolves to the JSON text of the `result` member.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Outcome, ErrorData>> + Send>>;

/// What a handler answered.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The result of a tool.
    Tool(crate::protocol::CallToolResponse),
    /// The contents of a resource.
    Resource(crate::protocol::ReadResourceResponse),
    /// A rendered prompt.
    Prompt(crate::protocol::GetPromptResponse),
    /// JSON text of a result that was made of serialized parts.
    Text(Bytes),
}

/// What the direct lane needs to know of a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) era: Era,
    /// The JSON text of the id.
    pub(crate) id: Bytes,
    pub(crate) context: Context,
    /// The longest time a call may take.
    pub(crate) patience: Duration,
    /// How long the token of the caller is good, if it ends: no stream outlives it.
    pub(crate) token_left: Option<Duration>,
    /// How often a silent stream shows that it lives.
    pub(crate) keep_alive: Duration,
    /// Whether results of this server may be shared between callers.
    pub(crate) public: bool,
}

/// Answers at once with a result.
pub(crate) fn result(id: &str, result: &impl serde::Serialize) -> Response<Answer> {
    answer::json(answer::result_text(id, result))
}

/// Answers at once with a result that is JSON text already.
pub(crate) fn text(id: &str, result: &Bytes) -> Response<Answer> {
    let outcome = Outcome::Text(result.clone());
    answer::json(stream::outcome_text(&Era::Modern, id, outcome, false))
}
