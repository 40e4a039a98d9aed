//! Events in the log, each thing in a field of its own.

use super::{Audit, AuditEvent, AuditRecord};

/// Writes events to the log, with the target `countersign::audit`: what happened in
/// words, and its [fields](super::AuditFields) for programs.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LogAudit;

/// One line at `$level`. Texts are given as texts, so that they are quoted and escaped.
macro_rules! line {
    ($level:ident, $record:expr) => {{
        let record = $record;
        let fields = record.event.fields();
        tracing::$level!(
            target: "countersign::audit",
            event = fields.event,
            client = fields.client,
            grant = fields.grant,
            subject = fields.subject,
            reason = fields.reason.as_deref(),
            grant_type = fields.grant_type,
            key = fields.key,
            status = fields.status,
            provider = fields.provider,
            at = record.at.as_secs(),
            request = record.request.as_deref(),
            address = record.address.map(tracing::field::display),
            "{}", fields.sentence
        );
    }};
}

impl Audit for LogAudit {
    fn note(&self, record: AuditRecord) {
        match &record.event {
            AuditEvent::ReplayDetected(..)
            | AuditEvent::CodeWithdrawn(..)
            | AuditEvent::CallbackRefused(..)
            | AuditEvent::UpstreamFailed(..)
            | AuditEvent::UpstreamNotRevoked(..) => line!(warn, &record),
            AuditEvent::Unavailable(_) => line!(error, &record),
            _ => line!(info, &record),
        }
    }
}
