//! What commands do is noted where the server notes what it does: in the audit log in the
//! database, if it has one.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use countersign::audit::json_lines::existing_key_file;
use countersign::audit::{OnFull, Sink};
use countersign::authorization_server::Storage;
use countersign::authorization_server::audit::StoreSink;

/// The audit log in the database. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManagementLog(Arc<OnceLock<Arc<StoreSink>>>);

impl ManagementLog {
    /// Goes on with the log in `storage`, whose key is in the file `key`; nothing if there
    /// is none.
    pub(crate) async fn begin(
        &self,
        storage: &Storage,
        key: PathBuf,
    ) -> anyhow::Result<Option<Arc<dyn Sink>>> {
        let Some(journal) = storage.journal() else {
            return Ok(None);
        };
        if !key.exists() && journal.journal_end().await?.is_none() {
            return Ok(None);
        }
        let shown = key.display().to_string();
        let key = existing_key_file(key);
        let key = key.with_context(|| format!("the key of the audit log, {shown}"))?;
        // The server decides how many records are kept, and whether to go on without.
        let sink = StoreSink::start(Arc::clone(journal), key, OnFull::Spool, u64::MAX).await?;
        let sink = self.0.get_or_init(|| Arc::new(sink));
        Ok(Some(Arc::clone(sink) as Arc<dyn Sink>))
    }

    /// Runs `command`, and then writes what is left to note.
    pub(crate) async fn around(
        self,
        command: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let done = command.await;
        if let Some(sink) = self.0.get() {
            sink.close().await;
        }
        done
    }
}
