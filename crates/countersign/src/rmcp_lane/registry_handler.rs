//! Our components as a handler of the SDK: for sessions, streams and stdio.
//!
//! What was done before: on HTTP, everything up to the permit. This handler asks
//! the policies again unless it finds the permit of the front, so that stdio is
//! no way around them. Who calls is what the front verified; the SDK's own idea
//! of the client is never asked.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still served to legacy clients"
)]

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use countersign_resource_server::policy::{Action, ComponentKind};
use countersign_resource_server::{Caller, Clock};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CompleteRequestMethod, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, DiscoverResult, GetPromptRequestParams,
    InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    Reference, ServerConfig, SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::incoming::{Brought, Incoming, internal_error};
use super::notifier::{Change, Notifier, tell_session, tell_stream};
use super::subscriptions::{Subscriptions, Watched};
use crate::component::Arguments;
use crate::direct;
use crate::dispatch::{Core, List, too_long};
use crate::front::era;
use crate::protocol::{
    CallToolResponse, ErrorCode, ErrorData, GetPromptResponse, ReadResourceResponse,
};

/// Serves the components of a [`Core`] to one session, stream or connection.
pub(crate) struct RegistryHandler {
    incoming: Incoming,
    changes: Mutex<Option<broadcast::Receiver<Change>>>,
    told: AtomicBool,
    ended: CancellationToken,
    _end_with_the_handler: DropGuard,
}

impl RegistryHandler {
    /// A handler for the connection of `caller`.
    pub(crate) fn new(core: Arc<Core>, clock: Arc<dyn Clock>, caller: Caller) -> Self {
        let ended = CancellationToken::new();
        Self {
            incoming: Incoming::new(core, clock, caller),
            changes: Mutex::default(),
            told: AtomicBool::new(false),
            _end_with_the_handler: ended.clone().drop_guard(),
            ended,
        }
    }

    fn core(&self) -> &Core {
        &self.incoming.core
    }

    /// The part of a list that the caller may see.
    async fn listed<T: DeserializeOwned>(
        &self,
        list: List,
        page: Option<&PaginatedRequestParams>,
        request: &RequestContext<RoleServer>,
    ) -> Result<(Vec<T>, CacheHints), ErrorData> {
        // Lists come in one page: no cursor was ever given out, so any is forged (E41).
        if page.is_some_and(|page| page.cursor.is_some()) {
            return Err(ErrorData::invalid_params("Invalid params", None));
        }
        let method = match list {
            List::Tools => "tools/list",
            List::Resources => "resources/list",
            List::Templates => "resources/templates/list",
            List::Prompts => "prompts/list",
        };
        let action = Action::method(method);
        let permit = self.incoming.permit(&request.extensions, &action, "")?;
        let context = self.incoming.context(method, request)?;
        let caller = self.incoming.caller(&request.extensions);
        let now = self.incoming.now();
        let listing = self.core().list(permit, list, caller, now, || context);
        let listed = self.unless_cancelled(request.ct.clone(), listing).await?;
        let items = serde_json::from_slice(&listed.array).map_err(|_| internal_error())?;
        Ok((items, CacheHints::of(request)))
    }

    /// Drops the call when the client cancels it, its session ends, or it takes too long.
    async fn unless_cancelled<T>(
        &self,
        cancelled: CancellationToken,
        call: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        tokio::select! {
            biased;
            outcome = call => outcome,
            () = cancelled.cancelled() => Err(ErrorData::internal_error("Cancelled", None)),
            () = tokio::time::sleep(self.core().patience) => Err(too_long()),
        }
    }

    /// Misses no change from now on.
    fn await_changes(&self) {
        let changes = self.core().notifier.as_ref().map(Notifier::listen);
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = changes;
    }

    fn take_changes(&self) -> Option<broadcast::Receiver<Change>> {
        let earlier = self
            .changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        earlier.or_else(|| Some(self.core().notifier.as_ref()?.listen()))
    }

    fn unknown(
        &self,
        context: &RequestContext<RoleServer>,
        method: &str,
        kind: ComponentKind,
        name: &str,
    ) -> ErrorData {
        let extensions = &context.extensions;
        self.incoming.unknown(extensions, method, kind, name)
    }

    fn refused(
        &self,
        context: &RequestContext<RoleServer>,
        method: &str,
        error: ErrorData,
    ) -> ErrorData {
        self.incoming.refused(&context.extensions, method, error)
    }
}

/// How long a client may keep a list, and for whom; clients before 2026-07-28 know
/// nothing of caches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CacheHints {
    pub(super) ttl_ms: Option<u64>,
    pub(super) scope: Option<CacheScope>,
}

impl CacheHints {
    pub(super) fn of(request: &RequestContext<RoleServer>) -> Self {
        if !is_modern(request) {
            return Self::default();
        }
        Self {
            ttl_ms: Some(direct::LIST_TTL_MS),
            // What depends on the caller must not be shared with another.
            scope: Some(CacheScope::Private),
        }
    }
}

/// Whether the rules of 2026-07-28 apply.
pub(super) fn is_modern(request: &RequestContext<RoleServer>) -> bool {
    let version = request.protocol_version();
    version.is_some_and(|version| version.as_str() >= era::MODERN)
}

impl ServerHandler for RegistryHandler {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(self.core().capabilities.clone())
            .with_server_info(self.core().implementation.clone());
        info.instructions.clone_from(&self.core().instructions);
        info
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let action = Action::method("initialize");
        self.incoming
            .permit(&context.extensions, &action, "")?
            .spend();
        self.await_changes();
        context.peer.set_peer_info(request.clone());
        let result = self.negotiate_initialize(&request)?;
        let call = self.incoming.context("initialize", &context)?;
        let answer = self.core().initialize(|| call, || request, result);
        self.unless_cancelled(context.ct, answer).await
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let action = Action::method("server/discover");
        self.incoming
            .permit(&context.extensions, &action, "")?
            .spend();
        let call = self.incoming.context("server/discover", &context)?;
        let result = direct::discover(self.core(), false);
        let answer = self.core().discover(|| call, result);
        self.unless_cancelled(context.ct, answer).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        if self.core().completion.is_none() {
            let error = ErrorData::method_not_found::<CompleteRequestMethod>();
            return Err(self.refused(&context, "completion/complete", error));
        }
        let component = self.core().completed_component(&request.r#ref);
        let component = component.ok_or_else(|| {
            let (kind, name) = match &request.r#ref {
                Reference::Resource(template) => (ComponentKind::ResourceTemplate, &*template.uri),
                Reference::Prompt(prompt) => (ComponentKind::Prompt, &*prompt.name),
                _ => (ComponentKind::Prompt, ""),
            };
            let method = "completion/complete";
            self.unknown(&context, method, kind, name)
        })?;
        let action = Action::on("completion/complete", component);
        let permit = self
            .incoming
            .permit(&context.extensions, &action, component.name)?;
        let call = self.incoming.context("completion/complete", &context)?;
        let completion = self.core().complete(permit, call, request);
        let completion = self.unless_cancelled(context.ct, completion).await?;
        Ok(CompleteResult::new(completion))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let action = Action::method("logging/setLevel");
        self.incoming
            .permit(&context.extensions, &action, "")?
            .spend();
        self.incoming.choose_level(request.level);
        Ok(())
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (items, hints) = self.listed(List::Tools, page.as_ref(), &context).await?;
        let mut result = ListToolsResult::with_all_items(items);
        (result.ttl_ms, result.cache_scope) = (hints.ttl_ms, hints.scope);
        Ok(result)
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (items, hints) = self.listed(List::Prompts, page.as_ref(), &context).await?;
        let mut result = ListPromptsResult::with_all_items(items);
        (result.ttl_ms, result.cache_scope) = (hints.ttl_ms, hints.scope);
        Ok(result)
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (items, hints) = self
            .listed(List::Resources, page.as_ref(), &context)
            .await?;
        let mut result = ListResourcesResult::with_all_items(items);
        (result.ttl_ms, result.cache_scope) = (hints.ttl_ms, hints.scope);
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (items, hints) = self
            .listed(List::Templates, page.as_ref(), &context)
            .await?;
        let mut result = ListResourceTemplatesResult::with_all_items(items);
        (result.ttl_ms, result.cache_scope) = (hints.ttl_ms, hints.scope);
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(entry) = self.core().registry.tool(&request.name) else {
            let (kind, name) = (ComponentKind::Tool, &*request.name);
            return Err(self.unknown(&context, "tools/call", kind, name));
        };
        let brought = Brought {
            component: &request.name,
            arguments: request.arguments.as_ref(),
            responses: request.input_responses.as_ref(),
            state: request.request_state.as_deref(),
        };
        let called = ("tools/call", entry.component());
        let (permit, call_context) = self.incoming.call(called, &context, &brought)?;
        let call = self.core().call_tool(
            permit,
            entry,
            call_context,
            Arguments::from_object(request.arguments),
        );
        self.unless_cancelled(context.ct, call).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some((entry, variables)) = self.core().registry.resource(&request.uri) else {
            let (kind, name) = (ComponentKind::Resource, &*request.uri);
            return Err(self.unknown(&context, "resources/read", kind, name));
        };
        let brought = Brought {
            component: &request.uri,
            arguments: None,
            responses: request.input_responses.as_ref(),
            state: request.request_state.as_deref(),
        };
        let called = ("resources/read", entry.component_at(&request.uri));
        let (permit, call_context) = self.incoming.call(called, &context, &brought)?;
        let call = self
            .core()
            .read_resource(permit, entry, call_context, &request.uri, variables);
        self.unless_cancelled(context.ct, call).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let Some(entry) = self.core().registry.prompt(&request.name) else {
            let (kind, name) = (ComponentKind::Prompt, &*request.name);
            return Err(self.unknown(&context, "prompts/get", kind, name));
        };
        let brought = Brought {
            component: &request.name,
            arguments: request.arguments.as_ref(),
            responses: request.input_responses.as_ref(),
            state: request.request_state.as_deref(),
        };
        let called = ("prompts/get", entry.component());
        let (permit, call_context) = self.incoming.call(called, &context, &brought)?;
        let call = self.core().get_prompt(
            permit,
            entry,
            call_context,
            Arguments::from_object(request.arguments),
        );
        self.unless_cancelled(context.ct, call).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.core().notifier.is_none() {
            let error = ErrorData::method_not_found::<SubscribeRequestMethod>();
            return Err(self.refused(&context, "resources/subscribe", error));
        }
        let Some((entry, _)) = self.core().registry.resource(&request.uri) else {
            let (kind, uri) = (ComponentKind::Resource, &*request.uri);
            return Err(self.unknown(&context, "resources/subscribe", kind, uri));
        };
        let action = Action::on("resources/subscribe", entry.component_at(&request.uri));
        self.incoming
            .permit(&context.extensions, &action, &request.uri)?
            .spend();
        let caller = self.incoming.caller(&context.extensions).clone();
        if self.incoming.subscriptions.add(request.uri, caller) {
            Ok(())
        } else {
            Err(ErrorData::invalid_request("Too many subscriptions", None))
        }
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let action = Action::method("resources/unsubscribe");
        self.incoming
            .permit(&context.extensions, &action, "")?
            .spend();
        self.incoming.subscriptions.remove(&request.uri);
        Ok(())
    }

    /// What the caller may not read, it may not watch either.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.core().notifier.as_ref()?;
        // From before the acknowledgement, so that no change is lost.
        self.await_changes();
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|uri| self.incoming.may_hear(uri));
        }
        Some(accepted)
    }

    async fn listen(&self, stream: SubscriptionContext) -> Result<(), ErrorData> {
        let action = Action::method("subscriptions/listen");
        let extensions = &stream.request_context().extensions;
        self.incoming.permit(extensions, &action, "")?.spend();
        if let Some(changes) = self.take_changes() {
            let accepted = stream.accepted().resource_subscriptions.clone();
            let accepted = accepted.unwrap_or_default();
            let incoming = &self.incoming;
            // In a box: whatever else is asked of a handler has no room for it.
            Box::pin(async {
                tokio::select! {
                    () = incoming.loses(&accepted) => {}
                    () = tell_stream(changes, stream, |uri| incoming.may_hear(uri)) => {}
                }
            })
            .await;
        }
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // A second `initialized` changes nothing.
        if self.told.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(changes) = self.take_changes() {
            tokio::spawn(tell_session(
                changes,
                context.peer,
                self.incoming.subscriptions.clone(),
                self.ended.clone(),
            ));
        }
    }

    /// What the SDK cannot read as the method it names ends up here.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let unknown = || ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None);
        let error = unreadable(&request.method).unwrap_or_else(unknown);
        Err(self.refused(&context, &request.method, error))
    }
}

impl Watched for RegistryHandler {
    fn subscriptions(&self) -> Subscriptions {
        self.incoming.subscriptions.clone()
    }
}

/// The answer to a request of a known method that the SDK could not read as such.
pub(super) fn unreadable(method: &str) -> Option<ErrorData> {
    is_known(method).then(|| ErrorData::invalid_params("Invalid params", None))
}

/// Whether the SDK has a type for requests of `method`.
pub(crate) fn is_known(method: &str) -> bool {
    METHODS.contains(&method)
}

/// The methods that the SDK reads.
const METHODS: [&str; 21] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/directory/read",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "skills/get",
    "skills/list",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];
