//! A client that is in the process of its server: for tests.
//!
//! Nothing is on the wire and nobody logs in; the caller is whoever the test
//! says. Everything after that is the real thing: scopes and policies decide,
//! middleware runs, and questions are asked and answered in rounds, with sealed
//! states, as from 2026-07-28 on.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

mod error;

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use countersign_resource_server::oauth::ResourceUri;
use countersign_resource_server::policy::{Action, Component, Denial, Permit};
use countersign_resource_server::{AccessToken, Caller, Clock, ConfigurationError, Gate};
use rmcp::model::CompleteRequestParams;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

pub use error::CallError;

use crate::client::Asked;
use crate::component::Arguments;
use crate::context::{Home, Inputs, Link, Outbox, RequestInfo};
use crate::dispatch::{Core, List};
use crate::front::limiting;
use crate::protocol::{
    ArgumentInfo, CallToolResponse, CallToolResult, CompletionInfo, CreateMessageRequestParams,
    CreateMessageResult, DiscoverResult, ElicitRequestParams, ElicitResult, GetPromptResponse,
    GetPromptResult, Implementation, InputRequiredResult, InputResponses, JsonObject,
    ListRootsResult, LoggingLevel, NumberOrString, ProgressToken, Prompt, ProtocolVersion,
    ReadResourceResponse, ReadResourceResult, Reference, RequestMetaObject, Resource,
    ResourceTemplate, Root, Tool,
};
use crate::server::Admission;
use crate::{Context, Server};

/// As often as real clients repeat a call that asks.
const MOST_ROUNDS: usize = 16;
/// The resource whose metadata nobody asks for.
const RESOURCE: &str = "https://in-memory.invalid/mcp";

/// A client in the process of its server.
///
/// ```
/// # use countersign::{Server, ToolError, tool};
/// /// Adds two numbers.
/// #[tool]
/// async fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let client = Server::new("Calculator").tool(add).test_client().unwrap();
/// let sum = client.call_tool("add", serde_json::json!({"a": 1, "b": 2})).await.unwrap();
/// assert_eq!(sum.is_error, Some(false));
/// # });
/// ```
#[derive(Clone)]
pub struct InMemoryClient {
    core: Arc<Core>,
    gate: Option<Arc<Gate>>,
    clock: Arc<dyn Clock>,
    caller: Caller,
    asked: Asked,
    log_level: Option<LoggingLevel>,
    notifications: Arc<Mutex<Vec<Value>>>,
}

impl fmt::Debug for InMemoryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryClient")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A client of this server, in this process. It is anonymous; see
    /// [`InMemoryClient::caller`].
    ///
    /// # Errors
    ///
    /// What keeps the server from being built.
    pub fn test_client(mut self) -> Result<InMemoryClient, ConfigurationError> {
        let clock = Arc::clone(&self.clock);
        // Tokens are as if they had been verified, so nothing has to issue any.
        let gate = match self.authenticates() {
            false => None,
            true => {
                let admission = std::mem::take(&mut self.admission);
                Some(Arc::new(built(admission, &self)?))
            }
        };
        let known = gate.iter().flat_map(|gate| gate.sources()).cloned();
        let admits_anonymous = gate.as_ref().is_some_and(|gate| gate.admits_anonymous());
        self.check_sources(&known.collect::<Vec<_>>(), admits_anonymous)?;
        let logs = std::mem::take(&mut self.logs);
        let core = Arc::new(self.into_core()?);
        for log in logs {
            log.open()?;
        }
        Ok(InMemoryClient {
            core,
            gate,
            clock,
            caller: Caller::anonymous(),
            asked: Asked::default(),
            log_level: None,
            notifications: Arc::default(),
        })
    }
}

fn built(admission: Admission, server: &Server) -> Result<Gate, ConfigurationError> {
    let resource =
        ResourceUri::parse(RESOURCE).map_err(|error| ConfigurationError::new(error.to_string()))?;
    let gate = admission
        .gate(&resource)?
        .required_scopes(server.required_scopes.clone())
        .scope_hierarchy(server.hierarchy.clone());
    let gate = match &server.rules {
        Some(rules) => gate.rules(rules.clone()),
        None => gate,
    };
    let gate = if server.optional {
        gate.optional()
    } else {
        gate
    };
    Ok(gate.build(resource))
}

/// Who calls, and what it can be asked.
impl InMemoryClient {
    /// The same server, called by the bearer of `token`, as if it had been verified by
    /// the source that it names: `oauth`, unless
    /// [`Assertion::source`](crate::Assertion::source) said otherwise.
    #[must_use]
    pub fn caller(mut self, token: AccessToken) -> Self {
        self.caller = self.bearer(token);
        self
    }

    /// The same caller, with the credential `token` besides; it is of a source that was
    /// declared later.
    #[must_use]
    pub fn also(mut self, token: AccessToken) -> Self {
        let other = self.bearer(token);
        self.caller = self.caller.and(other);
        self
    }

    fn bearer(&self, token: AccessToken) -> Caller {
        match &self.gate {
            Some(gate) => gate.bearer_of(token),
            None => match &self.core.rules {
                Some(rules) => {
                    let rules = rules.current();
                    Caller::authenticated_under(token, rules.hierarchy()).under(rules)
                }
                None => Caller::authenticated(token),
            },
        }
    }

    /// The same server, called by nobody in particular.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.caller = Caller::anonymous();
        self
    }

    /// Declares elicitation, and lets `person` answer.
    #[must_use]
    pub fn on_elicit(
        mut self,
        person: impl Fn(&ElicitRequestParams) -> ElicitResult + Send + Sync + 'static,
    ) -> Self {
        self.asked.person = Some(Arc::new(move |question| Box::pin(ready(person(&question)))));
        self
    }

    /// Declares sampling, and lets `model` answer.
    #[must_use]
    pub fn on_sample(
        mut self,
        model: impl Fn(&CreateMessageRequestParams) -> CreateMessageResult + Send + Sync + 'static,
    ) -> Self {
        self.asked.model = Some(Arc::new(move |request| {
            Box::pin(ready(Ok(model(&request))))
        }));
        self
    }

    /// Declares roots, and these are they.
    #[must_use]
    pub fn roots(mut self, roots: Vec<Root>) -> Self {
        self.asked.roots = Some(ListRootsResult::new(roots));
        self
    }

    /// Asks for log messages from `level` upwards.
    #[must_use]
    pub const fn log_level(mut self, level: LoggingLevel) -> Self {
        self.log_level = Some(level);
        self
    }

    /// The notifications since the last call of this, as JSON-RPC messages.
    pub fn notifications(&self) -> Vec<Value> {
        std::mem::take(
            &mut *self
                .notifications
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// What a client can do. Each method does what the request of that name does over
/// HTTP, and answers its questions.
impl InMemoryClient {
    /// `tools/call`. `arguments` is an object, or null for none.
    ///
    /// # Errors
    ///
    /// [`CallError`] says whether it was denied or went wrong. A tool that failed
    /// is a result with `is_error`.
    pub async fn call_tool(
        &self,
        name: &str,
        arguments: Value,
    ) -> Result<CallToolResult, CallError> {
        let mut inputs = None;
        for _ in 0..MOST_ROUNDS {
            match self.call_tool_once(name, arguments.clone(), inputs).await? {
                CallToolResponse::Complete(result) => return Ok(result),
                CallToolResponse::InputRequired(asked) => {
                    inputs = Some(self.answers(asked).await?);
                }
                _ => return Err(CallError::unexpected()),
            }
        }
        Err(CallError::unexpected())
    }

    /// One round of `tools/call`: `inputs` are the answers and the state of the
    /// round before.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn call_tool_once(
        &self,
        name: &str,
        arguments: Value,
        inputs: Option<(InputResponses, Option<String>)>,
    ) -> Result<CallToolResponse, CallError> {
        self.admit()?;
        let unknown = || CallError::invalid("Unknown tool");
        let entry = self.core.registry.tool(name).ok_or_else(unknown)?;
        let (permit, caller) = self.permit("tools/call", entry.component(), unknown)?;
        let arguments = text(&arguments)?;
        let context = self.context(caller, "tools/call", name, &arguments, inputs)?;
        let raw = raw(&arguments)?;
        let running =
            self.core
                .call_tool(permit, entry, context.clone(), Arguments::from_text(raw));
        Ok(self.collecting(&context, running).await?)
    }

    /// `resources/read`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`]; −32602 if there is no such resource.
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, CallError> {
        self.admit()?;
        let unknown = || CallError::no_resource(uri);
        let mut inputs = None;
        for _ in 0..MOST_ROUNDS {
            let (entry, variables) = self.core.registry.resource(uri).ok_or_else(unknown)?;
            let (permit, caller) =
                self.permit("resources/read", entry.component_at(uri), unknown)?;
            let context = self.context(caller, "resources/read", uri, &Bytes::new(), inputs)?;
            let running = self
                .core
                .read_resource(permit, entry, context.clone(), uri, variables);
            match self.collecting(&context, running).await? {
                ReadResourceResponse::Complete(result) => return Ok(result),
                ReadResourceResponse::InputRequired(asked) => {
                    inputs = Some(self.answers(asked).await?);
                }
                _ => return Err(CallError::unexpected()),
            }
        }
        Err(CallError::unexpected())
    }

    /// `prompts/get`. `arguments` is an object, or null for none.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn get_prompt(
        &self,
        name: &str,
        arguments: Value,
    ) -> Result<GetPromptResult, CallError> {
        self.admit()?;
        let unknown = || CallError::invalid("Unknown prompt");
        let arguments = text(&arguments)?;
        let mut inputs = None;
        for _ in 0..MOST_ROUNDS {
            let entry = self.core.registry.prompt(name).ok_or_else(unknown)?;
            let (permit, caller) = self.permit("prompts/get", entry.component(), unknown)?;
            let context = self.context(caller, "prompts/get", name, &arguments, inputs)?;
            let raw = raw(&arguments)?;
            let running =
                self.core
                    .get_prompt(permit, entry, context.clone(), Arguments::from_text(raw));
            match self.collecting(&context, running).await? {
                GetPromptResponse::Complete(result) => return Ok(result),
                GetPromptResponse::InputRequired(asked) => {
                    inputs = Some(self.answers(asked).await?);
                }
                _ => return Err(CallError::unexpected()),
            }
        }
        Err(CallError::unexpected())
    }

    /// `tools/list`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn list_tools(&self) -> Result<Vec<Tool>, CallError> {
        self.list("tools/list", List::Tools).await
    }

    /// `resources/list`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn list_resources(&self) -> Result<Vec<Resource>, CallError> {
        self.list("resources/list", List::Resources).await
    }

    /// `resources/templates/list`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn list_resource_templates(&self) -> Result<Vec<ResourceTemplate>, CallError> {
        self.list("resources/templates/list", List::Templates).await
    }

    /// `prompts/list`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn list_prompts(&self) -> Result<Vec<Prompt>, CallError> {
        self.list("prompts/list", List::Prompts).await
    }

    /// `completion/complete` of the argument `argument` with what was typed of it.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn complete(
        &self,
        reference: Reference,
        argument: &str,
        typed: &str,
    ) -> Result<CompletionInfo, CallError> {
        self.admit()?;
        let unknown = || CallError::invalid("Unknown reference");
        let component = self
            .core
            .completed_component(&reference)
            .ok_or_else(unknown)?;
        let (permit, caller) = self.permit("completion/complete", component, unknown)?;
        let context = self.context(caller, "completion/complete", "", &Bytes::new(), None)?;
        let params = CompleteRequestParams::new(reference, ArgumentInfo::new(argument, typed));
        let running = self.core.complete(permit, context.clone(), params);
        Ok(self.collecting(&context, running).await?)
    }

    /// `server/discover`.
    ///
    /// # Errors
    ///
    /// As [`Self::call_tool`].
    pub async fn discover(&self) -> Result<DiscoverResult, CallError> {
        self.admit()?;
        let mut result = DiscoverResult::new(
            vec![ProtocolVersion::V_2026_07_28],
            self.core.capabilities.clone(),
        )
        .with_server_info(self.core.implementation.clone());
        result.instructions.clone_from(&self.core.instructions);
        let context = self.context(
            self.caller.clone(),
            "server/discover",
            "",
            &Bytes::new(),
            None,
        )?;
        Ok(self.core.discover(|| context, result).await?)
    }

    async fn list<T: DeserializeOwned>(
        &self,
        method: &'static str,
        list: List,
    ) -> Result<Vec<T>, CallError> {
        self.admit()?;
        let action = Action::method(method);
        let charged = self.core.charge(&self.caller, &action);
        charged.map_err(|exceeded| limiting::error(&exceeded))?;
        let permit = self
            .core
            .permit(&mut self.caller.clone(), &action, self.clock.now())
            .map_err(CallError::Denied)?;
        let context = self.context(self.caller.clone(), method, "", &Bytes::new(), None)?;
        let listing = self
            .core
            .list(permit, list, &self.caller, self.clock.now(), || {
                context.clone()
            });
        let listed = self.collecting(&context, listing).await?;
        serde_json::from_slice(&listed.array).map_err(|_| CallError::unexpected())
    }
}

impl InMemoryClient {
    /// The answers for the next round, with its state.
    async fn answers(
        &self,
        asked: InputRequiredResult,
    ) -> Result<(InputResponses, Option<String>), CallError> {
        let answers = self.asked.answers(&asked).await;
        let answers = answers.map_err(|_not_offered| CallError::unexpected())?;
        Ok((answers, asked.request_state))
    }

    /// What the gate decides once it knows who is calling.
    fn admit(&self) -> Result<(), CallError> {
        let Some(gate) = &self.gate else {
            return Ok(());
        };
        if self.caller.is_anonymous() && !gate.admits_anonymous() {
            let required = gate.required_scopes().clone();
            return Err(CallError::Denied(Denial::Unauthenticated(required)));
        }
        for token in self.caller.credentials() {
            let required = gate.required_scopes_of(token.source());
            let granted = gate.scope_hierarchy().expanded(token.scopes());
            if !granted.is_superset(&required) {
                return Err(CallError::Denied(Denial::InsufficientScope(required)));
            }
        }
        Ok(())
    }

    fn permit(
        &self,
        method: &str,
        component: Component<'_>,
        unknown: impl FnOnce() -> CallError,
    ) -> Result<(Permit, Caller), CallError> {
        let (mut caller, now) = (self.caller.clone(), self.clock.now());
        let action = Action::on(method, component);
        let charged = self.core.charge(&caller, &action);
        charged.map_err(|exceeded| limiting::error(&exceeded))?;
        match self.core.permit(&mut caller, &action, now) {
            Ok(permit) => Ok((permit, caller)),
            Err(Denial::Unknown) => Err(unknown()),
            Err(denial) => Err(CallError::Denied(denial)),
        }
    }

    fn context(
        &self,
        caller: Caller,
        method: &'static str,
        component: &str,
        arguments: &Bytes,
        inputs: Option<(InputResponses, Option<String>)>,
    ) -> Result<Context, CallError> {
        let now = self.clock.now();
        let id = Bytes::from_static(b"1");
        let mut request = RequestInfo::new(id, method, ProtocolVersion::V_2026_07_28, now);
        let mut meta = RequestMetaObject::with_client_context(
            ProtocolVersion::V_2026_07_28,
            Implementation::new("in-memory", env!("CARGO_PKG_VERSION")),
            self.asked.capabilities(),
        );
        meta.set_progress_token(ProgressToken(NumberOrString::Number(1)));
        if let Some(level) = self.log_level {
            meta.set_log_level(level);
        }
        request.meta = text(&serde_json::to_value(meta).unwrap_or_default())?;
        request.component = Bytes::copy_from_slice(component.as_bytes());
        request.arguments = arguments.clone();
        if let Some((responses, state)) = inputs {
            let responses =
                serde_json::value::to_raw_value(&responses).map_err(|_| CallError::unexpected())?;
            request.inputs = Some(Box::new(Inputs::open(
                &self.core.shared.sealer,
                &caller,
                &request,
                Some(responses.get()),
                state.as_deref(),
                now,
            )?));
        }
        Ok(Context::new(
            caller,
            request,
            Link::Direct(Outbox::default()),
            Home::Shared(Arc::clone(&self.core.shared)),
        ))
    }

    /// Runs a call and keeps its notifications.
    async fn collecting<F: Future>(&self, context: &Context, running: F) -> F::Output {
        let mut running = Box::pin(running);
        std::future::poll_fn(|task| {
            let step = running.as_mut().poll(task);
            while let Some(message) = context.outbox().and_then(Outbox::pop) {
                if let Ok(message) = serde_json::from_slice(&message) {
                    self.notifications
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(message);
                }
            }
            match step {
                Poll::Ready(outcome) => Poll::Ready(outcome),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// The JSON text of `value`; empty for null.
fn text(value: &Value) -> Result<Bytes, CallError> {
    if value.is_null() {
        return Ok(Bytes::new());
    }
    let object: Option<&JsonObject> = value.as_object();
    serde_json::to_vec(&object.ok_or_else(|| CallError::invalid("Invalid params"))?)
        .map(Bytes::from)
        .map_err(|_| CallError::unexpected())
}

fn raw(text: &Bytes) -> Result<Option<&RawValue>, CallError> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(text).map_err(|_| CallError::unexpected())
}
