//! Requests for a handler that was written for the SDK: era, mirrored headers and
//! policy as for our own components, whatever methods the handler has.

use std::borrow::Cow;

use countersign_resource_server::Caller;
use countersign_resource_server::policy::{Action, ComponentKind};
use http::Response;
use http::request::Parts;
use rmcp::model::CompleteRequestParams;

use super::envelope::{Parameters, Params, invalid_params};
use super::era::Era;
use super::message::{guessed_era, method_not_found, refusal};
use super::method::Method;
use super::{Answer, Front, answer, mirror};
use crate::audit;
use crate::protocol::ErrorData;
use crate::rmcp_lane::{ForeignAccess, Granted, completed, is_known};

/// The component that a request is about.
type Named<'a> = Option<(ComponentKind, Cow<'a, str>)>;

impl Front {
    /// Decides the request. `Ok` is the decision that travels with it to the handler.
    ///
    /// # Errors
    ///
    /// The answer to a request that does not reach the handler.
    pub(super) fn decide_foreign(
        &self,
        access: &ForeignAccess,
        parts: &Parts,
        header: Option<&str>,
        (id, method, raw): (&str, &str, Option<Parameters<'_>>),
        caller: &mut Caller,
    ) -> Result<Granted, Box<Response<Answer>>> {
        let guess = guessed_era(header);
        let wrong = |era: &Era, error| Box::new(answer::error(era, Some(id), &error));
        let text = raw.as_ref().map_or("{}", |raw| raw.text);
        let params = if is_known(method) {
            Params::of(raw)
        } else {
            // What the members of other methods mean is the handler's business.
            Params::meta_of(raw)
        };
        let params = params.map_err(|error| wrong(&guess, error))?;
        let era = Era::decide(header, &params).map_err(|error| wrong(&guess, error))?;
        let named = named(method, &params, text);
        if let Ok(Some((kind, name))) = &named {
            audit::about(audit::kind(*kind), name);
        }
        if era == Era::Modern {
            let name = mirrored(method, &params);
            mirror::check(&parts.headers, method, name).map_err(|error| wrong(&era, error))?;
        }
        if Method::parse(method).is_some_and(|method| !method.is_of(&era)) {
            return Err(wrong(&era, method_not_found()));
        }
        let named = named.map_err(|error| wrong(&era, error))?;
        let needed = named
            .as_ref()
            .map(|(kind, name)| (*kind, name, access.needed(*kind, name)));
        let action = match &needed {
            Some((kind, name, needed)) => Action::on(method, needed.component(*kind, name)),
            None => Action::method(method),
        };
        let now = self.clock.now();
        let denial = match self.core.permit(caller, &action, now) {
            Ok(permit) => {
                audit::permitted();
                if let Some(task) = task(method, &params)
                    && !access.opens_task(&self.core.policies, caller, task, now)
                {
                    // The lane says so, as it would over stdio.
                    audit::refused("unknown_task", None);
                }
                return Ok(Granted::new(&action, permit));
            }
            Err(denial) => denial,
        };
        match refusal(caller, denial) {
            Some(refusal) => Err(Box::new(self.refuse(&refusal))),
            None => {
                audit::refused("hidden_component", None);
                Ok(Granted::as_unknown(&action))
            }
        }
    }
}

/// What `Mcp-Name` repeats.
fn mirrored<'a>(method: &str, params: &'a Params<'_>) -> Option<&'a str> {
    let text = match method {
        "tools/call" | "prompts/get" => &params.name,
        "resources/read" => &params.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => &params.task,
        _ => return None,
    };
    text.as_deref()
}

/// The task that a request is about.
fn task<'a>(method: &str, params: &'a Params<'_>) -> Option<&'a str> {
    match method {
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task.as_deref(),
        _ => None,
    }
}

fn named<'a>(method: &str, params: &'a Params<'_>, text: &str) -> Result<Named<'a>, ErrorData> {
    let (kind, named) = match method {
        "tools/call" => (ComponentKind::Tool, &params.name),
        "prompts/get" => (ComponentKind::Prompt, &params.name),
        "resources/read" | "resources/subscribe" | "resources/directory/read" | "skills/get" => {
            (ComponentKind::Resource, &params.uri)
        }
        "completion/complete" => {
            let completion: CompleteRequestParams =
                serde_json::from_str(text).map_err(|_| invalid_params())?;
            let named = completed(&completion.r#ref);
            return Ok(named.map(|(kind, name)| (kind, Cow::Owned(name.to_owned()))));
        }
        _ => return Ok(None),
    };
    let named = named.as_deref();
    Ok(named.map(|name| (kind, Cow::Borrowed(name))))
}
