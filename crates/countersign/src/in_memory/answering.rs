//! Who answers the questions of a server in a test.

use std::sync::Arc;

use rmcp::model::{
    ElicitationCapability, FormElicitationCapability, RootsCapabilities, SamplingCapability,
    UrlElicitationCapability,
};

use super::CallError;
use crate::protocol::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, InputRequest, InputRequiredResult, InputResponses, JsonObject, ListRootsResult,
};

type Person = dyn Fn(&ElicitRequestParams) -> ElicitResult + Send + Sync;
type Model = dyn Fn(&CreateMessageRequestParams) -> CreateMessageResult + Send + Sync;

/// Whoever is there declares the capability.
#[derive(Clone, Default)]
pub(super) struct Answering {
    pub(super) person: Option<Arc<Person>>,
    pub(super) model: Option<Arc<Model>>,
    pub(super) roots: Option<ListRootsResult>,
}

impl Answering {
    pub(super) fn capabilities(&self) -> ClientCapabilities {
        let mut capabilities = ClientCapabilities::default();
        if self.person.is_some() {
            let modes = ElicitationCapability::new()
                .with_form(FormElicitationCapability::default())
                .with_url(UrlElicitationCapability::default());
            capabilities.elicitation = Some(modes);
        }
        if self.model.is_some() {
            let mut sampling = SamplingCapability::default();
            sampling.tools = Some(JsonObject::new());
            capabilities.sampling = Some(sampling);
        }
        if self.roots.is_some() {
            capabilities.roots = Some(RootsCapabilities::default());
        }
        capabilities
    }

    /// The answers for the next round, with its state.
    pub(super) fn answer(
        &self,
        asked: &InputRequiredResult,
    ) -> Result<(InputResponses, Option<String>), CallError> {
        let mut answers = InputResponses::new();
        for (key, question) in asked.input_requests.iter().flatten() {
            let answer = match question {
                InputRequest::Elicitation(request) => {
                    let person = self.person.as_ref().ok_or_else(CallError::unexpected)?;
                    serde_json::to_value(person(&request.params))
                }
                InputRequest::CreateMessage(request) => {
                    let model = self.model.as_ref().ok_or_else(CallError::unexpected)?;
                    serde_json::to_value(model(&request.params))
                }
                InputRequest::ListRoots(_) => serde_json::to_value(&self.roots),
                _ => return Err(CallError::unexpected()),
            };
            answers.insert(key.clone(), answer.map_err(|_| CallError::unexpected())?);
        }
        Ok((answers, asked.request_state.clone()))
    }
}
