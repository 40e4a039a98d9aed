//! From a permit to an answer. Both lanes meet here.
//!
//! What was done before: the caller is authenticated, the envelope is parsed,
//! and every policy agreed; the [`Permit`] proves it and is spent here.

mod guard;
mod lists;

use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_resource_server::Caller;
use countersign_resource_server::limit::{Exceeded, Limiter, Verifications};
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::policy::rules::Rules;
use countersign_resource_server::policy::{self, Action, Component, Denial, Permit, Policy};
use rmcp::model::CompleteRequestParams;

pub(crate) use lists::List;

use crate::audit::{self, Audit};
use crate::component::{Arguments, CompletionHandler, CompletionRequest, Variables};
use crate::context::Shared;
use crate::metrics::Metrics;
use crate::middleware::{
    Boxed, Completion, Discovery, Erased, Initialization, Operation, Outcome, PromptRendering,
    Request, ResourceRead, Rest, Subject, ToolCall,
};
use crate::protocol::{
    CallToolResponse, CallToolResult, CompletionInfo, ContentBlock, DiscoverResult, ErrorData,
    GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult,
    ReadResourceResponse, Reference, ServerCapabilities,
};
use crate::registry::{PromptEntry, Registry, ResourceEntry, ToolEntry};
use crate::rmcp_lane::{ForeignAccess, Notifier};
use crate::telemetry::Telemetry;
use crate::tool_error::{self, Kind};
use crate::{Context, ToolError};
pub(crate) use guard::guarded;

/// What a server is made of, once it is built.
pub(crate) struct Core {
    pub(crate) registry: Registry,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    /// The rules among the policies, to be read again.
    pub(crate) rules: Option<Rules>,
    /// Counts what callers do.
    pub(crate) limiter: Limiter,
    /// Takes care that few credentials are verified at once.
    pub(crate) verifications: Verifications,
    pub(crate) middleware: Vec<Arc<dyn Erased>>,
    pub(crate) completion: Option<Arc<dyn CompletionHandler>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) capabilities: ServerCapabilities,
    pub(crate) notifier: Option<Notifier>,
    /// Who may use what of a handler that was written for the SDK.
    pub(crate) foreign: Option<Arc<ForeignAccess>>,
    /// How long a call in a session may take. The direct lane has its own clock.
    pub(crate) patience: Duration,
    /// Where decisions are noted.
    pub(crate) audit: Option<Audit>,
    /// Where durations are counted.
    pub(crate) metrics: Option<Metrics>,
    /// Who else is told of requests.
    pub(crate) telemetry: Option<Telemetry>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("registry", &self.registry)
            .field("policies", &self.policies)
            .field("middleware", &self.middleware.len())
            .finish_non_exhaustive()
    }
}

/// The answer to a call that took too long.
pub(crate) fn too_long() -> ErrorData {
    ErrorData::internal_error("The request took too long", None)
}

/// A middleware handed on another kind of request than it was given.
fn swapped() -> ToolError {
    ToolError::internal("a middleware handed on another request")
}

impl Core {
    /// Asks every policy whether `caller` may do `action`. From then on the credential
    /// of `caller` acts that the component accepts, which is the one that was decided
    /// about.
    pub(crate) fn permit(
        &self,
        caller: &mut Caller,
        action: &Action<'_>,
        now: UnixTime,
    ) -> Result<Permit, Denial> {
        if let Some(rules) = &self.rules {
            rules.renew(caller);
        }
        let rule = action.component.and_then(|component| component.sources);
        if let Err(wrong) = caller.act_by(rule) {
            tracing::debug!(%wrong, "no credential of the caller is accepted");
        }
        audit::called_by(caller);
        policy::decide(&self.policies, caller, action, now)
    }

    fn rules_generation(&self) -> u64 {
        self.rules.as_ref().map_or(0, Rules::generation)
    }

    /// Counts an action of `caller` that came over no HTTP.
    pub(crate) fn charge(&self, caller: &Caller, action: &Action<'_>) -> Result<(), Exceeded> {
        let component = action.component.map(|component| component.name);
        self.limiter.charge(caller, component).map(drop)
    }

    /// The URI or template by which limits know the resource at `uri`.
    pub(crate) fn resource_name<'a>(&'a self, uri: &'a str) -> &'a str {
        let found = self.registry.resource(uri);
        found.map_or(uri, |(entry, _)| entry.component().name)
    }

    /// Calls a tool.
    pub(crate) async fn call_tool(
        &self,
        permit: Permit,
        entry: &Arc<ToolEntry>,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<CallToolResponse, ErrorData> {
        permit.spend();
        let outcome = if self.middleware.is_empty() {
            run_tool(entry, context, arguments).await
        } else {
            let call = ToolCall {
                context: context.clone(),
                subject: Subject::Registered(Arc::clone(entry)),
                arguments: arguments.into_passing(),
            };
            // In a box: a call without middleware has no room for it.
            Box::pin(self.through(context.clone(), call, |call: ToolCall| {
                let context = context.clone();
                async move { run_tool(entry, context, call.arguments.as_arguments()).await }
            }))
            .await
        };
        outcome.or_else(tool_failure)
    }

    /// Reads a resource.
    pub(crate) async fn read_resource(
        &self,
        permit: Permit,
        entry: &Arc<ResourceEntry>,
        context: Context,
        uri: &str,
        variables: Variables,
    ) -> Result<ReadResourceResponse, ErrorData> {
        permit.spend();
        let outcome = if self.middleware.is_empty() {
            run_resource(entry, context, uri, variables).await
        } else {
            let read = ResourceRead {
                context: context.clone(),
                entry: Some(Arc::clone(entry)),
                uri: uri.to_owned(),
                variables: variables.clone(),
            };
            self.through(context.clone(), read, |_read| {
                run_resource(entry, context.clone(), uri, variables.clone())
            })
            .await
        };
        outcome.map_err(ToolError::into_error_data)
    }

    /// Renders a prompt.
    pub(crate) async fn get_prompt(
        &self,
        permit: Permit,
        entry: &Arc<PromptEntry>,
        context: Context,
        arguments: Arguments<'_>,
    ) -> Result<GetPromptResponse, ErrorData> {
        permit.spend();
        let outcome = if self.middleware.is_empty() {
            run_prompt(entry, context, arguments).await
        } else {
            let rendering = PromptRendering {
                context: context.clone(),
                subject: Subject::Registered(Arc::clone(entry)),
                arguments: arguments.into_passing(),
            };
            self.through(context.clone(), rendering, |rendering: PromptRendering| {
                let context = context.clone();
                async move { run_prompt(entry, context, rendering.arguments.as_arguments()).await }
            })
            .await
        };
        outcome.map_err(ToolError::into_error_data)
    }

    /// The component that a completion is about, to ask for the permit with. `None`
    /// answers like an unknown one.
    pub(crate) fn completed_component(&self, reference: &Reference) -> Option<Component<'_>> {
        match reference {
            Reference::Prompt(prompt) => Some(self.registry.prompt(&prompt.name)?.component()),
            Reference::Resource(template) => self
                .registry
                .templates()
                .chain(self.registry.resources())
                .map(|entry| entry.component())
                .find(|component| component.name == template.uri),
            _ => None,
        }
    }

    /// Completes an argument of the component of [`Self::completed_component`].
    pub(crate) async fn complete(
        &self,
        permit: Permit,
        context: Context,
        params: CompleteRequestParams,
    ) -> Result<CompletionInfo, ErrorData> {
        permit.spend();
        let request = CompletionRequest::new(params);
        let outcome = if self.middleware.is_empty() {
            self.run_completion(context, request).await
        } else {
            let completion = Completion {
                context: context.clone(),
                request,
            };
            self.through(context.clone(), completion, |completion: Completion| {
                self.run_completion(context.clone(), completion.request)
            })
            .await
        };
        outcome.map_err(ToolError::into_error_data)
    }

    async fn run_completion(
        &self,
        context: Context,
        request: CompletionRequest,
    ) -> Result<CompletionInfo, ToolError> {
        let mut values = match &self.completion {
            Some(handler) => guarded(context.clone(), handler.complete(context, request)).await?,
            None => Vec::new(),
        };
        let total = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let more = values.len() > CompletionInfo::MAX_VALUES;
        values.truncate(CompletionInfo::MAX_VALUES);
        CompletionInfo::with_pagination(values, Some(total), more).map_err(ToolError::internal)
    }

    /// Answers `initialize` with `result`, unless a middleware changes it.
    pub(crate) async fn initialize(
        &self,
        context: impl FnOnce() -> Context,
        params: impl FnOnce() -> InitializeRequestParams,
        result: InitializeResult,
    ) -> Result<InitializeResult, ErrorData> {
        if self.middleware.is_empty() {
            return Ok(result);
        }
        let context = context();
        let initialization = Initialization {
            context: context.clone(),
            params: Box::new(params()),
        };
        self.through(context, initialization, |_| ready(Ok(result.clone())))
            .await
            .map_err(ToolError::into_error_data)
    }

    /// Answers `server/discover` with `result`, unless a middleware changes it.
    pub(crate) async fn discover(
        &self,
        context: impl FnOnce() -> Context,
        result: DiscoverResult,
    ) -> Result<DiscoverResult, ErrorData> {
        if self.middleware.is_empty() {
            return Ok(result);
        }
        let context = context();
        let discovery = Discovery {
            context: context.clone(),
        };
        self.through(context, discovery, |_| ready(Ok(result.clone())))
            .await
            .map_err(ToolError::into_error_data)
    }

    /// Carries `operation` out with `end`, through the middleware. For handlers that
    /// were written for the SDK; the permit was spent before.
    pub(crate) async fn around<'a, O, F, R>(
        &'a self,
        context: Context,
        operation: O,
        end: F,
    ) -> Outcome<O>
    where
        O: Operation,
        F: FnOnce(O) -> R + Send + 'a,
        R: Future<Output = Outcome<O>> + Send + 'a,
    {
        if self.middleware.is_empty() {
            return self.in_time(guarded(context, end(operation))).await;
        }
        let call = context.clone();
        let once = Mutex::new(Some(end));
        let end = |request: Request| -> Boxed<'_> {
            let end = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            let call = call.clone();
            Box::pin(async move {
                let operation = O::of(request).ok_or_else(swapped)?;
                let end =
                    end.ok_or_else(|| ToolError::internal("a handler of the SDK runs once"))?;
                guarded(call, end(operation)).await.map(O::response)
            })
        };
        let rest = Rest::new(&self.middleware, &end).foreign();
        let rest = rest.under(self.rules_generation());
        self.in_time(answered::<O>(context, rest, operation)).await
    }

    /// Drops `call` when it takes too long.
    ///
    /// # Errors
    ///
    /// What the call answers, or JSON-RPC −32603.
    pub(crate) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, ToolError>>,
    ) -> Result<T, ToolError> {
        let outcome = tokio::time::timeout(self.patience, call).await;
        outcome.unwrap_or_else(|_elapsed| Err(ToolError::protocol(too_long())))
    }

    /// Sends `operation` through the middleware; `end` carries it out. `end` knows
    /// the component that was permitted: nothing that a middleware hands on
    /// changes which one runs.
    async fn through<'a, O, F, R>(&'a self, context: Context, operation: O, end: F) -> Outcome<O>
    where
        O: Operation,
        F: Fn(O) -> R + Send + Sync + 'a,
        R: Future<Output = Outcome<O>> + Send + 'a,
    {
        let end = |request: Request| -> Boxed<'_> {
            match O::of(request) {
                Some(operation) => {
                    let running = end(operation);
                    Box::pin(async move { running.await.map(O::response) })
                }
                None => Box::pin(ready(Err(swapped()))),
            }
        };
        let rest = Rest::new(&self.middleware, &end).under(self.rules_generation());
        answered::<O>(context, rest, operation).await
    }
}

/// Sends `operation` on its way.
async fn answered<O: Operation>(context: Context, rest: Rest<'_>, operation: O) -> Outcome<O> {
    let response = guarded(context, rest.run(operation.into_request())).await?;
    O::output_of(response).ok_or_else(swapped)
}

async fn run_tool(
    entry: &ToolEntry,
    context: Context,
    arguments: Arguments<'_>,
) -> Result<CallToolResponse, ToolError> {
    let call = context.clone();
    let running = async move { entry.handler.call(call, arguments)?.await };
    match guarded(context, running).await {
        Ok(result) => Ok(CallToolResponse::Complete(entry.definition.wrapped(result))),
        Err(error) => error.asking().map(CallToolResponse::InputRequired),
    }
}

async fn run_resource(
    entry: &ResourceEntry,
    context: Context,
    uri: &str,
    variables: Variables,
) -> Result<ReadResourceResponse, ToolError> {
    let call = context.clone();
    let running = async move { entry.handler.read(call, uri, variables)?.await };
    match guarded(context, running).await {
        Ok(result) => Ok(ReadResourceResponse::Complete(result)),
        Err(error) => error.asking().map(ReadResourceResponse::InputRequired),
    }
}

async fn run_prompt(
    entry: &PromptEntry,
    context: Context,
    arguments: Arguments<'_>,
) -> Result<GetPromptResponse, ToolError> {
    let call = context.clone();
    let running = async move { entry.handler.render(call, arguments)?.await };
    match guarded(context, running).await {
        Ok(result) => Ok(GetPromptResponse::Complete(result)),
        Err(error) => error.asking().map(GetPromptResponse::InputRequired),
    }
}

/// A failed tool answers with an error result that the model can read; only what
/// is wrong with the request itself is a JSON-RPC error.
pub(crate) fn tool_failure(error: ToolError) -> Result<CallToolResponse, ErrorData> {
    let message = match error.into_kind() {
        Kind::Message(message) => message,
        Kind::InsufficientScope(required) => tool_error::insufficient(&required),
        Kind::Internal(error) => {
            tool_error::log("a tool failed", error.as_ref());
            "Internal error".to_owned()
        }
        other => return Err(ToolError::from_kind(other).into_error_data()),
    };
    let result = CallToolResult::error(vec![ContentBlock::text(message)]);
    Ok(CallToolResponse::Complete(result))
}
