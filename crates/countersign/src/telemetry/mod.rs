//! Spans and metrics for OpenTelemetry: who else works with a request sees the server's
//! part of it. Only with the feature `otel`.
//!
//! A span is what the audit log says about a request, under the names of the semantic
//! conventions for MCP. `docs/metrics.md` lists them. Not done here: deciding, noting
//! ([`crate::audit`]) and counting ([`crate::metrics`]); what was counted is sent as it is.
//!
//! No token, session id, argument, result or name that a client made up leaves the
//! server. Subjects and addresses leave it if [`TelemetryBuilder::naming_callers`] says so.

mod instruments;
mod known;
mod operation;
mod parent;
mod send;

use std::fmt;
use std::sync::{Arc, OnceLock};

use countersign_resource_server::fetch::{Fetch, Fetcher};
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use self::known::Known;
pub(crate) use self::operation::Operation;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::{ConfigurationError, Server};

/// Whether spans say who called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Callers {
    #[default]
    Unnamed,
    Named,
}

/// Where spans and metrics are sent, under construction.
#[derive(Debug)]
#[must_use = "nothing is sent before it is built and given to a server"]
pub struct TelemetryBuilder {
    collector: String,
    service: Option<String>,
    callers: Callers,
    fetch: Option<Arc<dyn Fetch>>,
}

impl TelemetryBuilder {
    /// What the service is called, `service.name`. Without it, what `OTEL_SERVICE_NAME` or
    /// `OTEL_RESOURCE_ATTRIBUTES` says counts.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Lets spans say who called: subject, issuer, client and address. Whoever reads the
    /// traces then reads what each person does.
    pub const fn naming_callers(mut self) -> Self {
        self.callers = Callers::Named;
        self
    }

    /// Sends with `fetch` instead, for example through a proxy.
    pub fn fetch(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// Begins to send what a server is going to say. Call it inside of a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if nothing can be sent to the address of the collector, or
    /// there is no runtime.
    pub fn build(self) -> Result<Telemetry, ConfigurationError> {
        let fetch = match self.fetch {
            Some(fetch) => fetch,
            None => Arc::new(fetcher(&self.collector)?),
        };
        let resource = Resource::builder();
        let resource = match self.service {
            Some(name) => resource.with_service_name(name),
            None => resource,
        };
        let sending = send::providers(&self.collector, fetch, resource.build())?;
        let scope = scope();
        let tracer = sending.tracers.tracer_with_scope(scope.clone());
        let meter = sending.meters.meter_with_scope(scope);
        Ok(Telemetry(Arc::new(Inner {
            tracer: BoxedTracer::new(Box::new(tracer)),
            meter,
            callers: self.callers,
            sending: Some(sending),
            known: OnceLock::new(),
        })))
    }
}

/// The guarded fetcher, for this one place.
fn fetcher(collector: &str) -> Result<Fetcher, ConfigurationError> {
    let refused = |why: &dyn fmt::Display| {
        ConfigurationError::new(format!(
            "spans and metrics cannot be sent to the collector {collector:?} ({why}): name an \
             https address, or one on this machine, such as http://127.0.0.1:4318"
        ))
    };
    let fetcher = Fetcher::builder().only(collector);
    let fetcher = fetcher.map_err(|error| refused(&error))?.build()?;
    fetcher.check(collector).map_err(|error| refused(&error))?;
    Ok(fetcher)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("countersign")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Sends a span for each request of a server, and what it counts. A clone is a handle on
/// the same.
///
/// ```no_run
/// use countersign::Server;
/// use countersign::telemetry::Telemetry;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = Telemetry::otlp("http://127.0.0.1:4318").service("notes").build()?;
/// let server = Server::new("Notes").telemetry(&telemetry);
/// # let _ = server;
/// telemetry.shutdown().await; // at the end: sends what is left
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    tracer: BoxedTracer,
    meter: Meter,
    callers: Callers,
    /// What we send with, if it is ours.
    sending: Option<Sending>,
    /// What the server has.
    known: OnceLock<Known>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("callers", &self.callers)
            .field("is_ours", &self.sending.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Sending {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
}

impl Telemetry {
    /// Sends by OTLP over HTTP to the collector at `collector`, an address without the path
    /// of a signal, such as `https://otel.example.com` or `http://127.0.0.1:4318`. Without
    /// TLS only this machine is spoken to.
    ///
    /// `OTEL_EXPORTER_OTLP_HEADERS` and the other standard variables about headers, times
    /// and sampling count.
    pub fn otlp(collector: impl Into<String>) -> TelemetryBuilder {
        TelemetryBuilder {
            collector: collector.into(),
            service: None,
            callers: Callers::default(),
            fetch: None,
        }
    }

    /// Hands spans and metrics to the global providers of the crate `opentelemetry`, which
    /// the application has set before.
    pub fn global() -> Self {
        Self(Arc::new(Inner {
            tracer: global::tracer_with_scope(scope()),
            meter: global::meter_with_scope(scope()),
            callers: Callers::default(),
            sending: None,
            known: OnceLock::new(),
        }))
    }

    /// Sends what is waiting to be sent; false if that fails. What the application's
    /// providers have is theirs to send.
    pub async fn flush(&self) -> bool {
        self.at_once(|sending| {
            let (spans, metrics) = (sending.tracers.force_flush(), sending.meters.force_flush());
            spans.and(metrics)
        })
        .await
    }

    /// Sends what is left, and nothing after that; false if that fails.
    pub async fn shutdown(&self) -> bool {
        self.at_once(|sending| {
            let (spans, metrics) = (sending.tracers.shutdown(), sending.meters.shutdown());
            spans.and(metrics)
        })
        .await
    }

    /// The providers wait for a thread of theirs, which waits for the runtime.
    async fn at_once(&self, what: impl FnOnce(Sending) -> OTelSdkResult + Send + 'static) -> bool {
        let Some(sending) = self.0.sending.clone() else {
            return true;
        };
        let done = tokio::task::spawn_blocking(move || what(sending)).await;
        match done {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "spans or metrics were not sent");
                false
            }
            Err(_) => false,
        }
    }

    /// Begins to send what is counted in `metrics` about a server with `registry`.
    pub(crate) fn watch(
        &self,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<(), ConfigurationError> {
        self.0.known.set(Known::of(registry)).map_err(|_| {
            ConfigurationError::new(
                "one `Telemetry` was given to two servers: build one for each, or use \
                 `Telemetry::global` in both",
            )
        })?;
        instruments::observe(&self.0.meter, metrics);
        Ok(())
    }
}

impl Server {
    /// Sends a span for each request, and what the server counts, with `telemetry`.
    #[must_use]
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.telemetry = Some(telemetry.clone());
        self
    }
}

fn text(key: &'static str, value: impl Into<String>) -> KeyValue {
    KeyValue::new(key, value.into())
}
