//! The audit log in the storage of the authorization server.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use countersign_audit::json_lines::key_file;
use countersign_audit::{OnFull, Record, Sink, SinkFull};
use countersign_authorization_server::audit::StoreSink;
use countersign_authorization_server::store::Journal;
use countersign_resource_server::ConfigurationError;

/// How many records are kept unless it is said.
const KEEP: u64 = 1_000_000;

/// How the audit log is kept in the storage of an authorization server; see
/// [`EmbeddedAuth::audit_in_store`](crate::EmbeddedAuth::audit_in_store).
#[derive(Clone, Debug)]
#[must_use]
pub struct AuditInStore {
    key: Option<PathBuf>,
    on_full: OnFull,
    keep: u64,
}

impl Default for AuditInStore {
    fn default() -> Self {
        Self::new()
    }
}

impl AuditInStore {
    /// The newest million records are kept, requests are refused while none can be noted,
    /// and the key of the chain is beside the database, with `.audit.key` behind its name.
    pub const fn new() -> Self {
        Self {
            key: None,
            on_full: OnFull::Refuse,
            keep: KEEP,
        }
    }

    /// The key of the chain is in the file at `path`: 64 hexadecimal digits, made at the
    /// first start.
    ///
    /// # Security
    ///
    /// Whoever can write the database and has the key can write a log that looks untouched.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(path.into());
        self
    }

    /// What happens while nothing more can be noted.
    pub const fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// The newest `records` are kept.
    pub const fn keep(mut self, records: u64) -> Self {
        self.keep = records;
        self
    }
}

/// Takes records before the storage is opened, which is when the server starts: nothing
/// happens before that. A clone is the same log.
#[derive(Clone, Debug)]
pub(crate) struct StoreLog {
    kept: AuditInStore,
    begun: Arc<OnceLock<StoreSink>>,
}

impl StoreLog {
    pub(super) fn new(kept: AuditInStore) -> Self {
        Self {
            kept,
            begun: Arc::default(),
        }
    }

    /// Goes on with the log in `journal`; `beside` is the file of the key if none was named.
    pub(super) async fn begin(
        &self,
        journal: Option<Arc<dyn Journal>>,
        beside: Option<PathBuf>,
    ) -> Result<(), ConfigurationError> {
        let refuse = |sentence: String| ConfigurationError::new(sentence);
        let Some(journal) = journal else {
            return Err(refuse(
                "the storage has no place for an audit log: say which with Storage::with_journal"
                    .to_owned(),
            ));
        };
        let Some(path) = self.kept.key.clone().or(beside) else {
            return Err(refuse(
                "it is not known where the key of the audit log in the storage is to be: name a \
                 file with AuditInStore::key_file"
                    .to_owned(),
            ));
        };
        let key = key_file(&path).map_err(|error| {
            refuse(format!(
                "the key of the audit log, {}: {error}",
                path.display()
            ))
        })?;
        let (on_full, keep) = (self.kept.on_full, self.kept.keep);
        let sink = StoreSink::start(journal, key, on_full, keep).await?;
        self.begun
            .set(sink)
            .map_err(|_second| refuse("the audit log in the storage was begun before".to_owned()))
    }

    /// Whether somebody could wait for the storage.
    pub(super) fn check_begun(&self) -> Result<(), ConfigurationError> {
        match self.begun.get() {
            Some(_) => Ok(()),
            None => Err(ConfigurationError::new(
                "Server::into_app cannot wait for the audit log in the storage: start the server \
                 with Server::start, or start a StoreSink before and give it to Server::audit",
            )),
        }
    }

    /// Writes what is left.
    pub(super) async fn close(&self) {
        if let Some(sink) = self.begun.get() {
            sink.close().await;
        }
    }
}

impl Sink for StoreLog {
    fn note(&self, record: Record) {
        if let Some(sink) = self.begun.get() {
            sink.note(record);
        }
    }

    fn state(&self) -> Result<(), SinkFull> {
        self.begun.get().map_or(Ok(()), Sink::state)
    }
}
