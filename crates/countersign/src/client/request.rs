//! One request and its answer: waited for as long as it makes progress, cancelled when
//! nobody waits any more, sent again if its stream broke.

use rmcp::RoleClient;
use rmcp::model::{CancelledNotificationParam, ClientRequest, ServerResult};
use rmcp::service::{Peer, PeerRequestOptions};
use tokio::time::Instant;

use super::failures::Failure;
use super::{Client, ClientError};
use crate::protocol::{InputRequiredResult, InputResponses, ProgressToken, RequestId};

/// Questions are answered in so many rounds at most.
const MOST_ROUNDS: usize = 16;

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
    /// The result of `request`, before `deadline`.
    ///
    /// A stream that broke carried its request away, and the server takes that for its
    /// cancellation: it is sent once more, as a new request with a new id (2026-07-28,
    /// Streamable HTTP).
    pub(super) async fn request(
        &self,
        deadline: Instant,
        request: ClientRequest,
    ) -> Result<ServerResult, ClientError> {
        match self.once(deadline, request.clone()).await {
            Err(Failure::Broken) => {}
            Err(Failure::Because(error)) => return Err(error),
            Ok(result) => return Ok(result),
        }
        match self.once(deadline, request).await {
            Err(Failure::Broken) => Err(ClientError::Closed),
            Err(Failure::Because(error)) => Err(error),
            Ok(result) => Ok(result),
        }
    }

    async fn once(
        &self,
        deadline: Instant,
        request: ClientRequest,
    ) -> Result<ServerResult, Failure> {
        let told = |error| Failure::Because(ClientError::from(error));
        let options = PeerRequestOptions::no_options();
        let peer = self.service.peer();
        let sent = peer.send_request_with_option(request, options).await;
        let handle = sent.map_err(told)?;
        let mut waiting = Waiting {
            client: self,
            id: Some(handle.id.clone()),
            token: handle.progress_token.clone(),
        };
        self.heard.begin(&waiting.token);
        let answer = async { Ok(handle.await_response().await) };
        let answer = self
            .patience
            .wait(
                deadline,
                &self.credentials,
                || self.heard.last(&waiting.token),
                answer,
            )
            .await
            .map_err(Failure::Because)?;
        let failure = waiting.id.take().and_then(|id| self.failures.take(&id));
        match (answer, failure) {
            (Ok(result), _) => Ok(result),
            (Err(_), Some(failure)) => Err(failure),
            (Err(error), None) => Err(told(error)),
        }
    }

    /// The result of the requests that `make` makes of what each round brings. What is
    /// in the state is the server's business: it goes back as it came, with the answers
    /// that it asked for, and in no other request.
    pub(super) async fn rounds(
        &self,
        make: impl Fn(Inputs) -> ClientRequest,
    ) -> Result<ServerResult, ClientError> {
        let deadline = self.patience.deadline();
        let mut inputs = Inputs::default();
        for _ in 0..MOST_ROUNDS {
            match self.request(deadline, make(inputs)).await? {
                ServerResult::InputRequiredResult(asked) => {
                    inputs = self.answers(deadline, asked).await?;
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
