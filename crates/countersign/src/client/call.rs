//! One call of a tool, and its terms.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolRequest, ClientRequest, ServerResult};
use serde_json::Value;

use super::calls::unexpected;
use super::request::{Inputs, Terms};
use super::{Client, ClientError};
use crate::protocol::{
    CallToolRequestParams, CallToolResult, JsonObject, ProgressNotificationParam,
};

/// A call that is described and not made: awaiting it makes it, and dropping it on the
/// way cancels it at the server.
///
/// ```no_run
/// use std::time::Duration;
/// # async fn example(client: countersign::client::Client) -> Result<(), countersign::client::ClientError> {
/// let report: String = client
///     .call("report", serde_json::json!({"year": 2026}))
///     .timeout(Duration::from_secs(300))
///     .on_progress(|said| eprintln!("{} of {:?}", said.progress, said.total))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is called before it is awaited"]
pub struct Call<'a, T> {
    client: &'a Client,
    name: String,
    arguments: Result<JsonObject, ClientError>,
    terms: Terms,
    read: fn(CallToolResult) -> Result<T, ClientError>,
}

impl<'a, T> Call<'a, T> {
    pub(super) fn new(
        client: &'a Client,
        name: String,
        arguments: Result<JsonObject, ClientError>,
        read: fn(CallToolResult) -> Result<T, ClientError>,
    ) -> Self {
        let terms = Terms::of(client.patience);
        Self {
            client,
            name,
            arguments,
            terms,
            read,
        }
    }

    /// Waits `timeout` for a sign of life in this call, instead of what the connection
    /// was told ([`Connect::timeout`](super::Connect::timeout)).
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.patience.timeout = timeout;
        self
    }

    /// Ends this call after `cap`, with all its rounds, instead of what the connection
    /// was told ([`Connect::overall_cap`](super::Connect::overall_cap)).
    pub const fn overall_cap(mut self, cap: Duration) -> Self {
        self.terms.patience.overall_cap = cap;
        self
    }

    /// Calls `hear` when the server says how far this call is, before whoever hears of
    /// all calls ([`Connect::on_progress`](super::Connect::on_progress)).
    pub fn on_progress(
        mut self,
        hear: impl Fn(ProgressNotificationParam) + Send + Sync + 'static,
    ) -> Self {
        self.terms.progress = Some(Arc::new(hear));
        self
    }

    /// Says `value` under `key` in the `_meta` of this call, such as
    /// `com.example/tenant`. Keys that begin with `io.modelcontextprotocol/` and
    /// `progressToken` belong to the protocol.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.terms.meta.insert(key.into(), value.into());
        self
    }

    async fn make(mut self) -> Result<T, ClientError> {
        let (name, arguments) = (self.name, self.arguments?);
        // Time counts from now on.
        self.terms.deadline = self.terms.patience.deadline();
        let make = |inputs: Inputs| {
            let params = CallToolRequestParams::new(name.clone());
            let mut params = params.with_arguments(arguments.clone());
            (params.input_responses, params.request_state) = (inputs.responses, inputs.state);
            ClientRequest::CallToolRequest(CallToolRequest::new(params))
        };
        match self.client.rounds(&self.terms, make).await? {
            ServerResult::CallToolResult(result) => (self.read)(result),
            _ => Err(unexpected()),
        }
    }
}

impl<'a, T: 'a> IntoFuture for Call<'a, T> {
    type Output = Result<T, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    /// Without the arguments, which may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("name", &self.name)
            .field("timeout", &self.terms.patience.timeout)
            .finish_non_exhaustive()
    }
}
