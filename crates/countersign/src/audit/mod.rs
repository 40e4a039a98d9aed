//! What is noted of a request: one record for the one decision that is made about it;
//! and where it goes, see [`crate::Server::audit`].
//!
//! The front opens a ledger for each request and closes it with the answer. On the
//! way, whoever knows something says so, here and not to the sink: who calls, what for,
//! why not. A refusal of which nobody said why is noted by its status, so that none goes
//! by unseen. What was allowed is noted before it is carried out.

mod file_log;
mod settings;
mod words;

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

pub use countersign_audit::*;
use countersign_resource_server::policy::{Action, ComponentKind, Denial};
pub use countersign_resource_server::suspicion::Suspicion;
use countersign_resource_server::{AccessToken, Caller, Clock, Refusal};
use http::StatusCode;

pub(crate) use file_log::FileLog;
pub(crate) use settings::Audit;

use crate::protocol::{ErrorCode, ErrorData};
use crate::telemetry::Operation;

tokio::task_local! {
    /// That of the request that is answered.
    static CURRENT: Ledger;
}

/// One request, while it is answered.
#[derive(Debug)]
pub(crate) struct Ledger(RefCell<Option<Box<Open>>>, Operation);

/// What is known of it. It goes away when it is noted.
#[derive(Debug)]
struct Open {
    sink: Arc<dyn Sink>,
    record: Record,
    /// Policy agreed; whether it goes through shows later.
    permitted: bool,
    /// It was said why it is refused.
    refused: bool,
}

impl Ledger {
    /// For a request from `address`; without an `audit` nothing is kept.
    pub(crate) fn open(
        audit: Option<&Audit>,
        clock: &dyn Clock,
        id: Option<&RequestId>,
        address: Option<IpAddr>,
        operation: Operation,
    ) -> Self {
        let open = RefCell::new(audit.map(|audit| {
            let mut record = Record::new("", "", clock.now_millis());
            record.request = id.map(RequestId::text);
            record.address = address;
            Box::new(Open {
                sink: Arc::clone(&audit.sink),
                record,
                permitted: false,
                refused: false,
            })
        }));
        Self(open, operation)
    }

    /// Lets `answering` be that of this request.
    pub(crate) fn during<T>(self, answering: impl Future<Output = T>) -> impl Future<Output = T> {
        CURRENT.scope(self, answering)
    }

    fn note(entry: Box<Open>, status: Option<StatusCode>, operation: &Operation) {
        let Open {
            sink,
            mut record,
            permitted,
            refused,
        } = *entry;
        record.status = status.map(|status| status.as_u16());
        let by_status = status.and_then(words::of_status);
        let record = match by_status {
            _ if refused => refusal(record),
            Some(word) => refusal(record.reason(word)),
            None if permitted => permission(record),
            None => return,
        };
        operation.decided(&record);
        sink.note(record);
    }
}

/// Whoever hangs up before the answer does not go unnoted.
impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(entry) = self.0.get_mut().take() {
            Self::note(entry, None, &self.1);
        }
    }
}

fn permission(mut record: Record) -> Record {
    record.event = "request_allowed".into();
    record.sentence = "a request was allowed".into();
    record.outcome(Outcome::Allowed)
}

fn refusal(mut record: Record) -> Record {
    let word = record.reason.as_ref().map_or("", Text::as_str);
    let (outcome, severity) = words::weight(word);
    let failed = outcome == Outcome::Failed;
    let (event, sentence) = if failed {
        ("request_failed", "nothing could be decided about a request")
    } else {
        ("request_refused", "a request was refused")
    };
    record.event = event.into();
    record.sentence = sentence.into();
    record.outcome(outcome).severity(severity)
}

/// Changes what is known of the request that is answered, if it is not noted yet.
fn with(change: impl FnOnce(&mut Open)) {
    // Outside of a request, and without an audit, there is nothing to change.
    let _ = CURRENT.try_with(|Ledger(entry, _)| {
        if let Some(entry) = entry.borrow_mut().as_mut() {
            change(entry);
        }
    });
}

/// It is `caller` who asks.
pub(crate) fn called_by(caller: &Caller) {
    with(|entry| name_caller(&mut entry.record, caller));
}

fn name_caller(record: &mut Record, caller: &Caller) {
    if let Some(principal) = caller.principal() {
        record.subject = Some((&principal.subject).into());
        record.issuer = Some((&principal.issuer).into());
        record.client = principal.client.as_ref().map(Text::from);
        record.source = Some(Text::copy(principal.source.as_str()));
    }
    if let Some(key) = caller.access_token().and_then(AccessToken::key) {
        record.key = Some(Text::copy(key));
    }
    if let Some(address) = caller.address() {
        record.address = Some(address);
    }
}

/// It asks for `method`.
pub(crate) fn asked_for(method: &str) {
    with(|entry| entry.record.method = Some(Text::copy(method)));
}

/// It is about the component `name` of this `kind`.
pub(crate) fn about(kind: &'static str, name: &str) {
    with(|entry| {
        entry.record.component_kind = Some(kind.into());
        entry.record.component = Some(Text::copy(name));
    });
}

/// It was refused for this reason: one stable word, and the exact reason. The first
/// reason is the one that counts.
pub(crate) fn refused(word: &'static str, detail: Option<Text>) {
    with(|entry| {
        if !entry.refused {
            entry.refused = true;
            entry.record.reason = Some(word.into());
            entry.record.detail = detail;
        }
    });
}

/// It was refused with this refusal.
pub(crate) fn refused_with(refusal: &Refusal) {
    with(|entry| {
        if entry.refused {
            return;
        }
        let (scopes, source) = match refusal {
            Refusal::InsufficientScope { scopes, source } => (Some(scopes), source.as_ref()),
            Refusal::Unauthenticated(scopes) => (Some(scopes), None),
            Refusal::Rejected { source, .. } => (None, source.as_ref()),
            _ => (None, None),
        };
        if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
            entry.record.scopes = Some(scopes.to_string().into());
        }
        if let Some(source) = source {
            entry.record.source = Some(Text::copy(source.as_str()));
        }
    });
    refused(refusal.word(), Some(refusal.to_string().into()));
}

/// What others are told of the request that is answered.
pub(crate) fn operation() -> Operation {
    let current = CURRENT.try_with(|Ledger(_, operation)| operation.clone());
    current.unwrap_or_default()
}

/// It was answered with this error of JSON-RPC, by us and not by a handler.
pub(crate) fn answered_with(code: ErrorCode, message: &str) {
    operation().failed(code.0);
    refused(words::of_code(code), Some(Text::copy(message)));
}

/// Policy agreed, and what becomes of it is seen by the answer.
pub(crate) fn permitted() {
    with(|entry| entry.permitted = true);
}

/// It is carried out now.
pub(crate) fn allowed() {
    let _ = CURRENT.try_with(|Ledger(entry, operation)| {
        if let Some(mut entry) = entry.borrow_mut().take() {
            entry.permitted = true;
            Ledger::note(entry, None, operation);
        }
    });
}

/// Somebody else notes what becomes of it.
pub(crate) fn noted_elsewhere() {
    let _ = CURRENT.try_with(|Ledger(entry, _)| entry.borrow_mut().take());
}

/// It was answered with `status`.
pub(crate) fn answered(status: StatusCode) {
    let _ = CURRENT.try_with(|Ledger(entry, operation)| {
        if let Some(entry) = entry.borrow_mut().take() {
            Ledger::note(entry, Some(status), operation);
        }
        operation.answered(status);
    });
}

/// The word for a component of this kind.
pub(crate) const fn kind(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Tool => "tool",
        ComponentKind::Prompt => "prompt",
        _ => "resource",
    }
}

/// Notes a decision where there is no request of HTTP: `name` is what the caller calls
/// the component.
pub(crate) fn decided<T>(
    audit: &Audit,
    clock: &dyn Clock,
    caller: &Caller,
    (action, name): (&Action<'_>, &str),
    decision: &Result<T, Denial>,
) {
    let mut record = outside_of_http(clock, caller, action.method);
    if let Some(component) = action.component {
        record = record.component(kind(component.kind), Text::copy(name));
    }
    audit.sink.note(match decision {
        Ok(_) => permission(record),
        Err(denial) => refusal(record.reason(words::of_denial(denial))),
    });
}

/// Notes there too that a request was refused before there was anything to decide: it
/// asks for a component that there is not, or for nothing that makes sense.
pub(crate) fn undecided(
    audit: &Audit,
    clock: &dyn Clock,
    caller: &Caller,
    (method, named): (&str, Option<(ComponentKind, &str)>),
    word: &'static str,
) {
    let mut record = outside_of_http(clock, caller, method);
    if let Some((of_kind, name)) = named {
        record = record.component(kind(of_kind), Text::copy(name));
    }
    audit.sink.note(refusal(record.reason(word)));
}

/// What a refusal with this error of ours is called.
pub(crate) fn word_of(error: &ErrorData) -> &'static str {
    words::of_code(error.code)
}

fn outside_of_http(clock: &dyn Clock, caller: &Caller, method: &str) -> Record {
    let mut record = Record::new("", "", clock.now_millis());
    name_caller(&mut record, caller);
    record.method(Text::copy(method))
}
