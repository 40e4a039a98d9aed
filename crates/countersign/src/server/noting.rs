//! Where decisions are noted, and who watches them.

use std::sync::Arc;

use countersign_audit::{Fanout, JsonLinesBuilder, Sink, TracingSink};
use countersign_resource_server::suspicion::Suspicion;

use super::Server;
use crate::audit::FileLog;
use crate::metrics::Metrics;

impl Server {
    /// Notes every decision in `sink`: one record for each request, whether it was
    /// allowed or refused, over HTTP and over stdio. An authorization server inside this
    /// one notes there too, unless it was told otherwise. Called again, it adds a sink.
    #[must_use]
    pub fn audit(mut self, sink: impl Sink) -> Self {
        self.notes = true;
        self.add_sink(sink);
        self
    }

    /// As [`Self::audit`], in the files that `files` names, such as `JsonLines::at("a.jsonl")`.
    /// They are opened when the server starts, after everything else that was said about it
    /// was judged: a start that is refused makes none.
    #[must_use]
    pub fn audit_files(self, files: JsonLinesBuilder) -> Self {
        self.audit_in(FileLog::new(files, None))
    }

    pub(crate) fn audit_in(mut self, log: FileLog) -> Self {
        self.logs.push(log.clone());
        self.audit(log)
    }

    /// Hands records to `sink` as well.
    pub(crate) fn add_sink(&mut self, sink: impl Sink) {
        self.audit = Some(match self.audit.take() {
            None => Arc::new(sink),
            Some(earlier) => Arc::new(Fanout::new().and(earlier).and(sink)),
        });
    }

    /// Has `suspicion` watch what is noted: it notes what looks like an attack, and holds
    /// back the refusals of whoever fails again and again. Nobody is locked out by it.
    #[must_use]
    pub fn suspicion(mut self, suspicion: Suspicion) -> Self {
        self.suspicion = Some(suspicion);
        self
    }

    /// Counts for those who are told of it, and puts what watches before the sink. From then on the sink is the last one.
    pub(crate) fn watch(&mut self) {
        if self.telemetry.is_some() && self.metrics.is_none() {
            // What is sent is what was counted.
            let metrics = Metrics::new();
            self.add_sink(metrics.clone());
            self.metrics = Some(metrics);
        }
        let Some(suspicion) = self.suspicion.take() else {
            return;
        };
        let sink = self.audit.take();
        let sink = sink.unwrap_or_else(|| Arc::new(TracingSink::new()));
        let watch = suspicion.over(sink);
        self.watching = Some(Arc::clone(watch.suspicion()));
        self.audit = Some(Arc::new(watch));
    }
}
