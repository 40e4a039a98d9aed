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

use bytes::Bytes;
use countersign_resource_server::policy::{Action, ComponentKind, Permit};
use countersign_resource_server::{Caller, Clock};
use http::request::Parts;
use rmcp::model::{
    CacheScope, CustomRequest, CustomResult, Extensions, GetPromptRequestParams, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ServerConfig, SetLevelRequestMethod, SetLevelRequestParams,
    SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::model::{CallToolRequestParams, ConstString};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::denial;
use super::granted::Granted;
use super::notifier::{Change, Notifier, Subscriptions, tell_session, tell_stream};
use crate::Context;
use crate::component::Arguments;
use crate::context::{Inputs, Link, RequestInfo};
use crate::dispatch::Core;
use crate::protocol::{
    CallToolResponse, ErrorCode, ErrorData, GetPromptResponse, InitializeRequestParams,
    InitializeResult, InputResponses, JsonObject, LoggingLevel, ProtocolVersion,
    ReadResourceResponse,
};
use crate::registry::Listed;

/// Serves the components of a [`Core`] to one session, stream or connection.
pub(crate) struct RegistryHandler {
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    /// Who opened the connection; each HTTP request names its own caller.
    caller: Caller,
    level: Mutex<Option<LoggingLevel>>,
    subscriptions: Subscriptions,
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
            core,
            clock,
            caller,
            level: Mutex::default(),
            subscriptions: Subscriptions::default(),
            changes: Mutex::default(),
            told: AtomicBool::new(false),
            _end_with_the_handler: ended.clone().drop_guard(),
            ended,
        }
    }

    fn caller_of<'a>(&'a self, extensions: &'a Extensions) -> &'a Caller {
        extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<Caller>())
            .unwrap_or(&self.caller)
    }

    /// Decides an action on the component that the caller calls `name`.
    fn permit(
        &self,
        extensions: &Extensions,
        action: &Action<'_>,
        name: &str,
    ) -> Result<Permit, ErrorData> {
        let parts = extensions.get::<Parts>();
        if let Some(permit) = parts.and_then(|parts| Granted::take(parts, action)) {
            return Ok(permit);
        }
        let named = action.component.map(|component| (component.kind, name));
        self.core
            .permit(self.caller_of(extensions), action, self.clock.now())
            .map_err(|refused| denial::error(refused, named))
    }

    /// The context of a call. `component` is the name or URI that was asked for.
    fn context(
        &self,
        method: &'static str,
        request: &RequestContext<RoleServer>,
        component: &str,
        arguments: Option<&JsonObject>,
        round: Round,
    ) -> Result<Context, ErrorData> {
        let protocol = request
            .protocol_version()
            .unwrap_or(ProtocolVersion::V_2025_03_26);
        let now = self.clock.now();
        let mut info = RequestInfo::new(json(&request.id)?, method, protocol, now);
        if !request.meta.is_empty() {
            info.meta = json(&request.meta)?;
        }
        info.component = Bytes::copy_from_slice(component.as_bytes());
        if let Some(arguments) = arguments {
            info.arguments = json(arguments)?;
        }
        info.log_level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = self.caller_of(&request.extensions);
        let shared = &self.core.shared;
        if round.responses.is_some() || round.state.is_some() {
            let responses = round.responses.as_ref().map(to_raw_value).transpose();
            let responses = responses.map_err(|_| internal_error())?;
            info.inputs = Some(Inputs::open(
                &shared.sealer,
                caller,
                &info,
                responses.as_deref(),
                round.state.as_deref(),
                now,
            )?);
        }
        let link = Link::Session(request.peer.clone());
        let context = Context::new(caller.clone(), info, link, Arc::clone(shared));
        Ok(context.cancelled_by(request.ct.clone()))
    }

    /// The part of a list that the caller may see.
    fn listed<T: DeserializeOwned>(
        &self,
        method: &'static str,
        request: &RequestContext<RoleServer>,
        list: impl FnOnce(&Caller) -> Listed,
    ) -> Result<(Vec<T>, CacheScope), ErrorData> {
        self.permit(&request.extensions, &Action::method(method), "")?
            .spend();
        let listed = list(self.caller_of(&request.extensions));
        let items = serde_json::from_slice(&listed.array).map_err(|_| internal_error())?;
        let scope = if listed.private {
            CacheScope::Private
        } else {
            CacheScope::Public
        };
        Ok((items, scope))
    }

    /// Misses no change from now on.
    fn await_changes(&self) {
        let changes = self.core.notifier.as_ref().map(Notifier::listen);
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = changes;
    }

    fn take_changes(&self) -> Option<broadcast::Receiver<Change>> {
        let earlier = self
            .changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        earlier.or_else(|| Some(self.core.notifier.as_ref()?.listen()))
    }

    /// Decides a subscription to `uri`, which has to exist.
    fn permit_subscription(
        &self,
        method: &str,
        extensions: &Extensions,
        uri: &str,
    ) -> Result<Permit, ErrorData> {
        let Some((entry, _)) = self.core.registry.resource(uri) else {
            return Err(denial::unknown(ComponentKind::Resource, uri));
        };
        self.permit(extensions, &Action::on(method, entry.component()), uri)
    }
}

/// What a repeated request brings (2026-07-28, multi round-trip requests).
struct Round {
    responses: Option<InputResponses>,
    state: Option<String>,
}

fn internal_error() -> ErrorData {
    ErrorData::internal_error("Internal error", None)
}

fn json(value: &impl Serialize) -> Result<Bytes, ErrorData> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|_| internal_error())
}

/// Drops the call when the client cancels it or its session ends.
pub(super) async fn unless_cancelled<T>(
    cancelled: CancellationToken,
    call: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    tokio::select! {
        biased;
        outcome = call => outcome,
        () = cancelled.cancelled() => Err(ErrorData::internal_error("Cancelled", None)),
    }
}

impl ServerHandler for RegistryHandler {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(self.core.capabilities.clone())
            .with_server_info(self.core.implementation.clone());
        info.instructions.clone_from(&self.core.instructions);
        info
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let action = Action::method("initialize");
        self.permit(&context.extensions, &action, "")?.spend();
        self.await_changes();
        let result = self.negotiate_initialize(&request);
        context.peer.set_peer_info(request);
        result
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let action = Action::method(SetLevelRequestMethod::VALUE);
        self.permit(&context.extensions, &action, "")?.spend();
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        *level = Some(request.level);
        Ok(())
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let list = self.core.registry.tool_list();
        let (items, scope) = self.listed("tools/list", &context, |who| list.visible_to(who))?;
        Ok(ListToolsResult::with_all_items(items).with_cache_scope(scope))
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let list = self.core.registry.prompt_list();
        let (items, scope) = self.listed("prompts/list", &context, |who| list.visible_to(who))?;
        Ok(ListPromptsResult::with_all_items(items).with_cache_scope(scope))
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let list = self.core.registry.resource_list();
        let (items, scope) = self.listed("resources/list", &context, |who| list.visible_to(who))?;
        Ok(ListResourcesResult::with_all_items(items).with_cache_scope(scope))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let list = self.core.registry.template_list();
        let (items, scope) = self.listed("resources/templates/list", &context, |who| {
            list.visible_to(who)
        })?;
        Ok(ListResourceTemplatesResult::with_all_items(items).with_cache_scope(scope))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(entry) = self.core.registry.tool(&request.name) else {
            return Err(denial::unknown(ComponentKind::Tool, &request.name));
        };
        let action = Action::on("tools/call", entry.component());
        let permit = self.permit(&context.extensions, &action, &request.name)?;
        let round = Round {
            responses: request.input_responses,
            state: request.request_state,
        };
        let call = self.core.call_tool(
            permit,
            entry,
            self.context(
                "tools/call",
                &context,
                &request.name,
                request.arguments.as_ref(),
                round,
            )?,
            Arguments::from_object(request.arguments),
        );
        unless_cancelled(context.ct, call).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some((entry, variables)) = self.core.registry.resource(&request.uri) else {
            return Err(denial::unknown(ComponentKind::Resource, &request.uri));
        };
        let action = Action::on("resources/read", entry.component());
        let permit = self.permit(&context.extensions, &action, &request.uri)?;
        let round = Round {
            responses: request.input_responses,
            state: request.request_state,
        };
        let call = self.core.read_resource(
            permit,
            entry,
            self.context("resources/read", &context, &request.uri, None, round)?,
            &request.uri,
            variables,
        );
        unless_cancelled(context.ct, call).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let Some(entry) = self.core.registry.prompt(&request.name) else {
            return Err(denial::unknown(ComponentKind::Prompt, &request.name));
        };
        let action = Action::on("prompts/get", entry.component());
        let permit = self.permit(&context.extensions, &action, &request.name)?;
        let round = Round {
            responses: request.input_responses,
            state: request.request_state,
        };
        let call = self.core.get_prompt(
            permit,
            entry,
            self.context(
                "prompts/get",
                &context,
                &request.name,
                request.arguments.as_ref(),
                round,
            )?,
            Arguments::from_object(request.arguments),
        );
        unless_cancelled(context.ct, call).await
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.core.notifier.is_none() {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        }
        self.permit_subscription("resources/subscribe", &context.extensions, &request.uri)?
            .spend();
        if self.subscriptions.add(request.uri) {
            Ok(())
        } else {
            Err(ErrorData::invalid_request("Too many subscriptions", None))
        }
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(&request.uri);
        Ok(())
    }

    /// What the caller may not read, it may not watch either.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.core.notifier.as_ref()?;
        // From before the acknowledgement, so that no change is lost.
        self.await_changes();
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            let nothing = Extensions::new();
            uris.retain(|uri| {
                self.permit_subscription("subscriptions/listen", &nothing, uri)
                    .map(Permit::spend)
                    .is_ok()
            });
        }
        Some(accepted)
    }

    async fn listen(&self, stream: SubscriptionContext) -> Result<(), ErrorData> {
        if let Some(changes) = self.take_changes() {
            tell_stream(changes, stream).await;
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
                self.subscriptions.clone(),
                self.ended.clone(),
            ));
        }
    }

    /// What the SDK cannot read as the method it names ends up here.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(unreadable(&request.method))
    }
}

/// The answer to a request that the SDK could not read.
pub(super) fn unreadable(method: &str) -> ErrorData {
    if METHODS.contains(&method) {
        ErrorData::invalid_params("Invalid params", None)
    } else {
        ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None)
    }
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
