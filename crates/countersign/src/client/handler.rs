//! What the SDK calls when a server asks or tells something.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    LoggingMessageNotificationParam, ProgressNotificationParam, ResourceUpdatedNotificationParam,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, RoleClient};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::asked::{Asked, MOST_QUESTIONS};
use super::changes::{Change, Changes};
use crate::protocol::{
    ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, ErrorCode, ErrorData, ListRootsResult, ProgressToken,
};

/// Whoever hears how far one call is.
pub(super) type Progress = dyn Fn(ProgressNotificationParam) + Send + Sync;

/// One request that somebody waits for.
struct Awaited {
    /// When the server last said how far it is.
    last: Instant,
    progress: Option<Arc<Progress>>,
}

/// The requests that somebody waits for.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<HashMap<ProgressToken, Awaited>>>);

impl Heard {
    fn locked(&self) -> MutexGuard<'_, HashMap<ProgressToken, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `progress` hears of what is said of `token`.
    pub(super) fn begin(&self, token: &ProgressToken, progress: Option<Arc<Progress>>) {
        let last = Instant::now();
        self.locked()
            .insert(token.clone(), Awaited { last, progress });
    }

    pub(super) fn last(&self, token: &ProgressToken) -> Option<Instant> {
        self.locked().get(token).map(|awaited| awaited.last)
    }

    pub(super) fn end(&self, token: &ProgressToken) {
        self.locked().remove(token);
    }

    /// Notes that something was said of `token`, and tells whoever hears of that; false
    /// if nobody waits for it any more.
    fn progress(&self, params: &ProgressNotificationParam) -> bool {
        let hears = match self.locked().get_mut(&params.progress_token) {
            Some(awaited) => {
                awaited.last = Instant::now();
                awaited.progress.clone()
            }
            None => return false,
        };
        if let Some(hears) = hears {
            hears(params.clone());
        }
        true
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heard({})", self.locked().len())
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
    pub(super) changes: Changes,
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
        if self.heard.progress(&params)
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

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.changes.tell(Change::Resource(params.uri));
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.tell(Change::Tools);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.tell(Change::Prompts);
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.tell(Change::Resources);
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}
