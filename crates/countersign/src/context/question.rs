//! One question: how it is put, what it needs of the client, how its answer is read.

use std::time::Duration;

use countersign_resource_server::oauth::Secret;
use rmcp::RoleServer;
use rmcp::model::{
    ClientResult, CreateMessageRequest, ElicitRequest, ElicitationCapability,
    FormElicitationCapability, ListRootsRequest, RootsCapabilities, SamplingCapability,
    ServerRequest, UrlElicitationCapability,
};
use rmcp::service::{Peer, PeerRequestOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ask::Elicited;
use super::{elicitation_url, form};
use crate::protocol::{
    ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, ElicitationSchema, ErrorData, InputRequest, JsonObject,
    ListRootsResult,
};
use crate::{ToolError, random};

/// A question.
#[derive(Debug)]
pub(crate) enum Question {
    Form {
        message: String,
        schema: ElicitationSchema,
    },
    Url {
        message: String,
        url: String,
    },
    Sample(Box<CreateMessageRequestParams>),
    Roots,
}

fn unfit() -> ToolError {
    ToolError::protocol(ErrorData::invalid_params(
        "An answer does not fit its question",
        None,
    ))
}

fn parse<T: DeserializeOwned>(answer: Value) -> Result<T, ToolError> {
    serde_json::from_value(answer).map_err(|_| unfit())
}

impl Question {
    pub(super) fn form(message: String, schema: ElicitationSchema) -> Result<Self, ToolError> {
        form::check_no_secret(&schema)?;
        Ok(Self::Form { message, schema })
    }

    pub(super) fn url(
        message: String,
        url: String,
        token: Option<&Secret>,
    ) -> Result<Self, ToolError> {
        elicitation_url::check(&url, token)
            .map_err(|fault| ToolError::internal(format!("the URL of an elicitation {fault}")))?;
        Ok(Self::Url { message, url })
    }

    pub(super) fn sample(params: CreateMessageRequestParams) -> Result<Self, ToolError> {
        params.validate().map_err(ToolError::internal)?;
        Ok(Self::Sample(Box::new(params)))
    }

    /// What it is called in default keys and messages.
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Form { .. } => "elicitation",
            Self::Url { .. } => "url-elicitation",
            Self::Sample(_) => "sampling",
            Self::Roots => "roots",
        }
    }

    /// The capability that a client must declare.
    pub(super) fn capability(&self) -> ClientCapabilities {
        let mut needed = ClientCapabilities::default();
        match self {
            Self::Form { .. } => {
                let form = FormElicitationCapability::default();
                needed.elicitation = Some(ElicitationCapability::new().with_form(form));
            }
            Self::Url { .. } => {
                let url = UrlElicitationCapability::default();
                needed.elicitation = Some(ElicitationCapability::new().with_url(url));
            }
            Self::Sample(params) => {
                let mut sampling = SamplingCapability::default();
                if params.tools.is_some() || params.tool_choice.is_some() {
                    sampling.tools = Some(JsonObject::new());
                }
                needed.sampling = Some(sampling);
            }
            Self::Roots => needed.roots = Some(RootsCapabilities::default()),
        }
        needed
    }

    /// Whether the client declared what the question needs. An `elicitation` that
    /// names no mode means forms.
    pub(super) fn is_declared_in(&self, declared: &ClientCapabilities) -> bool {
        match self {
            Self::Form { .. } => declared
                .elicitation
                .as_ref()
                .is_some_and(|modes| modes.form.is_some() || modes.url.is_none()),
            Self::Url { .. } => declared
                .elicitation
                .as_ref()
                .is_some_and(|modes| modes.url.is_some()),
            Self::Sample(params) => declared.sampling.as_ref().is_some_and(|sampling| {
                let with_tools = params.tools.is_some() || params.tool_choice.is_some();
                !with_tools || sampling.tools.is_some()
            }),
            Self::Roots => declared.roots.is_some(),
        }
    }

    fn elicitation(&self, id: &str) -> Option<ElicitRequestParams> {
        match self {
            Self::Form { message, schema } => Some(ElicitRequestParams::FormElicitationParams {
                meta: None,
                message: message.clone(),
                requested_schema: schema.clone(),
            }),
            Self::Url { message, url } => Some(ElicitRequestParams::UrlElicitationParams {
                meta: None,
                message: message.clone(),
                url: url.clone(),
                elicitation_id: id.to_owned(),
            }),
            Self::Sample(_) | Self::Roots => None,
        }
    }

    /// The question as a part of a result (2026-07-28).
    pub(super) fn request(&self) -> InputRequest {
        match (self.elicitation(""), self) {
            (Some(params), _) => InputRequest::Elicitation(ElicitRequest::new(params)),
            (None, Self::Sample(params)) => {
                InputRequest::CreateMessage(CreateMessageRequest::new((**params).clone()))
            }
            (None, _) => InputRequest::ListRoots(ListRootsRequest::default()),
        }
    }

    /// Asks in a legacy session.
    pub(super) async fn put(
        &self,
        peer: &Peer<RoleServer>,
        patience: Duration,
    ) -> Result<Value, ToolError> {
        let id = random::hex::<16>().map_err(|_| ToolError::internal("no randomness"))?;
        let request = match (self.elicitation(&id), self) {
            (Some(params), _) => ServerRequest::ElicitRequest(ElicitRequest::new(params)),
            (None, Self::Sample(params)) => {
                ServerRequest::CreateMessageRequest(CreateMessageRequest::new((**params).clone()))
            }
            (None, _) => ServerRequest::ListRootsRequest(ListRootsRequest::default()),
        };
        let mut options = PeerRequestOptions::default();
        options.timeout = Some(patience);
        let result = peer
            .send_request_with_option(request, options)
            .await?
            .await_response()
            .await
            .map_err(|error| {
                tracing::debug!(error = %error, "the client did not answer");
                ToolError::new("The client did not answer the question")
            })?;
        let answer = match result {
            ClientResult::ElicitResult(answer) => serde_json::to_value(answer)?,
            ClientResult::CreateMessageResult(answer) => serde_json::to_value(answer)?,
            ClientResult::ListRootsResult(answer) => serde_json::to_value(answer)?,
            _ => return Err(unfit()),
        };
        self.check(&answer)?;
        Ok(answer)
    }

    /// Whether `answer` fits the question.
    pub(super) fn check(&self, answer: &Value) -> Result<(), ToolError> {
        match self {
            Self::Form { .. } => self.read_form(answer.clone()).map(|_| ()),
            Self::Url { .. } => self.read_consent(answer.clone()).map(|_| ()),
            Self::Sample(_) => self.read_message(answer.clone()).map(|_| ()),
            Self::Roots => self.read_roots(answer.clone()).map(|_| ()),
        }
    }

    pub(super) fn read_form(&self, answer: Value) -> Result<Elicited<JsonObject>, ToolError> {
        let Self::Form { schema, .. } = self else {
            return Err(unfit());
        };
        let answer: ElicitResult = parse(answer)?;
        match (answer.action, answer.content) {
            (ElicitationAction::Accept, Some(Value::Object(content))) => {
                let content = form::check(schema, content).map_err(|_| unfit())?;
                Ok(Elicited::Accepted(content))
            }
            (ElicitationAction::Decline, _) => Ok(Elicited::Declined),
            (ElicitationAction::Cancel, _) => Ok(Elicited::Cancelled),
            _ => Err(unfit()),
        }
    }

    pub(super) fn read_consent(&self, answer: Value) -> Result<Elicited<()>, ToolError> {
        let answer: ElicitResult = parse(answer)?;
        match (self, answer.action) {
            (Self::Url { .. }, ElicitationAction::Accept) => Ok(Elicited::Accepted(())),
            (Self::Url { .. }, ElicitationAction::Decline) => Ok(Elicited::Declined),
            (Self::Url { .. }, ElicitationAction::Cancel) => Ok(Elicited::Cancelled),
            _ => Err(unfit()),
        }
    }

    pub(super) fn read_message(&self, answer: Value) -> Result<CreateMessageResult, ToolError> {
        let answer: CreateMessageResult = parse(answer)?;
        match (self, answer.validate()) {
            (Self::Sample(_), Ok(())) => Ok(answer),
            _ => Err(unfit()),
        }
    }

    pub(super) fn read_roots(&self, answer: Value) -> Result<ListRootsResult, ToolError> {
        match self {
            Self::Roots => parse(answer),
            _ => Err(unfit()),
        }
    }
}
