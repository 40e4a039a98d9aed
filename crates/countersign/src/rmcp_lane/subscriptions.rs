//! What clients watch. That somebody may watch a resource is decided when they ask for it,
//! and again each time that it changes: rules, roles and what scopes contain may have been
//! replaced in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_resource_server::policy::{Action, ComponentKind, Permit};
use countersign_resource_server::{Caller, Clock};
use rmcp::ServerHandler;
use rmcp::model::{ServerJsonRpcMessage, ServerNotification};

use crate::dispatch::Core;

/// Resources that one session may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// The resources that one session subscribed to, each with who asked for it: what the
/// session was opened with need not be what a later request brought.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions(Arc<OfSession>);

#[derive(Debug)]
struct OfSession {
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    /// Who opened the session.
    opener: Caller,
    by_uri: Mutex<HashMap<String, Caller>>,
}

/// A handler whose subscriptions are known.
pub(crate) trait Watched: ServerHandler {
    fn subscriptions(&self) -> Subscriptions;
}

impl Subscriptions {
    pub(super) fn new(core: Arc<Core>, clock: Arc<dyn Clock>, opener: Caller) -> Self {
        Self(Arc::new(OfSession {
            core,
            clock,
            opener,
            by_uri: Mutex::default(),
        }))
    }

    fn by_uri(&self) -> MutexGuard<'_, HashMap<String, Caller>> {
        let by_uri = self.0.by_uri.lock();
        by_uri.unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes `caller`, who may, to `uri`; whether there was room for it.
    pub(super) fn add(&self, uri: String, caller: Caller) -> bool {
        let mut by_uri = self.by_uri();
        if by_uri.len() >= MAX_SUBSCRIPTIONS && !by_uri.contains_key(&uri) {
            return false;
        }
        by_uri.insert(uri, caller);
        true
    }

    pub(super) fn remove(&self, uri: &str) {
        self.by_uri().remove(uri);
    }

    pub(super) fn all(&self) -> Vec<Arc<str>> {
        self.by_uri()
            .keys()
            .map(|uri| uri.as_str().into())
            .collect()
    }

    /// Whether somebody asked to hear of `uri` who still may.
    pub(super) fn hears(&self, uri: &str) -> bool {
        let asked = self.by_uri().get(uri).cloned();
        asked.is_some_and(|caller| self.may_hear(&caller, uri))
    }

    /// Whether `message` of the handler may go to the client. A handler of the SDK decides
    /// by itself what it tells, under names of its own and unasked too.
    pub(super) fn passes(&self, message: &ServerJsonRpcMessage) -> bool {
        let ServerJsonRpcMessage::Notification(notification) = message else {
            return true;
        };
        let ServerNotification::ResourceUpdatedNotification(updated) = &notification.notification
        else {
            return true;
        };
        if self.0.core.foreign.is_none() {
            // It was judged before it was sent.
            return true;
        }
        let uri = &*updated.params.uri;
        let asked = self.by_uri().get(uri).cloned();
        self.may_hear(asked.as_ref().unwrap_or(&self.0.opener), uri)
    }

    fn may_hear(&self, caller: &Caller, uri: &str) -> bool {
        may_watch(
            &self.0.core,
            &*self.0.clock,
            caller,
            ("resources/subscribe", uri),
        )
    }
}

/// Whether `caller` may hear of the resource at this URI now, having asked by this method.
pub(super) fn may_watch(
    core: &Core,
    clock: &dyn Clock,
    caller: &Caller,
    (method, uri): (&str, &str),
) -> bool {
    let (mut caller, now) = (caller.clone(), clock.now());
    let decided = match &core.foreign {
        Some(access) => {
            let kind = ComponentKind::Resource;
            let needed = access.needed(kind, uri);
            let action = Action::on(method, needed.component(kind, uri));
            core.permit(&mut caller, &action, now)
        }
        None => {
            let Some((entry, _)) = core.registry.resource(uri) else {
                return false;
            };
            let action = Action::on(method, entry.component_at(uri));
            core.permit(&mut caller, &action, now)
        }
    };
    decided.map(Permit::spend).is_ok()
}
