//! A server that is a command, while it runs.

use std::time::Duration;

use tokio::process::Child;
use tokio::sync::Mutex;

use super::{CLOSING, ClientError};

/// What has closed its output is given so long to end.
const ENDING: Duration = Duration::from_secs(1);

/// A process that was started. It ends with this.
#[derive(Debug)]
pub(super) struct Process(Mutex<Child>);

impl Process {
    pub(super) fn new(child: Child) -> Self {
        Self(Mutex::new(child))
    }

    /// `error`, with how the command ended if that is why.
    pub(super) async fn explain(&self, error: ClientError) -> ClientError {
        if !matches!(error, ClientError::Closed) {
            return error;
        }
        let mut child = self.0.lock().await;
        match tokio::time::timeout(ENDING, child.wait()).await {
            Ok(Ok(status)) => ClientError::Ended(status.to_string()),
            _ => error,
        }
    }

    /// Waits for its end, and ends it if it does not.
    pub(super) async fn end(self) {
        let mut child = self.0.into_inner();
        if tokio::time::timeout(CLOSING, child.wait()).await.is_err() {
            tracing::debug!("the command does not end by itself");
            if let Err(error) = child.kill().await {
                tracing::warn!(%error, "the command cannot be ended");
            }
        }
    }
}
