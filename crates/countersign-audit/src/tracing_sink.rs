//! Records in the log of the process, each thing in a field of its own.

use crate::{Record, Severity, Sink};

/// Writes records to the log, with the target `countersign::audit`: what happened in
/// words, and its fields for programs.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingSink;

impl TracingSink {
    /// The log that the process has.
    pub const fn new() -> Self {
        Self
    }
}

/// One line at `$level`. Texts are given as texts, so that they are quoted and escaped.
macro_rules! line {
    ($level:ident, $record:expr) => {{
        let record = $record;
        tracing::$level!(
            target: "countersign::audit",
            event = record.event.as_str(),
            outcome = record.outcome.as_str(),
            severity = record.severity.as_str(),
            subject = text(&record.subject),
            issuer = text(&record.issuer),
            source = text(&record.source),
            client = text(&record.client),
            grant = text(&record.grant),
            method = text(&record.method),
            component_kind = text(&record.component_kind),
            component = text(&record.component),
            reason = text(&record.reason),
            detail = text(&record.detail),
            status = record.status,
            request = text(&record.request),
            address = record.address.map(tracing::field::display),
            provider = text(&record.provider),
            grant_type = text(&record.grant_type),
            key = text(&record.key),
            scopes = text(&record.scopes),
            at = record.at,
            "{}", record.sentence
        );
    }};
}

fn text(text: &Option<crate::Text>) -> Option<&str> {
    text.as_ref().map(crate::Text::as_str)
}

impl Sink for TracingSink {
    fn note(&self, record: Record) {
        match record.severity {
            Severity::Info | Severity::Notice => line!(info, &record),
            Severity::Warning => line!(warn, &record),
            Severity::Alert => line!(error, &record),
        }
    }
}
