//! From what was said to a server that answers. Everything is judged first; what opens or
//! makes files comes last, so that a start that is refused leaves nothing behind.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_resource_server::oauth::ScopeSet;
use countersign_resource_server::policy::rules::Rules;
use countersign_resource_server::{
    Clock, ConfigurationError, GateBuilder, ScopeHierarchy, SourceName,
};

use super::ServeError;
use crate::audit::FileLog;
use crate::dispatch::Core;
use crate::embedded::EmbeddedAuth;
use crate::front::{App, Front, Place, Routes};
use crate::rmcp_lane::{Foreign, RegistryHandler, SessionLane, SessionLimits, SessionMode};
use crate::server::Server;

/// A server of which everything was judged, and nothing opened.
pub(super) struct Judged {
    core: Core,
    place: Place,
    gate: Option<GateBuilder>,
    embedded: Option<EmbeddedAuth>,
    source: SourceName,
    logs: Vec<FileLog>,
    routes: Routes,
    clock: Arc<dyn Clock>,
    foreign: Option<Box<dyn crate::rmcp_lane::Served>>,
    sessions: bool,
    /// The server of the metrics has nothing to call.
    has_components: bool,
    limits: SessionLimits,
    entry: Entry,
}

/// Who is let in, whoever verifies it.
struct Entry {
    required_scopes: ScopeSet,
    challenge_scopes: ScopeSet,
    hierarchy: ScopeHierarchy,
    rules: Option<Rules>,
    optional: bool,
    name: String,
}

impl Server {
    /// Judges everything that can be judged without opening anything. [`Server::check`]
    /// was called before.
    pub(super) fn judged(
        mut self,
        mut place: Place,
        local: SocketAddr,
    ) -> Result<Box<Judged>, ServeError> {
        self.watch();
        let authenticates = self.authenticates();
        let gate = std::mem::take(&mut self.admission).gate(&place.resource)?;
        let gate = authenticates.then_some(self.with_dpop(gate)?);
        let known = gate.iter().flat_map(GateBuilder::source_names).cloned();
        let mut known: Vec<_> = known.collect();
        let embedded = match self.embedded.take() {
            None => None,
            Some(mut embedded) => {
                let announced = embedded.judge(&self.surroundings(local.ip(), &place))?;
                for path in &announced.paths {
                    self.check_path(path, &place)?;
                }
                known.extend(announced.sources);
                Some(embedded)
            }
        };
        self.check_sources(&known, self.optional && gate.is_some())?;
        let limits = self.session_limits.clone();
        limits.check()?;
        place.limits.keep_alive = limits.keep_alive;
        let entry = Entry {
            required_scopes: self.required_scopes.clone(),
            challenge_scopes: self.challenge_scopes.clone(),
            hierarchy: self.hierarchy.clone(),
            rules: self.rules.clone(),
            optional: self.optional,
            name: self.implementation.name.clone(),
        };
        let (source, clock) = (self.embedded_source.clone(), Arc::clone(&self.clock));
        let (routes, sessions) = (std::mem::take(&mut self.routes), self.has_sessions());
        let logs = std::mem::take(&mut self.logs);
        let has_components = !self.registry.is_empty() || self.foreign.is_some();
        let foreign = self.foreign.as_mut().and_then(Foreign::take);
        let mut core = self.into_core()?;
        core.patience = place.limits.call_patience;
        Ok(Box::new(Judged {
            core,
            place,
            gate,
            embedded,
            source,
            logs,
            routes,
            clock,
            foreign,
            sessions,
            has_components,
            limits,
            entry,
        }))
    }

    /// The endpoints of an authorization server have their paths for themselves.
    fn check_path(&self, path: &str, place: &Place) -> Result<(), ConfigurationError> {
        self.routes.check_free(path)?;
        if place.endpoints().contains(&path) {
            return Err(ConfigurationError::new(format!(
                "the path `{path}` is one of the authorization server: choose another one for \
                 the MCP endpoint"
            )));
        }
        Ok(())
    }
}

impl Judged {
    /// Opens what has to be waited for.
    pub(super) async fn opened(mut self: Box<Self>) -> Result<Box<Self>, ServeError> {
        for log in std::mem::take(&mut self.logs) {
            log.open()?;
        }
        if let Some(embedded) = self.embedded.take() {
            self.embedded = Some(Box::pin(embedded.open()).await?);
        }
        Ok(self)
    }

    /// Opens what nobody waits for.
    pub(super) fn opened_at_once(mut self: Box<Self>) -> Result<Box<Self>, ServeError> {
        if let Some(embedded) = &self.embedded {
            embedded.check_open()?;
        }
        for log in std::mem::take(&mut self.logs) {
            log.open()?;
        }
        Ok(self)
    }

    /// The server.
    pub(super) fn app(self: Box<Self>) -> Result<App, ServeError> {
        if self.gate.is_none() && self.has_components {
            tracing::warn!(
                "serving without authentication: everybody who reaches this address may call \
                 everything"
            );
        }
        let this = *self;
        let (place, clock, entry) = (this.place, this.clock, this.entry);
        let (gate, issuing) = match (this.gate, this.embedded) {
            (Some(gate), Some(embedded)) => {
                let (gate, mounted) = embedded.mount(gate, this.source, &place)?;
                (Some(gate), Some(mounted))
            }
            (gate, _) => (gate, None),
        };
        let gate = gate.map(|gate| {
            let gate = gate
                .required_scopes(entry.required_scopes)
                .challenge_scopes(entry.challenge_scopes)
                .scope_hierarchy(entry.hierarchy)
                .clock(Arc::clone(&clock))
                .resource_name(entry.name);
            let gate = match entry.rules {
                Some(rules) => gate.rules(rules),
                None => gate,
            };
            let gate = if entry.optional {
                gate.optional()
            } else {
                gate
            };
            gate.build(place.resource.clone())
        });
        let core = Arc::new(this.core);
        let (served, time) = (Arc::clone(&core), Arc::clone(&clock));
        let mode = if this.sessions {
            SessionMode::Offered
        } else {
            SessionMode::Stateless
        };
        let lane = match this.foreign {
            Some(handler) => handler.lane(served, time, mode, this.limits),
            None => SessionLane::new(
                move |caller| RegistryHandler::new(Arc::clone(&served), Arc::clone(&time), caller),
                mode,
                this.limits,
                Arc::clone(&clock),
            ),
        };
        let front = Arc::new(Front {
            core,
            gate,
            issuing,
            place,
            routes: this.routes,
            clock,
            lane,
            sessions: this.sessions,
        });
        if let Some(metrics) = &front.core.metrics {
            // Who has the metrics must not keep the server.
            let front = Arc::downgrade(&front);
            metrics.show(move || front.upgrade().map(|front| front.levels()));
        }
        Ok(App(front))
    }
}
