//! How severe a log message has to be for this client to hear of it.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still served"
)]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{ClientRequest, SetLevelRequest, SetLevelRequestParams};

use super::request::Terms;
use super::{Client, ClientError};
use crate::protocol::LoggingLevel;

/// The least severe level that is heard of, if any is.
#[derive(Clone, Debug, Default)]
pub(super) struct Level(Arc<Mutex<Option<LoggingLevel>>>);

impl Level {
    pub(super) fn new(least: Option<LoggingLevel>) -> Self {
        Self(Arc::new(Mutex::new(least)))
    }

    pub(super) fn least(&self) -> Option<LoggingLevel> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, least: LoggingLevel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(least);
    }
}

/// The request of legacy wires.
pub(super) fn set_level(least: LoggingLevel) -> ClientRequest {
    ClientRequest::SetLevelRequest(SetLevelRequest::new(SetLevelRequestParams::new(least)))
}

impl Client {
    /// Asks for log messages from `least` upwards from now on.
    ///
    /// From 2026-07-28 on every request says so; a legacy server is told once, and again
    /// in each new session.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if a legacy server cannot be told.
    pub async fn set_log_level(&self, least: LoggingLevel) -> Result<(), ClientError> {
        if !self.is_modern() {
            let terms = Terms::of(self.patience);
            self.request(&terms, set_level(least)).await?;
        }
        self.level.set(least);
        Ok(())
    }
}
