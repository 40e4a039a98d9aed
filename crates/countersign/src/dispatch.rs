//! From a permit to an answer. Both lanes meet here.
//!
//! What was done before: the caller is authenticated, the envelope is parsed,
//! and every policy agreed; the [`Permit`] proves it and is spent here.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use countersign_resource_server::Caller;
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::policy::{self, Action, Denial, Permit, Policy};
use futures_util::FutureExt;

use crate::component::{Arguments, Variables};
use crate::context::{self, Shared};
use crate::protocol::{
    CallToolResponse, CallToolResult, ContentBlock, ErrorData, GetPromptResponse, Implementation,
    ReadResourceResponse, ServerCapabilities,
};
use crate::registry::{PromptEntry, Registry, ResourceEntry, ToolEntry};
use crate::tool_error::{self, Kind};
use crate::{Context, ToolError};

/// What a server is made of, once it is built.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) registry: Registry,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) capabilities: ServerCapabilities,
}

impl Core {
    /// Asks every policy whether `caller` may do `action`.
    pub(crate) fn permit(
        &self,
        caller: &Caller,
        action: &Action<'_>,
        now: UnixTime,
    ) -> Result<Permit, Denial> {
        policy::decide(&self.policies, caller, action, now)
    }

    /// Calls a tool.
    pub(crate) async fn call_tool(
        &self,
        permit: Permit,
        entry: &ToolEntry,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<CallToolResponse, ErrorData> {
        let outcome = match entry.handler.call(context.clone(), arguments) {
            Ok(running) => guarded(context, permit, running).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(result) => Ok(CallToolResponse::Complete(entry.definition.wrapped(result))),
            Err(error) => tool_failure(error),
        }
    }

    /// Reads a resource.
    pub(crate) async fn read_resource(
        &self,
        permit: Permit,
        entry: &ResourceEntry,
        context: Context,
        uri: &str,
        variables: Variables,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let running = entry
            .handler
            .read(context.clone(), uri, variables)
            .map_err(ToolError::into_error_data)?;
        match guarded(context, permit, running).await {
            Ok(result) => Ok(ReadResourceResponse::Complete(result)),
            Err(error) => match error.into_kind() {
                Kind::InputRequired(result) => Ok(ReadResourceResponse::InputRequired(result)),
                other => Err(ToolError::from_kind(other).into_error_data()),
            },
        }
    }

    /// Renders a prompt.
    pub(crate) async fn get_prompt(
        &self,
        permit: Permit,
        entry: &PromptEntry,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let running = entry
            .handler
            .render(context.clone(), arguments)
            .map_err(ToolError::into_error_data)?;
        match guarded(context, permit, running).await {
            Ok(result) => Ok(GetPromptResponse::Complete(result)),
            Err(error) => match error.into_kind() {
                Kind::InputRequired(result) => Ok(GetPromptResponse::InputRequired(result)),
                other => Err(ToolError::from_kind(other).into_error_data()),
            },
        }
    }
}

/// Runs a handler as the call of `context`. A panic fails this call only, and its
/// text stays here.
async fn guarded<T, F>(context: Context, permit: Permit, running: F) -> Result<T, ToolError>
where
    F: Future<Output = Result<T, ToolError>>,
{
    permit.spend();
    let method = context.method();
    match AssertUnwindSafe(context::within(context, running))
        .catch_unwind()
        .await
    {
        Ok(outcome) => outcome,
        Err(_panic) => {
            tracing::error!(method, "a handler panicked");
            Err(ToolError::protocol(ErrorData::internal_error(
                "Internal error",
                None,
            )))
        }
    }
}

/// A failed tool answers with an error result that the model can read; only what
/// is wrong with the request itself is a JSON-RPC error.
fn tool_failure(error: ToolError) -> Result<CallToolResponse, ErrorData> {
    let message = match error.into_kind() {
        Kind::Message(message) => message,
        Kind::InsufficientScope(required) => tool_error::insufficient(&required),
        Kind::Internal(error) => {
            tracing::error!(error = %error, "a tool failed");
            "Internal error".to_owned()
        }
        Kind::InputRequired(result) => return Ok(CallToolResponse::InputRequired(result)),
        other => return Err(ToolError::from_kind(other).into_error_data()),
    };
    let result = CallToolResult::error(vec![ContentBlock::text(message)]);
    Ok(CallToolResponse::Complete(result))
}
