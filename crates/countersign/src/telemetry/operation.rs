//! The span of one request, while it is answered: semantic conventions of OpenTelemetry for
//! MCP, server spans.
//!
//! It begins when its parent is known and a handler is about to run, or at the end, with the
//! time at which the request came. It ends with the last part of the answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use countersign_audit::{Outcome, Record, Text};
use http::{HeaderMap, StatusCode};
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{
    FutureExt, Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
};
use opentelemetry::{Context, KeyValue};

use super::parent::{self, TRACEPARENT};
use super::{Callers, Inner, Telemetry, text};
use crate::direct::Running;
use crate::metrics::method_word;
use crate::middleware::Stopwatch;

/// The longest id of a request that is repeated, in bytes of JSON text.
const LONGEST_ID: usize = 64;

/// A handle on the span of a request; nothing where none is sent. The span ends with the
/// last handle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation(Option<Arc<Mutex<State>>>);

struct State {
    telemetry: Arc<Inner>,
    watch: Stopwatch,
    came: SystemTime,
    /// The span of the transport, from the header.
    around: Option<SpanContext>,
    /// The span of the message, from `_meta`.
    parent: Option<SpanContext>,
    method: Option<&'static str>,
    /// The tool or prompt.
    target: Option<String>,
    attributes: Vec<KeyValue>,
    error: Option<String>,
    span: Option<Context>,
    is_decided: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Operation {
    /// A request that came at `came`, in milliseconds of Unix time.
    pub(crate) fn begin(telemetry: Option<&Telemetry>, came: u64) -> Self {
        Self(telemetry.map(|telemetry| {
            Arc::new(Mutex::new(State {
                telemetry: Arc::clone(&telemetry.0),
                watch: Stopwatch::start(),
                came: SystemTime::UNIX_EPOCH + Duration::from_millis(came),
                around: None,
                parent: None,
                method: None,
                target: None,
                attributes: Vec::new(),
                error: None,
                span: None,
                is_decided: false,
            }))
        }))
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = &self.0 {
            change(&mut lock(state));
        }
    }

    /// It is a message of an authenticated caller, with this `id` in a request with
    /// `headers`, and `parent` in its `_meta` as JSON text.
    pub(crate) fn asked(&self, id: &str, headers: &HeaderMap, in_meta: Option<&str>) {
        self.with(|state| {
            let mut values = headers.get_all(TRACEPARENT).iter();
            let only = values.next().filter(|_| values.next().is_none());
            state.around = only.and_then(|value| parent::parse(value.to_str().ok()?));
            let in_meta = in_meta.and_then(|text| serde_json::from_str::<&str>(text).ok());
            state.parent = in_meta.and_then(parent::parse);
            let id = id.trim_matches('"');
            if id.len() <= LONGEST_ID {
                state.attributes.push(text("jsonrpc.request.id", id));
            }
        });
    }

    /// It speaks this version of the protocol.
    pub(crate) fn speaks(&self, version: &str) {
        self.with(|state| state.attributes.push(text("mcp.protocol.version", version)));
    }

    /// What the audit log notes of it.
    pub(crate) fn decided(&self, record: &Record) {
        self.with(|state| state.decided(record));
    }

    /// It was answered with `status`.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.with(|state| {
            let status = i64::from(status.as_u16());
            state.set(KeyValue::new("http.response.status_code", status));
        });
    }

    /// It was answered with the JSON-RPC error `code`.
    pub(crate) fn failed(&self, code: i32) {
        self.with(|state| {
            let code = code.to_string();
            state.set(text("rpc.response.status_code", code.clone()));
            state.error.get_or_insert(code);
        });
    }

    /// The tool answered that it failed.
    pub(crate) fn tool_failed(&self) {
        self.with(|state| {
            state.error.get_or_insert_with(|| "tool_error".to_owned());
        });
    }

    /// `running`, for whose spans this one is the parent.
    pub(crate) fn around(&self, running: Running) -> Running {
        match &self.0 {
            Some(state) => {
                let span = lock(state).span().clone();
                Box::pin(running.with_context(span))
            }
            None => running,
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The span, which begins if it did not yet.
    fn span(&mut self) -> &Context {
        if self.span.is_none() {
            self.span = Some(self.start());
        }
        self.span.get_or_insert_default()
    }

    fn start(&mut self) -> Context {
        let mut builder = SpanBuilder::from_name(self.name())
            .with_kind(SpanKind::Server)
            .with_start_time(self.came)
            .with_attributes(std::mem::take(&mut self.attributes));
        // The message has a place in the trace of its own; the transport is linked.
        let parent = self.parent.as_ref().or(self.around.as_ref());
        if let (Some(_), Some(around)) = (&self.parent, &self.around) {
            builder = builder.with_links(vec![Link::with_context(around.clone())]);
        }
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        let tracer: &BoxedTracer = &self.telemetry.tracer;
        let span = tracer.build_with_context(builder, &context);
        context.with_span(span)
    }

    /// `{mcp.method.name} {target}`
    fn name(&self) -> String {
        let method = self.method.unwrap_or("request");
        match &self.target {
            Some(target) => format!("{method} {target}"),
            None => method.to_owned(),
        }
    }

    fn set(&mut self, attribute: KeyValue) {
        match &self.span {
            Some(span) => span.span().set_attribute(attribute),
            None => self.attributes.push(attribute),
        }
    }

    fn decided(&mut self, record: &Record) {
        self.is_decided = true;
        self.protocol(record);
        for (key, value) in [
            ("countersign.reason", &record.reason),
            ("countersign.source", &record.source),
            ("countersign.request.id", &record.request),
        ] {
            if let Some(value) = value {
                self.set(text(key, value.as_str()));
            }
        }
        self.set(text("countersign.outcome", record.outcome.as_str()));
        if self.telemetry.callers == Callers::Named {
            self.caller(record);
        }
        if record.outcome != Outcome::Allowed {
            let reason = record.reason.as_ref().map_or("_OTHER", Text::as_str);
            self.error.get_or_insert_with(|| reason.to_owned());
        }
        if let Some(span) = &self.span {
            span.span().update_name(self.name());
        }
    }

    /// Method and component, under the names of the conventions.
    fn protocol(&mut self, record: &Record) {
        self.set(text("network.transport", "tcp"));
        self.set(text("network.protocol.name", "http"));
        let Some(method) = record
            .method
            .as_ref()
            .and_then(|method| method_word(method.as_str()))
        else {
            return;
        };
        self.method = Some(method);
        self.set(text("mcp.method.name", method));
        if method == "tools/call" {
            self.set(text("gen_ai.operation.name", "execute_tool"));
        }
        let (Some(kind), Some(name)) = (&record.component_kind, &record.component) else {
            return;
        };
        let (kind, name) = (kind.as_str(), name.as_str());
        let known = self.telemetry.known.get();
        if !known.is_some_and(|known| known.has(kind, name)) {
            return;
        }
        match kind {
            "tool" => self.set(text("gen_ai.tool.name", name)),
            "prompt" => self.set(text("gen_ai.prompt.name", name)),
            _ => return self.set(text("mcp.resource.uri", name)),
        }
        self.target = Some(name.to_owned());
    }

    fn caller(&mut self, record: &Record) {
        for (key, value) in [
            ("enduser.id", &record.subject),
            ("countersign.issuer", &record.issuer),
            ("countersign.client", &record.client),
            ("countersign.key", &record.key),
        ] {
            if let Some(value) = value {
                self.set(text(key, value.as_str()));
            }
        }
        if let Some(address) = record.address {
            self.set(text("client.address", address.to_string()));
        }
    }
}

/// The answer is there, or nobody waits for it any more.
impl Drop for State {
    fn drop(&mut self) {
        // What was not decided about is no request to the server.
        if !self.is_decided {
            return;
        }
        let ended = self.came + self.watch.elapsed();
        let error = self.error.take();
        if let Some(error) = &error {
            self.set(text("error.type", error.clone()));
        }
        let span = self.span().span();
        if error.is_some() {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(ended);
    }
}
