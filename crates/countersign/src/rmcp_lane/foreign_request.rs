//! One request to a handler that was written for the SDK: decided, and carried out
//! as the call of its caller.

use std::future::Future;

use countersign_resource_server::Caller;
use countersign_resource_server::policy::{Action, ComponentKind};
use rmcp::ServerHandler;
use rmcp::model::{Extensions, Reference};

use super::foreign_handler::{ForeignHandler, Request};
use crate::dispatch::{Core, guarded};
use crate::middleware::Passing;
use crate::protocol::{ErrorData, JsonObject};
use crate::{Context, ToolError};

impl<H: ServerHandler> ForeignHandler<H> {
    /// Decides a request that names no component.
    pub(super) fn begin(
        &self,
        method: &'static str,
        request: &Request,
    ) -> Result<Context, ErrorData> {
        let action = Action::method(method);
        self.incoming
            .permit(&request.extensions, &action, "")?
            .spend();
        self.incoming.context(method, request)
    }

    /// Decides a request about a component.
    pub(super) fn begin_on(
        &self,
        method: &'static str,
        kind: ComponentKind,
        name: &str,
        request: &Request,
    ) -> Result<Context, ErrorData> {
        self.decide(method, kind, name, &request.extensions)?;
        self.incoming.context(method, request)
    }

    pub(super) fn decide(
        &self,
        method: &str,
        kind: ComponentKind,
        name: &str,
        extensions: &Extensions,
    ) -> Result<(), ErrorData> {
        let needed = self.access.needed(kind, name);
        let action = Action::on(method, needed.component(kind, name));
        self.incoming.permit(extensions, &action, name)?.spend();
        Ok(())
    }

    /// Decides a request about a task, which has to be the caller's, who may still use
    /// the tool that began it.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602, the same for no task and for one that is nothing to the caller.
    pub(super) fn begin_on_task(
        &self,
        method: &'static str,
        id: &str,
        request: &Request,
    ) -> Result<Context, ErrorData> {
        let context = self.begin(method, request)?;
        let (caller, now) = (context.caller(), self.incoming.now());
        if self
            .access
            .opens_task(&self.core().policies, caller, id, now)
        {
            return Ok(context);
        }
        Err(ErrorData::invalid_params("Unknown task", None))
    }

    /// Runs `call` as the call of `context`. The text of a panic stays here.
    pub(super) async fn run<T>(
        &self,
        context: Context,
        call: impl Future<Output = Result<T, ErrorData>>,
    ) -> Result<T, ErrorData> {
        let call = async { call.await.map_err(ToolError::protocol) };
        let outcome = self.core().in_time(guarded(context, call)).await;
        outcome.map_err(ToolError::into_error_data)
    }

    /// Whether some component of this kind must look unknown to some callers.
    pub(super) fn hides(&self, kind: ComponentKind) -> bool {
        let rules = self.core().rules.as_ref();
        self.access.hides(kind) || rules.is_some_and(|rules| rules.current().hides())
    }

    pub(super) fn core(&self) -> &Core {
        &self.incoming.core
    }

    /// Whether `caller` sees the component in a list.
    pub(super) fn shows(&self, caller: &Caller, kind: ComponentKind, name: &str) -> bool {
        let (policies, now) = (&self.core().policies, self.incoming.now());
        self.access.shows(policies, caller, (kind, name), now)
    }
}

/// The component that a completion is about.
pub(crate) fn completed(reference: &Reference) -> Option<(ComponentKind, &str)> {
    match reference {
        Reference::Prompt(prompt) => Some((ComponentKind::Prompt, &prompt.name)),
        Reference::Resource(template) => Some((ComponentKind::ResourceTemplate, &template.uri)),
        _ => None,
    }
}

/// Arguments for the middleware, and whether there were any.
pub(super) fn passing(arguments: Option<JsonObject>) -> (Passing, bool) {
    let had_any = arguments.is_some();
    (Passing::Object(arguments.unwrap_or_default()), had_any)
}
