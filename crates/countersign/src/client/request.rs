//! One request and its answer: waited for as long as it makes progress, cancelled when
//! nobody waits any more, sent again if its stream broke.

use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::{CancelledNotificationParam, ClientRequest, ServerResult};
use rmcp::service::{Peer, PeerRequestOptions, ServiceError};
use tokio::time::Instant;

use super::failures::Failure;
use super::handler::Progress;
use super::patience::Patience;
use super::{Client, ClientError};
use crate::protocol::{
    InputRequiredResult, InputResponses, JsonObject, ProgressToken, RequestId, RequestMetaObject,
};

/// Questions are answered in so many rounds at most.
const MOST_ROUNDS: usize = 16;

/// What the SDK answers to whoever waits, if it had to open another session.
const NEW_SESSION: &str = "streamable HTTP session was re-initialized before the response arrived";

/// On which terms one request is made, with all its rounds and pages.
pub(super) struct Terms {
    pub(super) patience: Patience,
    /// Its end.
    pub(super) deadline: Instant,
    pub(super) progress: Option<Arc<Progress>>,
    /// What is said besides, in `_meta`.
    pub(super) meta: JsonObject,
}

impl Terms {
    /// For what begins now.
    pub(super) fn of(patience: Patience) -> Self {
        Self {
            patience,
            deadline: patience.deadline(),
            progress: None,
            meta: JsonObject::new(),
        }
    }
}

/// What a round brings to the next: answers, and the state that asked for them.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) responses: Option<InputResponses>,
    pub(super) state: Option<String>,
}

/// Tells the server when nobody waits for an answer any more.
struct Waiting<'a> {
    client: &'a Client,
    id: Option<RequestId>,
    token: ProgressToken,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.client.heard.end(&self.token);
        let Some(id) = self.id.take() else {
            return;
        };
        self.client.failures.take(&id);
        let peer: Peer<RoleClient> = self.client.service.peer().clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let told = CancelledNotificationParam::new(Some(id), None);
                let _ = peer.notify_cancelled(told).await;
            });
        }
    }
}

impl Client {
    /// The result of `request`, on `terms`.
    ///
    /// A stream that broke carried its request away, and the server takes that for its
    /// cancellation: it is sent once more, as a new request with a new id (2026-07-28,
    /// Streamable HTTP).
    pub(super) async fn request(
        &self,
        terms: &Terms,
        request: ClientRequest,
    ) -> Result<ServerResult, ClientError> {
        let mut last = self.once(terms, request.clone()).await;
        if matches!(last, Err(Failure::Broken)) {
            last = self.once(terms, request).await;
        }
        let error = match last {
            Ok(result) => return Ok(result),
            Err(Failure::Broken) => ClientError::Closed,
            Err(Failure::Because(error)) => error,
        };
        match &self.child {
            Some(child) => Err(child.explain(error).await),
            None => Err(error),
        }
    }

    /// What every request says besides.
    fn options(&self, terms: &Terms) -> PeerRequestOptions {
        let mut meta = RequestMetaObject::from(terms.meta.clone());
        if let (true, Some(level)) = (self.is_modern(), self.level.least()) {
            meta.set_log_level(level);
        }
        match meta.0.is_empty() {
            true => PeerRequestOptions::no_options(),
            false => PeerRequestOptions::no_options().with_meta(meta),
        }
    }

    async fn once(&self, terms: &Terms, request: ClientRequest) -> Result<ServerResult, Failure> {
        let told = |error| Failure::Because(ClientError::from(error));
        let peer = self.service.peer();
        let sent = peer.send_request_with_option(request, self.options(terms));
        let handle = sent.await.map_err(told)?;
        let mut waiting = Waiting {
            client: self,
            id: Some(handle.id.clone()),
            token: handle.progress_token.clone(),
        };
        self.heard.begin(&waiting.token, terms.progress.clone());
        let answer = async { Ok(handle.await_response().await) };
        let last = || self.heard.last(&waiting.token);
        let answer = terms
            .patience
            .wait(terms.deadline, &self.credentials, last, answer)
            .await
            .map_err(Failure::Because)?;
        let failure = waiting.id.take().and_then(|id| self.failures.take(&id));
        match (answer, failure) {
            (Ok(result), _) => Ok(result),
            (Err(_), Some(failure)) => Err(failure),
            (Err(ServiceError::McpError(error)), None) if error.message == NEW_SESSION => {
                Err(Failure::Because(ClientError::Closed))
            }
            (Err(error), None) => Err(told(error)),
        }
    }

    /// The result of the requests that `make` makes of what each round brings. What is
    /// in the state is the server's business: it goes back as it came, with the answers
    /// that it asked for, and in no other request.
    pub(super) async fn rounds(
        &self,
        terms: &Terms,
        make: impl Fn(Inputs) -> ClientRequest,
    ) -> Result<ServerResult, ClientError> {
        let mut inputs = Inputs::default();
        for _ in 0..MOST_ROUNDS {
            match self.request(terms, make(inputs)).await? {
                ServerResult::InputRequiredResult(asked) => {
                    inputs = self.answers(terms.deadline, asked).await?;
                }
                result => return Ok(result),
            }
        }
        Err(ClientError::NotMcp("it asks for input without end".into()))
    }

    async fn answers(
        &self,
        deadline: Instant,
        asked: InputRequiredResult,
    ) -> Result<Inputs, ClientError> {
        let answers = self.asked.answers(&asked);
        let answers = tokio::time::timeout_at(deadline, answers).await;
        let answers = answers.unwrap_or(Err(ClientError::TimedOut))?;
        Ok(Inputs {
            responses: asked.input_requests.is_some().then_some(answers),
            state: asked.request_state,
        })
    }
}
