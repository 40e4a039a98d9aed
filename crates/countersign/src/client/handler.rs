//! What the SDK calls when a server asks or tells something.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{LoggingMessageNotificationParam, ProgressNotificationParam};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, RoleClient};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::asked::{Asked, MOST_QUESTIONS};
use crate::protocol::{
    ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, ErrorCode, ErrorData, ListRootsResult, ProgressToken,
};

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

/// The code for whoever asks too much (JSON-RPC 2.0 §5.1 leaves it to implementations).
const TOO_MANY: ErrorCode = ErrorCode(-32000);

/// The questions that are being answered.
#[derive(Debug)]
pub(super) struct Questions(Semaphore);

impl Default for Questions {
    fn default() -> Self {
        Self(Semaphore::new(MOST_QUESTIONS))
    }
}

impl Questions {
    fn begin(&self) -> Result<SemaphorePermit<'_>, ErrorData> {
        let turn = self.0.try_acquire();
        turn.map_err(|_| ErrorData::new(TOO_MANY, "Too many questions at once", None))
    }
}

/// What the SDK calls.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) config: ClientConfig,
    pub(super) asked: Asked,
    pub(super) heard: Heard,
    pub(super) questions: Questions,
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
            Some(model) => {
                let _turn = self.questions.begin()?;
                model(params).await
            }
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
            Some(person) => {
                let _turn = self.questions.begin()?;
                Ok(person(params).await)
            }
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
