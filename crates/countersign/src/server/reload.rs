//! What can be read again while the server runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_resource_server::ConfigurationError;

use super::Server;

/// How often files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// Reads something again. Answers whether it has changed.
type Read = Box<dyn Fn() -> Result<bool, ConfigurationError> + Send + Sync>;

/// Something that can be read again.
struct Reload {
    what: String,
    read: Read,
    /// Whether it costs little enough to be tried every few seconds.
    watched: bool,
}

/// All that can be read again.
#[derive(Default)]
pub(crate) struct Reloads(Vec<Reload>);

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.0.iter().map(|reload| &reload.what);
        f.debug_list().entries(what).finish()
    }
}

impl Server {
    /// Calls `read` when the process is told to read its settings again
    /// ([`crate::RunningServer::reload`]; SIGHUP, where there is such a signal). `what` is
    /// what it reads, for the log. It answers whether something has changed; an error
    /// leaves everything as it was.
    #[must_use]
    pub fn on_reload(
        mut self,
        what: impl Into<String>,
        read: impl Fn() -> Result<bool, ConfigurationError> + Send + Sync + 'static,
    ) -> Self {
        self.reloads.add(what.into(), false, read);
        self
    }
}

impl Reloads {
    /// Also calls `read` every ten seconds if it is `watched`.
    pub(crate) fn add(
        &mut self,
        what: String,
        watched: bool,
        read: impl Fn() -> Result<bool, ConfigurationError> + Send + Sync + 'static,
    ) {
        let read = Box::new(read);
        self.0.push(Reload {
            what,
            read,
            watched,
        });
    }

    /// Reads again all of it. The first error is answered, and the rest is read all the
    /// same.
    pub(crate) fn run(&self) -> Result<(), ConfigurationError> {
        self.read(|_| true)
    }

    fn read(&self, wanted: impl Fn(&Reload) -> bool) -> Result<(), ConfigurationError> {
        let mut outcome = Ok(());
        for reload in self.0.iter().filter(|reload| wanted(reload)) {
            match (reload.read)() {
                Ok(true) => tracing::info!(what = %reload.what, "read again"),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(what = %reload.what, %error, "not read again: the old one stays");
                    if outcome.is_ok() {
                        outcome = Err(error);
                    }
                }
            }
        }
        outcome
    }

    /// Looks at files for ever; nothing if there is none to look at.
    pub(crate) fn watch(self: &Arc<Self>) -> Option<impl Future<Output = ()> + Send + use<>> {
        if !self.0.iter().any(|reload| reload.watched) {
            return None;
        }
        let this = Arc::clone(self);
        Some(async move {
            let mut rounds = tokio::time::interval(WATCH_EVERY);
            rounds.tick().await;
            loop {
                rounds.tick().await;
                let this = Arc::clone(&this);
                // Files are read on a thread that may wait. What went wrong is in the log.
                let reading = move || this.read(|reload| reload.watched);
                let _ = tokio::task::spawn_blocking(reading).await;
            }
        })
    }
}
