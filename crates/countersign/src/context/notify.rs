//! Notifications to the client that made the request: log messages and progress.

use serde::Serialize;
use serde_json::Value;

use rmcp::model::{
    LoggingMessageNotification, LoggingMessageNotificationParam, ProgressNotification,
    ProgressNotificationParam, ServerNotification,
};

use super::Context;
use crate::protocol::LoggingLevel;

/// What legacy clients get that never chose a level.
const LEGACY_LEVEL: LoggingLevel = LoggingLevel::Info;

impl Context {
    /// The least severe level that the client wants to hear of; `None` if it wants
    /// nothing.
    ///
    /// From 2026-07-28 on a client says so in each request. Legacy clients choose
    /// with `logging/setLevel`, and hear from `info` upwards if they did not.
    pub fn log_level(&self) -> Option<LoggingLevel> {
        if self.protocol_version().has_initialize() {
            Some(self.0.request.log_level.unwrap_or(LEGACY_LEVEL))
        } else {
            self.meta().log_level()
        }
    }

    /// Tells the client something, if it wants to hear of this `level`.
    ///
    /// `logger` names the part of the server that speaks. `data` is text or any
    /// JSON; do not put secrets or the internals of the server into it.
    pub async fn log(
        &self,
        level: LoggingLevel,
        logger: Option<&str>,
        data: impl Serialize + Send,
    ) {
        if self
            .log_level()
            .is_none_or(|least| (level as u8) < least as u8)
        {
            return;
        }
        let data = match serde_json::to_value(data) {
            Ok(data) => data,
            Err(error) => {
                tracing::error!(error = %error, "a log message is not JSON");
                return;
            }
        };
        let mut params = LoggingMessageNotificationParam::new(level, data);
        params.logger = logger.map(str::to_owned);
        self.emit(ServerNotification::LoggingMessageNotification(
            LoggingMessageNotification::new(params),
        ))
        .await;
    }

    /// Tells the client something for the search for faults.
    pub async fn debug(&self, message: impl Into<String> + Send) {
        self.say(LoggingLevel::Debug, message.into()).await;
    }

    /// Tells the client something ordinary.
    pub async fn info(&self, message: impl Into<String> + Send) {
        self.say(LoggingLevel::Info, message.into()).await;
    }

    /// Tells the client something remarkable.
    pub async fn notice(&self, message: impl Into<String> + Send) {
        self.say(LoggingLevel::Notice, message.into()).await;
    }

    /// Warns the client.
    pub async fn warning(&self, message: impl Into<String> + Send) {
        self.say(LoggingLevel::Warning, message.into()).await;
    }

    /// Tells the client that something failed.
    pub async fn error(&self, message: impl Into<String> + Send) {
        self.say(LoggingLevel::Error, message.into()).await;
    }

    async fn say(&self, level: LoggingLevel, message: String) {
        self.log(level, None, Value::String(message)).await;
    }

    /// Tells the client how far the call is, if it asked to know.
    ///
    /// `progress` grows with each call; one that does not is not sent. `total` is
    /// where it will end, in the same unit.
    pub async fn report_progress(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some(token) = self.meta().get_progress_token() else {
            return;
        };
        {
            let last = &mut self.round().progress;
            if !progress.is_finite() || last.is_some_and(|last| progress <= last) {
                return;
            }
            *last = Some(progress);
        }
        let mut params = ProgressNotificationParam::new(token, progress);
        params.total = total.filter(|total| total.is_finite());
        params.message = message.map(str::to_owned);
        self.emit(ServerNotification::ProgressNotification(
            ProgressNotification::new(params),
        ))
        .await;
    }
}
