//! A handler that was written for the SDK, behind the same rules as our components.
//!
//! What was done before: on HTTP, everything up to the permit. Every method of the
//! SDK's trait is forwarded here; a test compares the two lists. What a caller may
//! not use is not listed either. Inside of each request
//! [`crate::get_access_token`] and [`crate::current_context`] work, and the
//! [`Caller`] is in the extensions of its HTTP request.
#![expect(
    deprecated,
    reason = "logging, roots and subscriptions of legacy clients are forwarded too"
)]

use std::borrow::Cow;
use std::sync::Arc;

use countersign_resource_server::policy::{Action, ComponentKind};
use countersign_resource_server::{Caller, Clock};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CancelTaskParams, CancelledNotificationParam,
    CompleteRequestParams, CompleteResult, CustomNotification, CustomRequest, CustomResult,
    DiscoverResult, GetPromptRequestParams, GetSkillRequestParams, GetSkillResult, GetTaskParams,
    GetTaskResult, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ReadResourceDirectoryRequestParams,
    ReadResourceDirectoryResult, ReadResourceRequestParams, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};

use super::foreign_access::ForeignAccess;
use super::foreign_request::{completed, passing};
use super::incoming::Incoming;
use super::registry_handler::{CacheHints, is_modern, unreadable};
use super::subscriptions::{Subscriptions, Watched};
use crate::ToolError;
use crate::component::CompletionRequest;
use crate::dispatch::{Core, guarded, tool_failure};
use crate::middleware::{
    Completion, Discovery, Initialization, PromptListing, PromptRendering, ResourceListing,
    ResourceRead, Subject, TemplateListing, ToolCall, ToolListing,
};
use crate::protocol::{
    CallToolResponse, ErrorCode, ErrorData, GetPromptResponse, ProtocolVersion,
    ReadResourceResponse, Tool,
};

pub(super) type Request = RequestContext<RoleServer>;
type Told = NotificationContext<RoleServer>;
type Page = Option<PaginatedRequestParams>;

/// Forwards what is allowed to a handler `H`.
pub(crate) struct ForeignHandler<H> {
    pub(super) inner: H,
    pub(super) incoming: Incoming,
    pub(super) access: Arc<ForeignAccess>,
}

impl<H: ServerHandler> ForeignHandler<H> {
    /// `inner`, for the connection of `caller`.
    pub(super) fn new(
        inner: H,
        core: Arc<Core>,
        access: Arc<ForeignAccess>,
        clock: Arc<dyn Clock>,
        caller: Caller,
    ) -> Self {
        Self {
            inner,
            incoming: Incoming::new(core, clock, caller),
            access,
        }
    }
}

impl<H: ServerHandler> Watched for ForeignHandler<H> {
    fn subscriptions(&self) -> Subscriptions {
        self.incoming.subscriptions.clone()
    }
}

impl<H: ServerHandler> ServerHandler for ForeignHandler<H> {
    async fn ping(&self, context: Request) -> Result<(), ErrorData> {
        let call = self.begin("ping", &context)?;
        self.run(call, self.inner.ping(context)).await
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Request,
    ) -> Result<InitializeResult, ErrorData> {
        let call = self.begin("initialize", &context)?;
        let operation = Initialization {
            context: call.clone(),
            params: Box::new(request),
        };
        let end = |operation: Initialization| async move {
            let answer = self.inner.initialize(*operation.params, context).await;
            answer.map_err(ToolError::protocol)
        };
        let outcome = self.core().around(call, operation, end).await;
        outcome.map_err(ToolError::into_error_data)
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.inner.negotiate_initialize(request)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }

    async fn discover(&self, context: Request) -> Result<DiscoverResult, ErrorData> {
        let call = self.begin("server/discover", &context)?;
        let operation = Discovery {
            context: call.clone(),
        };
        let end = |_operation| async move {
            let answer = self.inner.discover(context).await;
            answer.map_err(ToolError::protocol)
        };
        let outcome = self.core().around(call, operation, end).await;
        let mut result = outcome.map_err(ToolError::into_error_data)?;
        result.cache_scope = CacheScope::Private;
        Ok(result)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: Request,
    ) -> Result<CompleteResult, ErrorData> {
        let method = "completion/complete";
        let named = completed(&request.r#ref);
        let call = match named {
            Some((kind, name)) => self.begin_on(method, kind, name, &context)?,
            None => self.begin(method, &context)?,
        };
        if let Some((kind, name)) = named {
            self.check_listed(&call, kind, name, &context).await?;
        }
        let operation = Completion {
            context: call.clone(),
            request: CompletionRequest::new(request),
        };
        let mut result = CompleteResult::default();
        let kept = &mut result;
        let end = move |operation: Completion| async move {
            let params = operation.request.into_params();
            let answer = self.inner.complete(params, context).await;
            *kept = answer.map_err(ToolError::protocol)?;
            Ok(std::mem::take(&mut kept.completion))
        };
        let outcome = self.core().around(call, operation, end).await;
        result.completion = outcome.map_err(ToolError::into_error_data)?;
        Ok(result)
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: Request,
    ) -> Result<(), ErrorData> {
        let call = self.begin("logging/setLevel", &context)?;
        self.incoming.choose_level(request.level);
        self.run(call, self.inner.set_level(request, context)).await
    }

    async fn get_prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: Request,
    ) -> Result<GetPromptResponse, ErrorData> {
        let kind = ComponentKind::Prompt;
        let call = self.begin_on("prompts/get", kind, &request.name, &context)?;
        self.check_listed(&call, kind, &request.name, &context)
            .await?;
        let (passing, had_any) = passing(request.arguments.take());
        let operation = PromptRendering {
            context: call.clone(),
            subject: Subject::Foreign(request.name.clone()),
            arguments: passing,
        };
        let end = |operation: PromptRendering| async move {
            let arguments = operation.arguments.into_object()?;
            request.arguments = Some(arguments).filter(|some| had_any || !some.is_empty());
            let answer = self.inner.get_prompt(request, context).await;
            answer.map_err(ToolError::protocol)
        };
        let outcome = self.core().around(call, operation, end).await;
        outcome.map_err(ToolError::into_error_data)
    }

    async fn list_prompts(
        &self,
        request: Page,
        context: Request,
    ) -> Result<ListPromptsResult, ErrorData> {
        let call = self.begin("prompts/list", &context)?;
        let cached = CacheHints::of(&context).scope;
        let listing = self.inner.list_prompts(request, context);
        let operation = PromptListing {
            context: call.clone(),
        };
        let caller = call.caller().clone();
        let kind = ComponentKind::Prompt;
        self.listed(
            (call, cached),
            operation,
            listing,
            |page| (&mut page.prompts, &mut page.cache_scope),
            move |prompt| self.shows(&caller, kind, &prompt.name),
        )
        .await
    }

    async fn list_resources(
        &self,
        request: Page,
        context: Request,
    ) -> Result<ListResourcesResult, ErrorData> {
        let call = self.begin("resources/list", &context)?;
        let cached = CacheHints::of(&context).scope;
        let listing = self.inner.list_resources(request, context);
        let operation = ResourceListing {
            context: call.clone(),
        };
        let caller = call.caller().clone();
        let kind = ComponentKind::Resource;
        self.listed(
            (call, cached),
            operation,
            listing,
            |page| (&mut page.resources, &mut page.cache_scope),
            move |resource| self.shows(&caller, kind, &resource.uri),
        )
        .await
    }

    async fn list_resource_templates(
        &self,
        request: Page,
        context: Request,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let call = self.begin("resources/templates/list", &context)?;
        let cached = CacheHints::of(&context).scope;
        let listing = self.inner.list_resource_templates(request, context);
        let operation = TemplateListing {
            context: call.clone(),
        };
        let caller = call.caller().clone();
        let kind = ComponentKind::ResourceTemplate;
        self.listed(
            (call, cached),
            operation,
            listing,
            |page| (&mut page.resource_templates, &mut page.cache_scope),
            move |template| self.shows(&caller, kind, &template.uri_template),
        )
        .await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Request,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let kind = ComponentKind::Resource;
        let call = self.begin_on("resources/read", kind, &request.uri, &context)?;
        let uri = request.uri.clone();
        let operation = ResourceRead {
            context: call.clone(),
            entry: None,
            uri: uri.clone(),
            variables: Default::default(),
        };
        let end = |_operation| async move {
            let answer = self.inner.read_resource(request, context).await;
            answer.map_err(|error| ToolError::protocol(self.unknown_alike(&uri, error)))
        };
        let outcome = self.core().around(call, operation, end).await;
        outcome.map_err(ToolError::into_error_data)
    }

    /// What the caller may not read, it may not watch either.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut allowed = requested.clone();
        if let Some(uris) = &mut allowed.resource_subscriptions {
            uris.retain(|uri| self.incoming.may_hear(uri));
        }
        // The handler may answer with more than it was asked for.
        let accepted = self.inner.accepted_subscription_filter(&allowed)?;
        Some(allowed.intersection(&accepted))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let call = self.begin("subscriptions/listen", context.request_context())?;
        // A subscription is there to last; its stream has bounds of its own.
        let accepted = context.accepted().resource_subscriptions.clone();
        let accepted = accepted.unwrap_or_default();
        // In a box: whatever else is asked of a handler has no room for it.
        let listening = Box::pin(async {
            tokio::select! {
                () = self.incoming.loses(&accepted) => Ok(()),
                outcome = self.inner.listen(context) => outcome.map_err(ToolError::protocol),
            }
        });
        let outcome = guarded(call, listening).await;
        outcome.map_err(ToolError::into_error_data)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: Request,
    ) -> Result<(), ErrorData> {
        let kind = ComponentKind::Resource;
        let call = self.begin_on("resources/subscribe", kind, &request.uri, &context)?;
        let (uri, caller) = (request.uri.clone(), call.caller().clone());
        // From before the handler knows of it, which may tell something at once.
        self.incoming.subscriptions.add(uri.clone(), caller);
        let outcome = self.run(call, self.inner.subscribe(request, context)).await;
        if outcome.is_err() {
            self.incoming.subscriptions.remove(&uri);
        }
        outcome
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: Request,
    ) -> Result<(), ErrorData> {
        let call = self.begin("resources/unsubscribe", &context)?;
        self.incoming.subscriptions.remove(&request.uri);
        self.run(call, self.inner.unsubscribe(request, context))
            .await
    }

    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: Request,
    ) -> Result<CallToolResponse, ErrorData> {
        let (kind, modern) = (ComponentKind::Tool, is_modern(&context));
        let call = self.begin_on("tools/call", kind, &request.name, &context)?;
        self.check_listed(&call, kind, &request.name, &context)
            .await?;
        let (passing, had_any) = passing(request.arguments.take());
        let tool = request.name.clone();
        let operation = ToolCall {
            context: call.clone(),
            subject: Subject::Foreign(tool.clone().into_owned()),
            arguments: passing,
        };
        let end = |operation: ToolCall| async move {
            let arguments = operation.arguments.into_object()?;
            request.arguments = Some(arguments).filter(|some| had_any || !some.is_empty());
            let answer = self.inner.call_tool(request, context).await;
            answer.map_err(ToolError::protocol)
        };
        let outcome = self.core().around(call.clone(), operation, end).await;
        let response = outcome.or_else(tool_failure).map_err(|mut error| {
            // The SDK does this for every other method (SEP-2164).
            if modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
                error.code = ErrorCode::INVALID_PARAMS;
            }
            error
        })?;
        if let CallToolResponse::Task(created) = &response {
            self.access
                .tasks
                .note(call.caller(), &tool, &created.task.task_id);
        }
        Ok(response)
    }

    async fn list_tools(
        &self,
        request: Page,
        context: Request,
    ) -> Result<ListToolsResult, ErrorData> {
        let call = self.begin("tools/list", &context)?;
        let cached = CacheHints::of(&context).scope;
        let listing = self.inner.list_tools(request, context);
        let operation = ToolListing {
            context: call.clone(),
        };
        let caller = call.caller().clone();
        let kind = ComponentKind::Tool;
        self.listed(
            (call, cached),
            operation,
            listing,
            |page| (&mut page.tools, &mut page.cache_scope),
            move |tool| self.shows(&caller, kind, &tool.name),
        )
        .await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.get_tool(name)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: Request,
    ) -> Result<CustomResult, ErrorData> {
        if let Some(error) = unreadable(&request.method) {
            let method = &request.method;
            return Err(self.incoming.refused(&context.extensions, method, error));
        }
        let action = Action::method(&request.method);
        self.incoming
            .permit(&context.extensions, &action, "")?
            .spend();
        let call = self.incoming.context("custom", &context)?;
        self.run(call, self.inner.on_custom_request(request, context))
            .await
    }

    async fn on_cancelled(&self, notification: CancelledNotificationParam, context: Told) {
        self.inner.on_cancelled(notification, context).await;
    }

    async fn on_progress(&self, notification: ProgressNotificationParam, context: Told) {
        self.inner.on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: Told) {
        self.inner.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: Told) {
        self.inner.on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(&self, notification: CustomNotification, context: Told) {
        self.inner
            .on_custom_notification(notification, context)
            .await;
    }

    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: Request,
    ) -> Result<GetTaskResult, ErrorData> {
        let call = self.begin_on_task("tasks/get", &request.task_id, &context)?;
        self.run(call, self.inner.get_task(request, context)).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: Request,
    ) -> Result<(), ErrorData> {
        let call = self.begin_on_task("tasks/update", &request.task_id, &context)?;
        self.run(call, self.inner.update_task(request, context))
            .await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: Request,
    ) -> Result<(), ErrorData> {
        let call = self.begin_on_task("tasks/cancel", &request.task_id, &context)?;
        self.run(call, self.inner.cancel_task(request, context))
            .await
    }

    async fn list_skills(
        &self,
        request: Page,
        context: Request,
    ) -> Result<ListSkillsResult, ErrorData> {
        let call = self.begin("skills/list", &context)?;
        let listing = self.inner.list_skills(request, context);
        let mut result = self.run(call.clone(), listing).await?;
        let kind = ComponentKind::Resource;
        result
            .skills
            .retain(|skill| self.shows(call.caller(), kind, &skill.uri));
        result.cache_scope = Some(CacheScope::Private);
        Ok(result)
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        context: Request,
    ) -> Result<GetSkillResult, ErrorData> {
        let kind = ComponentKind::Resource;
        let call = self.begin_on("skills/get", kind, &request.uri, &context)?;
        self.run(call, self.inner.get_skill(request, context)).await
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: Request,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        let kind = ComponentKind::Resource;
        let method = "resources/directory/read";
        let call = self.begin_on(method, kind, &request.uri, &context)?;
        let listing = self.inner.read_resource_directory(request, context);
        let mut result = self.run(call.clone(), listing).await?;
        result
            .resources
            .retain(|resource| self.shows(call.caller(), kind, &resource.uri));
        result.cache_scope = Some(CacheScope::Private);
        Ok(result)
    }
}
