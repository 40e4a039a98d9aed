//! Where records go.

use std::fmt;
use std::sync::Arc;

use crate::Record;

/// Nothing more can be noted just now: what must not happen unnoted must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log takes nothing more just now")]
#[non_exhaustive]
pub struct SinkFull;

impl SinkFull {
    /// It is full.
    pub const fn new() -> Self {
        Self
    }
}

impl Default for SinkFull {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes records.
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// Notes what happened. It is called while a request waits: it must not block.
    fn note(&self, record: Record);

    /// Whether what is done now can be noted. Asked before a request is decided.
    ///
    /// # Errors
    ///
    /// [`SinkFull`] if it could not be, and the operator chose that then nothing is done:
    /// the request is answered with 503.
    fn state(&self) -> Result<(), SinkFull> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Arc<S> {
    fn note(&self, record: Record) {
        (**self).note(record);
    }

    fn state(&self) -> Result<(), SinkFull> {
        (**self).state()
    }
}

/// Hands each record to several sinks, in their order.
#[derive(Debug, Default)]
pub struct Fanout(Vec<Arc<dyn Sink>>);

impl Fanout {
    /// To nobody yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// To `sink` too.
    #[must_use]
    pub fn and(mut self, sink: impl Sink) -> Self {
        self.0.push(Arc::new(sink));
        self
    }
}

impl Sink for Fanout {
    fn note(&self, record: Record) {
        let Some((last, others)) = self.0.split_last() else {
            return;
        };
        for sink in others {
            sink.note(record.clone());
        }
        last.note(record);
    }

    /// Full as soon as one of them is.
    fn state(&self) -> Result<(), SinkFull> {
        self.0.iter().try_for_each(|sink| sink.state())
    }
}
