//! The audit log in files that are opened when the server starts, and not before.

use std::sync::{Arc, OnceLock};

use countersign_audit::{JsonLines, JsonLinesBuilder, Record, Sink, SinkFull};
use countersign_resource_server::ConfigurationError;

/// Takes records before its files are opened, which is when the server starts: nothing
/// happens before that. A clone is the same log.
#[derive(Clone, Debug)]
pub(crate) struct FileLog {
    files: JsonLinesBuilder,
    /// Where it was said that there is one, if that was outside of code.
    said: Option<String>,
    opened: Arc<OnceLock<JsonLines>>,
}

impl FileLog {
    pub(crate) fn new(files: JsonLinesBuilder, said: Option<String>) -> Self {
        Self {
            files,
            said,
            opened: Arc::default(),
        }
    }

    /// Opens the files, and goes on where they end.
    pub(crate) fn open(&self) -> Result<(), ConfigurationError> {
        let log = self.files.clone().open().map_err(|error| {
            ConfigurationError::new(match &self.said {
                Some(said) => format!("{said}: {error}"),
                None => error.to_string(),
            })
        })?;
        // A second one could not be opened.
        let _ = self.opened.set(log);
        Ok(())
    }
}

impl Sink for FileLog {
    fn note(&self, record: Record) {
        if let Some(log) = self.opened.get() {
            log.note(record);
        }
    }

    fn state(&self) -> Result<(), SinkFull> {
        self.opened.get().map_or(Ok(()), Sink::state)
    }
}
