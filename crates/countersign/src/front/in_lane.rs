//! Requests on their way to the lane of the SDK.
//!
//! The decision falls here, so that a denial has its HTTP status, and the permit
//! travels with the request.

use bytes::Bytes;
use countersign_resource_server::Caller;
use countersign_resource_server::policy::{Action, Component, Denial};
use http::Response;
use http::request::Parts;
use rmcp::model::CompleteRequestParams;

use super::envelope::invalid_params;
use super::message::{Asked, method_not_found};
use super::method::Method;
use super::{Answer, Front};
use crate::audit;
use crate::rmcp_lane::Granted;

impl Front {
    /// Decides a request of a session or of a stream that stays open, and hands it over.
    pub(super) async fn in_lane(
        &self,
        parts: &Parts,
        body: &Bytes,
        mut caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let mut parts = parts.clone();
        let component = match self.component(&asked) {
            Named::Component(component) => Some(component),
            Named::None => None,
            // The lane says what an unknown component says in its era.
            Named::Unknown => {
                audit::refused("unknown_component", None);
                return self.hand_over(parts, body.clone(), caller).await;
            }
        };
        let action = match component {
            Some(component) => Action::on(asked.method.name(), component),
            None => Action::method(asked.method.name()),
        };
        match self.core.permit(&mut caller, &action, asked.now) {
            Ok(permit) => {
                audit::permitted();
                parts.extensions.insert(Granted::new(&action, permit));
            }
            Err(Denial::Unknown) if component.is_some() => {
                audit::refused("hidden_component", None);
                parts.extensions.insert(Granted::as_unknown(&action));
            }
            Err(denial @ Denial::Unknown) => {
                return self.denied(&caller, &asked, denial, method_not_found());
            }
            Err(denial) => return self.denied(&caller, &asked, denial, invalid_params()),
        }
        self.hand_over(parts, body.clone(), caller).await
    }

    /// What the request is about.
    fn component<'a>(&'a self, asked: &'a Asked<'_>) -> Named<'a> {
        let registry = &self.core.registry;
        let (name, uri) = (asked.params.name.as_ref(), asked.params.uri.as_ref());
        let found = match asked.method {
            Method::CallTool => name
                .and_then(|name| registry.tool(name))
                .map(|entry| entry.component()),
            Method::GetPrompt => name
                .and_then(|name| registry.prompt(name))
                .map(|entry| entry.component()),
            Method::ReadResource | Method::Subscribe => uri
                .and_then(|uri| Some((registry.resource(uri)?.0, uri)))
                .map(|(entry, uri)| entry.component_at(uri)),
            Method::Complete => {
                let raw = asked.raw.unwrap_or("{}");
                let params = serde_json::from_str::<CompleteRequestParams>(raw).ok();
                params.and_then(|params| self.core.completed_component(&params.r#ref))
            }
            _ => return Named::None,
        };
        found.map_or(Named::Unknown, Named::Component)
    }
}

/// What a request names.
enum Named<'a> {
    /// Nothing: it is about the server.
    None,
    /// A component that there is.
    Component(Component<'a>),
    /// A component that there is not, or nothing where something is needed.
    Unknown,
}
