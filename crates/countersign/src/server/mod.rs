//! The builder of a server.

mod admission;
mod configured;
mod noting;
mod possession;
mod reload;
mod sources;
mod surroundings;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use admission::Admission;
use axum::routing::MethodRouter;
pub(crate) use configured::Outside;
use countersign_audit::Sink;
use countersign_resource_server::limit::{Limits, Verifications};
use countersign_resource_server::oauth::{ScopeSet, Secret};
use countersign_resource_server::policy::Policy;
use countersign_resource_server::policy::rules::Rules;
use countersign_resource_server::suspicion::Suspicion;
use countersign_resource_server::{
    Clock, ConfigurationError, Dpop, ScopeHierarchy, SourceName, SystemClock,
};
pub(crate) use reload::Reloads;
pub(crate) use surroundings::{Announced, Reach, Surroundings};

use crate::audit::{Audit, FileLog};
use crate::authentication::Authentication;
use crate::component::{CompletionHandler, PromptHandler, ResourceHandler, ToolHandler};
use crate::context::{Shared, UrlTickets};
use crate::dispatch::Core;
use crate::embedded::EmbeddedAuth;
use crate::front::{RouteAccess, Routes};
use crate::metrics::Metrics;
use crate::middleware::{Erased, Middleware};
use crate::protocol::{Implementation, ServerCapabilities};
use crate::registry::Registry;
use crate::rmcp_lane::{Foreign, Notifier, SessionLimits};
use crate::telemetry::Telemetry;

/// When legacy clients (up to protocol version 2025-11-25) get a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sessions {
    /// If a component calls back to the client or a [`Notifier`] was given, which
    /// needs one.
    #[default]
    WhereNeeded,
    /// Always.
    Always,
    /// Never: every request stands alone, and calls back to legacy clients fail.
    Never,
}

/// What runs around and beside the components.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) middleware: Vec<Arc<dyn Erased>>,
    pub(crate) completion: Option<Arc<dyn CompletionHandler>>,
}

impl std::fmt::Debug for Extras {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extras")
            .field("middleware", &self.middleware.len())
            .field("completion", &self.completion.is_some())
            .finish()
    }
}

/// An MCP server, under construction. Nothing is checked before it is built.
#[derive(Debug)]
pub struct Server {
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) registry: Registry,
    pub(crate) shared: Shared,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    pub(crate) rules: Option<Rules>,
    pub(crate) limits: Option<Limits>,
    pub(crate) extras: Extras,
    pub(crate) sessions: Sessions,
    pub(crate) session_limits: SessionLimits,
    pub(crate) notifier: Option<Notifier>,
    /// A handler that was written for the SDK, and what it announces.
    pub(crate) foreign: Option<Foreign>,
    pub(crate) announced: Option<ServerCapabilities>,
    pub(crate) admission: Admission,
    pub(crate) embedded: Option<EmbeddedAuth>,
    /// What the tokens of the embedded authorization server are called.
    pub(crate) embedded_source: SourceName,
    pub(crate) optional: bool,
    pub(crate) dpop: Option<Dpop>,
    /// What is said if nothing can be bound, where proofs were asked for outside of code.
    pub(crate) unbound: Option<ConfigurationError>,
    pub(crate) required_scopes: ScopeSet,
    pub(crate) hierarchy: ScopeHierarchy,
    pub(crate) challenge_scopes: ScopeSet,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) routes: Routes,
    pub(crate) open_to_everybody: bool,
    /// What may be said outside of code.
    pub(crate) outside: Outside,
    /// What can be read again while the server runs.
    pub(crate) reloads: Reloads,
    pub(crate) audit: Option<Arc<dyn Sink>>,
    /// Whether it was said where decisions are noted; metrics take them as well.
    pub(crate) notes: bool,
    /// Where decisions are noted in files, which are opened when it starts.
    pub(crate) logs: Vec<FileLog>,
    pub(crate) suspicion: Option<Suspicion>,
    /// What watches, once it does.
    pub(crate) watching: Option<Arc<Suspicion>>,
    pub(crate) metrics: Option<Metrics>,
    /// What is served on an address of its own, which is known when it starts.
    pub(crate) metrics_at: Option<(Metrics, String)>,
    pub(crate) telemetry: Option<Telemetry>,
    pub(crate) fault: Option<ConfigurationError>,
}

impl Server {
    /// A server of this name, with nothing on it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            implementation: Implementation::new(name, "0.1.0"),
            instructions: None,
            registry: Registry::default(),
            shared: Shared::default(),
            policies: Vec::new(),
            rules: None,
            limits: None,
            extras: Extras::default(),
            sessions: Sessions::default(),
            session_limits: SessionLimits::default(),
            notifier: None,
            foreign: None,
            announced: None,
            admission: Admission::default(),
            embedded: None,
            embedded_source: SourceName::OAUTH,
            optional: false,
            dpop: None,
            unbound: None,
            required_scopes: ScopeSet::new(),
            hierarchy: ScopeHierarchy::new(),
            challenge_scopes: ScopeSet::new(),
            clock: Arc::new(SystemClock::default()),
            routes: Routes::default(),
            open_to_everybody: false,
            outside: Outside::default(),
            reloads: Reloads::default(),
            audit: None,
            notes: false,
            logs: Vec::new(),
            suspicion: None,
            watching: None,
            metrics: None,
            metrics_at: None,
            telemetry: None,
            fault: None,
        }
    }

    /// Your version of the server, as clients see it.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.implementation.version = version.into();
        self
    }

    /// How a model should use the server.
    #[must_use]
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.instructions = Some(text.into());
        self
    }

    /// Lets in whoever has a token that `authentication` accepts. Called again, it adds
    /// a verifier that is asked after the earlier ones.
    ///
    /// It takes a verifier, for tokens that somebody else issues, or with the feature
    /// `authorization-server` an `EmbeddedAuth`, which issues them here. Its callers are
    /// those of the source `oauth`; see [`Self::source`] for several sources.
    #[must_use]
    pub fn auth(self, authentication: impl Authentication) -> Self {
        authentication.add_to(self)
    }

    /// Lets callers without a token in as anonymous; components with scopes stay
    /// closed to them.
    #[must_use]
    pub const fn optional_auth(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Every token needs these scopes.
    #[must_use]
    pub fn required_scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match ScopeSet::from_names(names) {
            Ok(scopes) => self.required_scopes = self.required_scopes.union(&scopes),
            Err(error) => self.note(Err(ConfigurationError::new(format!(
                "required scopes: {error}"
            )))),
        }
        self
    }

    /// Scopes that clients are told to ask for first, in the challenge of a 401 and in
    /// the metadata, beside those that every token needs. A token without them is as
    /// good.
    ///
    /// A client that is told no scope asks for none, and an authorization server
    /// without a default then refuses to issue anything (RFC 6749 §3.3).
    #[must_use]
    pub fn challenge_scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match ScopeSet::from_names(names) {
            Ok(scopes) => self.challenge_scopes = self.challenge_scopes.union(&scopes),
            Err(error) => self.note(Err(ConfigurationError::new(format!(
                "scopes of the challenge: {error}"
            )))),
        }
        self
    }

    /// Whoever has the scope `scope` has `implied` too, and what those imply: for the
    /// server, for components, in lists and in [`crate::Context::scopes`].
    /// [`crate::AccessToken::scopes`] stays what the token says.
    #[must_use]
    pub fn scope_implies<I>(mut self, scope: &str, implied: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        match std::mem::take(&mut self.hierarchy).implies(scope, implied) {
            Ok(hierarchy) => self.hierarchy = hierarchy,
            Err(error) => self.note(Err(ConfigurationError::new(format!(
                "implied scopes: {error}"
            )))),
        }
        self
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool(mut self, tool: impl ToolHandler) -> Self {
        let added = self.registry.add_tool(Box::new(tool));
        self.note(added);
        self
    }

    /// Adds a resource or a resource template.
    #[must_use]
    pub fn resource(mut self, resource: impl ResourceHandler) -> Self {
        let added = self.registry.add_resource(Box::new(resource));
        self.note(added);
        self
    }

    /// Adds a prompt.
    #[must_use]
    pub fn prompt(mut self, prompt: impl PromptHandler) -> Self {
        let added = self.registry.add_prompt(Box::new(prompt));
        self.note(added);
        self
    }

    /// Adds a rule that can object to an action.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies.push(Arc::new(policy));
        self
    }

    /// How often callers may do what. Unless this is said only wrong credentials are
    /// counted; [`Limits::new`] gives each user 100 requests a minute.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Decides by `rules` who may do what: a [`RuleSet`](crate::policy::rules::RuleSet), or
    /// [`Rules`] of which the application keeps a clone to replace them. They come before
    /// other policies, and like those can only object.
    #[must_use]
    pub fn rules(mut self, rules: impl Into<Rules>) -> Self {
        let rules = rules.into();
        if let Some(path) = rules.path() {
            let (what, again) = (format!("the rules in {}", path.display()), rules.clone());
            self.reloads.add(what, false, move || again.reload());
        }
        if self.rules.replace(rules).is_some() {
            self.note(Err(ConfigurationError::new(
                "rules are given twice, and which of them decide would be a guess: put them into \
                 one set",
            )));
        }
        self
    }

    /// Decides by the rules in the file at `path` (TOML, see `docs/policy.md`) who may do
    /// what. The file is read when the server is built, and again by
    /// [`RunningServer::reload`](crate::RunningServer::reload).
    #[must_use]
    pub fn rules_file(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        match Rules::file(path) {
            Ok(rules) => self.rules(rules),
            Err(error) => {
                self.note(Err(error));
                self
            }
        }
    }

    /// Puts `middleware` around every request, inside of those added before.
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.extras.middleware.push(Arc::new(middleware));
        self
    }

    /// Suggests values for arguments of prompts and variables of resource templates.
    ///
    /// `handler` is an async closure or function of a [`crate::Context`] and a
    /// [`crate::component::CompletionRequest`]. It is asked for components that
    /// the caller may use.
    #[must_use]
    pub fn completion(mut self, handler: impl CompletionHandler) -> Self {
        self.extras.completion = Some(Arc::new(handler));
        self
    }

    /// Shares `value` with every handler that takes a [`crate::State`] of its type.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.shared.state.insert(value);
        self
    }

    /// Seals what a call leaves with the client between two rounds with a key made
    /// from `secret`. Without it each process draws its own key, so that several
    /// nodes do not understand each other's states. Servers of different names never
    /// do, whatever the secret.
    ///
    /// `secret` is at least 32 bytes of a random generator, as text of any alphabet.
    #[must_use]
    pub fn request_state_key(mut self, secret: impl Into<Secret>) -> Self {
        let taken = self
            .shared
            .sealer
            .use_secret(&secret.into(), &self.implementation.name);
        self.note(taken);
        self
    }

    /// Checks the tickets that this server's tools put into the URLs they ask people
    /// to open; for the page behind the URL.
    pub fn url_tickets(&self) -> UrlTickets {
        UrlTickets(Arc::clone(&self.shared.sealer))
    }

    /// Adds a route beside the MCP endpoint. Handlers read the caller as
    /// `Extension<Caller>`.
    ///
    /// `path` is written as for axum, for example `/status` or `/users/{id}`. The
    /// path of the endpoint, `/healthz` and what begins with
    /// `/.well-known/oauth-protected-resource` are the server's own.
    #[must_use]
    pub fn route(mut self, path: &str, handler: MethodRouter, access: RouteAccess) -> Self {
        let added = self.routes.add(path, handler, access);
        self.note(added);
        self
    }

    /// Lets everybody who reaches the server call everything, on public addresses too.
    ///
    /// # Security
    ///
    /// Without a verifier a server starts on loopback addresses and under loopback
    /// names only, unless this was called.
    #[must_use]
    pub const fn danger_without_authentication(mut self) -> Self {
        self.open_to_everybody = true;
        self
    }

    /// When legacy clients get a session.
    #[must_use]
    pub const fn sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = sessions;
        self
    }

    /// How many sessions and open streams there may be, and for how long. How long a
    /// call may take is said with [`crate::Http::request_timeout`].
    #[must_use]
    pub const fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.session_limits = limits;
        self
    }

    /// Lets `notifier` tell clients what has changed: in sessions, and on the
    /// streams of `subscriptions/listen`.
    #[must_use]
    pub fn notifier(mut self, notifier: &Notifier) -> Self {
        self.notifier = Some(notifier.clone());
        self
    }

    /// Judges lifetimes by `clock`; for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The first fault is the one that is told.
    pub(crate) fn note(&mut self, outcome: Result<(), ConfigurationError>) {
        if let Err(error) = outcome {
            self.fault.get_or_insert(error);
        }
    }

    /// Whether callers are told apart.
    pub(crate) const fn authenticates(&self) -> bool {
        !self.admission.is_empty() || self.embedded.is_some()
    }

    /// Whether legacy clients get sessions.
    pub(crate) fn has_sessions(&self) -> bool {
        match self.sessions {
            Sessions::WhereNeeded => {
                self.registry.is_interactive() || self.notifier.is_some() || self.foreign.is_some()
            }
            Sessions::Always => true,
            Sessions::Never => false,
        }
    }

    /// Whether a component needs scopes, or a rule asks who is calling: only a token says
    /// that.
    pub(crate) fn asks_for_scopes(&self) -> bool {
        let rules = self.rules.as_ref();
        let foreign = self.foreign.as_ref();
        let mut accesses = self.registry.accesses();
        !self.required_scopes.is_empty()
            || accesses.any(|access| !access.scopes.is_empty())
            || foreign.is_some_and(|foreign| foreign.access.asks_for_scopes())
            || rules.is_some_and(|rules| rules.current().asks_who())
    }

    /// A limit of something that is not there would limit nothing.
    fn check_limits(&self) -> Result<(), ConfigurationError> {
        if self.foreign.is_some() {
            return Ok(());
        }
        for name in self.limits.iter().flat_map(Limits::components) {
            if !self.registry.has(name) {
                return Err(ConfigurationError::new(format!(
                    "there is a limit for `{name}`, and no tool, prompt, resource or template \
                     of that name: correct it, or leave the limit out"
                )));
            }
        }
        Ok(())
    }

    /// The part of the server that knows nothing of HTTP.
    pub(crate) fn into_core(mut self) -> Result<Core, ConfigurationError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.watch();
        self.check_foreign()?;
        self.registry.check_state(&self.shared.state)?;
        self.check_limits()?;
        if let Some(metrics) = &self.metrics {
            metrics.know(&self.registry)?;
        }
        if let (Some(telemetry), Some(metrics)) = (&self.telemetry, &self.metrics) {
            telemetry.watch(&self.registry, metrics)?;
        }
        let limits = self.limits.unwrap_or_else(Limits::unless_said);
        let limiter = limits.build()?;
        let mut capabilities = self
            .announced
            .unwrap_or_else(|| capabilities(&self.registry));
        if self.extras.completion.is_some() {
            capabilities.completions = Some(Default::default());
        }
        if self.notifier.is_some() {
            Notifier::announce(&mut capabilities);
        }
        let rules = self.rules.iter().cloned();
        let rules = rules.map(|rules| Arc::new(rules) as Arc<dyn Policy>);
        Ok(Core {
            registry: self.registry,
            policies: rules.chain(self.policies).collect(),
            rules: self.rules,
            limiter,
            verifications: Verifications::default(),
            middleware: self.extras.middleware,
            completion: self.extras.completion,
            shared: Arc::new(self.shared),
            implementation: self.implementation,
            instructions: self.instructions,
            capabilities,
            notifier: self.notifier,
            foreign: self.foreign.map(|foreign| Arc::new(foreign.access)),
            patience: Duration::MAX,
            audit: self.audit.map(|sink| Audit::new(sink, self.watching)),
            metrics: self.metrics,
            telemetry: self.telemetry,
        })
    }
}

/// Only what works is announced.
fn capabilities(registry: &Registry) -> ServerCapabilities {
    let mut capabilities = ServerCapabilities::default();
    capabilities.logging = Some(Default::default());
    if !registry.tool_list().is_empty() {
        capabilities.tools = Some(Default::default());
    }
    if !registry.resource_list().is_empty() || !registry.template_list().is_empty() {
        capabilities.resources = Some(Default::default());
    }
    if !registry.prompt_list().is_empty() {
        capabilities.prompts = Some(Default::default());
    }
    capabilities
}
