//! Who answers the questions of a server, and hears what it tells.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    ElicitationCapability, FormElicitationCapability, LoggingMessageNotificationParam,
    ProgressNotificationParam, RootsCapabilities, SamplingCapability, UrlElicitationCapability,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, RoleClient};
use serde_json::Value;
use tokio::time::Instant;

use super::ClientError;
use crate::protocol::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ErrorCode, ErrorData, InputRequest,
    InputRequiredResult, InputResponses, JsonObject, ListRootsResult, ProgressToken,
};

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Person = dyn Fn(ElicitRequestParams) -> Answer<ElicitResult> + Send + Sync;
type Model = dyn Fn(CreateMessageRequestParams) -> Answer<Result<CreateMessageResult, ErrorData>>
    + Send
    + Sync;
type Progress = dyn Fn(ProgressNotificationParam) + Send + Sync;
type Log = dyn Fn(LoggingMessageNotificationParam) + Send + Sync;

/// Whoever is there is offered to the server.
#[derive(Clone, Default)]
pub(super) struct Asked {
    pub(super) person: Option<Arc<Person>>,
    pub(super) model: Option<Arc<Model>>,
    pub(super) roots: Option<ListRootsResult>,
    pub(super) progress: Option<Arc<Progress>>,
    pub(super) log: Option<Arc<Log>>,
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

    /// The answers to the questions of one round.
    pub(super) async fn answers(
        &self,
        asked: &InputRequiredResult,
    ) -> Result<InputResponses, ClientError> {
        let mut answers = InputResponses::new();
        for (key, question) in asked.input_requests.iter().flatten() {
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

/// When the server last said how far it is, for each request that somebody waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<HashMap<ProgressToken, Instant>>>);

impl Heard {
    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<ProgressToken, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, token: &ProgressToken) {
        self.locked().insert(token.clone(), Instant::now());
    }

    pub(super) fn last(&self, token: &ProgressToken) -> Option<Instant> {
        self.locked().get(token).copied()
    }

    pub(super) fn end(&self, token: &ProgressToken) {
        self.locked().remove(token);
    }

    /// False if nobody waits for that any more.
    fn progress(&self, token: &ProgressToken) -> bool {
        let mut heard = self.locked();
        let last = heard.get_mut(token);
        last.map(|last| *last = Instant::now()).is_some()
    }
}

/// What the SDK calls.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) config: ClientConfig,
    pub(super) asked: Asked,
    pub(super) heard: Heard,
}

fn not_offered() -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Not offered", None)
}

impl ClientHandler for Handler {
    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        match &self.asked.model {
            Some(model) => model(params).await,
            None => Err(not_offered()),
        }
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        self.asked.roots.clone().ok_or_else(not_offered)
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        match &self.asked.person {
            Some(person) => Ok(person(params).await),
            None => Ok(ElicitResult::new(ElicitationAction::Decline)),
        }
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        if self.heard.progress(&params.progress_token)
            && let Some(progress) = &self.asked.progress
        {
            progress(params);
        }
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        if let Some(log) = &self.asked.log {
            log(params);
        }
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}
