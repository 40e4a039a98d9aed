//! Who answers the questions of a server, and hears what it tells.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::model::{
    ElicitationCapability, FormElicitationCapability, LoggingMessageNotificationParam,
    ProgressNotificationParam, RootsCapabilities, SamplingCapability, UrlElicitationCapability,
};
use serde_json::Value;

use super::ClientError;
use crate::protocol::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ErrorData, InputRequest, InputRequiredResult, InputResponses, JsonObject,
    ListRootsResult,
};

/// So many questions of one answer are answered, and so many of a server at the same time:
/// nobody is asked more than a person can read.
pub(super) const MOST_QUESTIONS: usize = 32;

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Person = dyn Fn(ElicitRequestParams) -> Answer<ElicitResult> + Send + Sync;
type Model = dyn Fn(CreateMessageRequestParams) -> Answer<Result<CreateMessageResult, ErrorData>>
    + Send
    + Sync;
type Progress = dyn Fn(ProgressNotificationParam) + Send + Sync;
type Log = dyn Fn(LoggingMessageNotificationParam) + Send + Sync;

/// Whoever is there is offered to the server.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    pub(crate) person: Option<Arc<Person>>,
    pub(crate) model: Option<Arc<Model>>,
    pub(crate) roots: Option<ListRootsResult>,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) log: Option<Arc<Log>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("person", &self.person.is_some())
            .field("model", &self.model.is_some())
            .field("roots", &self.roots)
            .finish_non_exhaustive()
    }
}

impl Asked {
    pub(crate) fn capabilities(&self) -> ClientCapabilities {
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

    /// The answers to the questions of one round.
    pub(crate) async fn answers(
        &self,
        asked: &InputRequiredResult,
    ) -> Result<InputResponses, ClientError> {
        let questions = asked.input_requests.iter().flatten();
        if questions.clone().count() > MOST_QUESTIONS {
            return Err(ClientError::NotMcp("it asks too much at once".into()));
        }
        let mut answers = InputResponses::new();
        for (key, question) in questions {
            let answer = match (question, &self.person, &self.model, &self.roots) {
                (InputRequest::Elicitation(request), Some(person), ..) => {
                    json(&person(request.params.clone()).await)
                }
                (InputRequest::CreateMessage(request), _, Some(model), _) => {
                    json(&model(request.params.clone()).await?)
                }
                (InputRequest::ListRoots(_), _, _, Some(roots)) => json(roots),
                _ => {
                    let why = "it asks for what this client did not offer";
                    return Err(ClientError::NotMcp(why.into()));
                }
            };
            answers.insert(key.clone(), answer?);
        }
        Ok(answers)
    }
}

fn json(answer: &impl serde::Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(answer).map_err(|error| ClientError::Setup(error.to_string()))
}
