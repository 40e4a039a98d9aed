//! What every handler of this lane asks before anything runs: who calls, and
//! whether every policy agrees.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still served to legacy clients"
)]

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::policy::rules::Rules;
use countersign_resource_server::policy::{Action, Component, ComponentKind, Denial, Permit};
use countersign_resource_server::{Caller, Clock};
use http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{Extensions, RequestId};
use rmcp::service::RequestContext;
use serde::Serialize;

use super::denial;
use super::granted::Granted;
use super::subscriptions::{Subscriptions, may_watch};
use crate::Context;
use crate::audit;
use crate::context::{Home, Inputs, Link, RequestInfo};
use crate::dispatch::Core;
use crate::front::limiting;
use crate::protocol::{ErrorData, InputResponses, JsonObject, LoggingLevel, ProtocolVersion};

/// The requests of one session, stream or connection.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) core: Arc<Core>,
    clock: Arc<dyn Clock>,
    /// Who opened the connection; each HTTP request names its own caller.
    caller: Caller,
    level: Mutex<Option<LoggingLevel>>,
    /// What the client of a session watches.
    pub(super) subscriptions: Subscriptions,
}

/// What a call brings.
#[derive(Debug, Default)]
pub(super) struct Brought<'a> {
    /// The name or URI that was asked for.
    pub(super) component: &'a str,
    pub(super) arguments: Option<&'a JsonObject>,
    /// Answers and state of earlier rounds (2026-07-28, multi round-trip requests).
    pub(super) responses: Option<&'a InputResponses>,
    pub(super) state: Option<&'a str>,
}

impl Incoming {
    pub(super) fn new(core: Arc<Core>, clock: Arc<dyn Clock>, caller: Caller) -> Self {
        let (known, time) = (Arc::clone(&core), Arc::clone(&clock));
        Self {
            core,
            clock,
            level: Mutex::default(),
            subscriptions: Subscriptions::new(known, time, caller.clone()),
            caller,
        }
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Who makes the request with these extensions.
    pub(super) fn caller<'a>(&'a self, extensions: &'a Extensions) -> &'a Caller {
        extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<Caller>())
            .unwrap_or(&self.caller)
    }

    /// Decides an action on the component that the caller calls `name`.
    ///
    /// # Errors
    ///
    /// The JSON-RPC error for the denial.
    pub(super) fn permit(
        &self,
        extensions: &Extensions,
        action: &Action<'_>,
        name: &str,
    ) -> Result<Permit, ErrorData> {
        let parts = extensions.get::<Parts>();
        if let (Some(audit), None) = (&self.core.audit, parts)
            && audit.sink.state().is_err()
        {
            return Err(ErrorData::internal_error("Unavailable, try again", None));
        }
        let named = action.component.map(|component| (component.kind, name));
        let decided = parts.and_then(|parts| Granted::take(parts, action));
        let caller = self.caller(extensions);
        // The front counts what comes over HTTP.
        if parts.is_none()
            && let Err(exceeded) = self.core.charge(caller, action)
        {
            if let Some(audit) = &self.core.audit {
                let retry_after = exceeded.retry_after;
                let denied = Err::<Permit, _>(Denial::TooMany { retry_after });
                audit::decided(audit, &*self.clock, caller, (action, name), &denied);
            }
            return Err(limiting::error(&exceeded));
        }
        decided
            .unwrap_or_else(|| {
                let mut caller = caller.clone();
                let decided = self.core.permit(&mut caller, action, self.clock.now());
                // A decision of HTTP is part of what the front notes of the request.
                if let (Some(audit), None) = (&self.core.audit, parts) {
                    audit::decided(audit, &*self.clock, &caller, (action, name), &decided);
                }
                decided
            })
            .map_err(|refused| denial::error(refused, named))
    }

    /// The answer to a request for a component that there is not.
    pub(super) fn unknown(
        &self,
        extensions: &Extensions,
        method: &str,
        kind: ComponentKind,
        name: &str,
    ) -> ErrorData {
        self.note_undecided(
            extensions,
            (method, Some((kind, name))),
            "unknown_component",
        );
        denial::unknown(kind, name)
    }

    /// The answer `error` to a request about which there is nothing to decide.
    pub(super) fn refused(
        &self,
        extensions: &Extensions,
        method: &str,
        error: ErrorData,
    ) -> ErrorData {
        self.note_undecided(extensions, (method, None), audit::word_of(&error));
        error
    }

    /// A refusal of HTTP is noted by the front.
    fn note_undecided(
        &self,
        extensions: &Extensions,
        what: (&str, Option<(ComponentKind, &str)>),
        word: &'static str,
    ) {
        if let (Some(audit), None) = (&self.core.audit, extensions.get::<Parts>()) {
            let caller = self.caller(extensions);
            audit::undecided(audit, &*self.clock, caller, what, word);
        }
    }

    /// Whether whoever opened the connection may do `action`, as a part of something that
    /// was counted, decided and noted as a whole.
    pub(super) fn allows(&self, action: &Action<'_>) -> bool {
        let mut caller = self.caller.clone();
        let decided = self.core.permit(&mut caller, action, self.now());
        decided.map(Permit::spend).is_ok()
    }

    /// Whether whoever opened the stream may hear of the resource at `uri` now.
    pub(super) fn may_hear(&self, uri: &str) -> bool {
        let asked = ("subscriptions/listen", uri);
        may_watch(&self.core, &*self.clock, &self.caller, asked)
    }

    /// Returns when whoever opened the stream may not hear of all of `uris` any more, or
    /// not listen at all, because the rules were replaced.
    pub(super) async fn loses(&self, uris: &[String]) {
        let Some(mut rules) = self.core.rules.as_ref().map(Rules::watch) else {
            return std::future::pending().await;
        };
        let listening = Action::method("subscriptions/listen");
        while self.allows(&listening) && uris.iter().all(|uri| self.may_hear(uri)) {
            rules.replaced().await;
        }
        tracing::debug!("a subscription ends, which new rules do not permit");
    }

    /// From now on calls say nothing below `level`.
    pub(super) fn choose_level(&self, level: LoggingLevel) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    fn info(
        &self,
        method: &'static str,
        request: &RequestContext<RoleServer>,
    ) -> Result<RequestInfo, ErrorData> {
        let protocol = request
            .protocol_version()
            .unwrap_or(ProtocolVersion::V_2025_03_26);
        let id: &RequestId = &request.id;
        let mut info = RequestInfo::new(json(id)?, method, protocol, self.clock.now());
        if !request.meta.is_empty() {
            info.meta = json(&request.meta)?;
        }
        info.log_level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(info)
    }

    fn in_session(&self, request: &RequestContext<RoleServer>, info: RequestInfo) -> Context {
        let caller = self.caller(&request.extensions).clone();
        let link = Link::Session(request.peer.clone());
        let home = Home::Shared(Arc::clone(&self.core.shared));
        Context::new(caller, info, link, home).cancelled_by(request.ct.clone())
    }

    /// The context of a request that names no component.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32603 if something is not JSON.
    pub(super) fn context(
        &self,
        method: &'static str,
        request: &RequestContext<RoleServer>,
    ) -> Result<Context, ErrorData> {
        Ok(self.in_session(request, self.info(method, request)?))
    }

    /// The permit and the context of a call of `component`.
    ///
    /// # Errors
    ///
    /// The JSON-RPC error for a denial; −32602 for the state of another request, and for one
    /// that has expired.
    pub(super) fn call(
        &self,
        (method, component): (&'static str, Component<'_>),
        request: &RequestContext<RoleServer>,
        brought: &Brought<'_>,
    ) -> Result<(Permit, Context), ErrorData> {
        let action = Action::on(method, component);
        let permit = self.permit(&request.extensions, &action, brought.component)?;
        let mut info = self.info(method, request)?;
        info.component = Bytes::copy_from_slice(brought.component.as_bytes());
        if let Some(arguments) = brought.arguments {
            info.arguments = json(arguments)?;
        }
        if brought.responses.is_some() || brought.state.is_some() {
            let responses = brought.responses.map(serde_json::to_string).transpose();
            let responses = responses.map_err(|_| internal_error())?;
            let inputs = Inputs::open(
                &self.core.shared.sealer,
                self.caller(&request.extensions),
                &info,
                responses.as_deref(),
                brought.state,
                info.received,
            )?;
            info.inputs = Some(Box::new(inputs));
        }
        Ok((permit, self.in_session(request, info)))
    }
}

pub(super) fn internal_error() -> ErrorData {
    ErrorData::internal_error("Internal error", None)
}

fn json(value: &impl Serialize) -> Result<Bytes, ErrorData> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|_| internal_error())
}
