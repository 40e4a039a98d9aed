//! Everything that is logged, as text, so that a test can look for what must
//! not be there (rows H1 and H10 of the attack corpus).

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::Subscriber;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::DynFilterFn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;

/// Whether somebody wants what all threads log.
static COLLECTING: AtomicBool = AtomicBool::new(false);

/// Collects events and spans of every level, TRACE included.
#[derive(Clone, Default)]
pub struct CaptureLog(Arc<Mutex<Vec<u8>>>);

impl CaptureLog {
    /// Collects what this thread logs until the guard is dropped. On a
    /// current-thread runtime that is the whole test.
    pub fn start() -> (Self, DefaultGuard) {
        // What is first logged while nobody listens is switched off for everybody,
        // until the next one begins to listen: so somebody always listens.
        Self::for_all_threads();
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.subscriber());
        (log, guard)
    }

    /// Collects what all threads of this process log, except where
    /// [`CaptureLog::start`] is at work. Everyone who asks shares it.
    pub fn global() -> Self {
        COLLECTING.store(true, Ordering::SeqCst);
        Self::for_all_threads()
    }

    /// Listens to all threads, and collects nothing before somebody asks for it.
    fn for_all_threads() -> Self {
        static GLOBAL: OnceLock<CaptureLog> = OnceLock::new();
        GLOBAL
            .get_or_init(|| {
                let log = Self::default();
                let wanted = DynFilterFn::new(|_, _| COLLECTING.load(Ordering::SeqCst));
                let layer = tracing_subscriber::fmt::layer()
                    .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
                    .with_ansi(false)
                    .without_time()
                    .with_writer(log.clone())
                    .with_filter(wanted);
                let subscriber = tracing_subscriber::registry().with(layer);
                tracing::subscriber::set_global_default(subscriber)
                    .expect("nothing else in a test process sets the global subscriber");
                log
            })
            .clone()
    }

    /// The log so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Forgets what was collected.
    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Fails the test if `canary` was logged.
    pub fn assert_absent(&self, canary: &str) {
        let text = self.text();
        assert!(
            !text.contains(canary),
            "the log contains {canary:?}: {}",
            text.lines()
                .find(|line| line.contains(canary))
                .unwrap_or_default()
        );
    }

    fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_ansi(false)
            .without_time()
            .with_writer(self.clone())
            .finish()
    }
}

impl fmt::Debug for CaptureLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CaptureLog")
    }
}

impl io::Write for CaptureLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for CaptureLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_span_fields_of_every_level_are_collected() {
        let (log, _guard) = CaptureLog::start();
        let span = tracing::trace_span!("outer", late = tracing::field::Empty, early = "first");
        span.record("late", "second");
        tracing::trace!(parent: &span, field = "third", "fourth");
        drop(span);
        for word in ["first", "second", "third", "fourth"] {
            assert!(log.text().contains(word), "{word} in {}", log.text());
        }
        log.clear();
        log.assert_absent("first");
    }
}
