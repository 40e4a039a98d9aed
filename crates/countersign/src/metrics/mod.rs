//! Counts of what a server decides, and how long it takes, for Prometheus.
//!
//! Nothing is counted and nothing is served unless [`Server::metrics`] was called. The
//! numbers say how a server is used and how it is attacked: they are served on an
//! address of their own, [`Metrics::start`], or behind scopes,
//! [`Server::metrics_route`]. `docs/metrics.md` lists the names.

mod exposition;
mod families;
mod histogram;
mod table;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::routing::{MethodRouter, get};
use countersign_audit::{Outcome, Record, Sink, Text};
use countersign_resource_server::oauth::ScopeSet;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

pub(crate) use self::families::Levels;
#[cfg(feature = "otel")]
pub(crate) use self::families::{COUNTERS, DURATIONS, Family, GAUGES, Label};
use self::histogram::Histogram;
#[cfg(feature = "otel")]
pub(crate) use self::histogram::duration_ends;
use self::table::Table;
#[cfg(feature = "otel")]
pub(crate) use self::words::method_word;
use self::words::{CLASSES, EVENTS, KINDS, METHODS, REASONS, place};
use crate::middleware::Stopwatch;
use crate::registry::Registry;
use crate::{ConfigurationError, Http, RouteAccess, RunningServer, ServeError, Server};

/// The words of [`Outcome::ALL`].
const OUTCOMES: &[&str] = &["allowed", "refused", "failed", "noted"];

/// The events of requests to the server itself.
const DECISIONS: [&str; 3] = ["request_allowed", "request_refused", "request_failed"];

/// Components that are not in the registry of the server.
const OTHER: &str = "other";

/// What a server has counted. A clone is a handle on the same numbers.
///
/// ```
/// use countersign::Server;
/// use countersign::metrics::Metrics;
///
/// let metrics = Metrics::new();
/// let server = Server::new("Notes").metrics(&metrics);
/// assert!(metrics.text().contains("countersign_decisions_total"));
/// # let _ = server;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

/// A server that starts.
type Starting = Pin<Box<dyn Future<Output = Result<RunningServer, ServeError>> + Send>>;

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("underway", &self.underway())
            .finish_non_exhaustive()
    }
}

type Counts = [AtomicU64; OUTCOMES.len()];

struct Inner {
    decisions: Table<3>,
    events: Table<3>,
    /// One map for each kind, by name.
    known: OnceLock<[HashMap<String, Counts>; KINDS.len()]>,
    others: [Counts; KINDS.len()],
    durations: [Histogram; CLASSES.len()],
    underway: AtomicI64,
    levels: OnceLock<Read>,
    #[cfg(feature = "otel")]
    also: OnceLock<Tell>,
}

/// What looks at how much there is; nothing once the server is gone.
type Read = Box<dyn Fn() -> Option<Levels> + Send + Sync>;

/// Somebody else who is told of durations, with the class of the status.
#[cfg(feature = "otel")]
type Tell = Box<dyn Fn(&'static str, std::time::Duration) + Send + Sync>;

impl Default for Inner {
    fn default() -> Self {
        Self {
            decisions: Table::new([METHODS, OUTCOMES, &REASONS]),
            events: Table::new([EVENTS, OUTCOMES, &REASONS]),
            known: OnceLock::new(),
            others: Default::default(),
            durations: Default::default(),
            underway: AtomicI64::new(0),
            levels: OnceLock::new(),
            #[cfg(feature = "otel")]
            also: OnceLock::new(),
        }
    }
}

const fn outcome_place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Allowed => 0,
        Outcome::Refused => 1,
        Outcome::Failed => 2,
        Outcome::Noted => 3,
    }
}

impl Inner {
    fn decided(&self, record: &Record) {
        let outcome = outcome_place(record.outcome);
        let reason = reason_place(record);
        let method = record.method.as_ref().map_or("none", Text::as_str);
        let method = place(METHODS, method);
        self.decisions.count([method, outcome, reason]);
        let (Some(kind), Some(name)) = (&record.component_kind, &record.component) else {
            return;
        };
        let Some(kind) = KINDS.iter().position(|known| *known == kind.as_str()) else {
            return;
        };
        let known = self.known.get().and_then(|known| known.get(kind));
        let known = known.and_then(|known| known.get(name.as_str()));
        let counts = known.or_else(|| self.others.get(kind));
        if let Some(count) = counts.and_then(|counts| counts.get(outcome)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Kind, name and outcome of what was counted for components, in order.
    fn components(&self) -> Vec<(&'static str, &str, &'static str, u64)> {
        let known = self.known.get().into_iter().flatten();
        let known = KINDS.iter().zip(known).flat_map(|(kind, known)| {
            let named = known.iter();
            named.map(|(name, counts)| (*kind, name.as_str(), counts))
        });
        let others = KINDS.iter().zip(&self.others);
        let others = others.map(|(kind, counts)| (*kind, OTHER, counts));
        let mut all: Vec<_> = known
            .chain(others)
            .flat_map(|(kind, name, counts)| {
                let counts = OUTCOMES.iter().zip(counts);
                counts.map(move |(outcome, count)| {
                    (kind, name, *outcome, count.load(Ordering::Relaxed))
                })
            })
            .filter(|(.., count)| *count > 0)
            .collect();
        all.sort_unstable();
        all
    }

    fn underway(&self) -> i64 {
        self.underway.load(Ordering::Relaxed)
    }
}

fn reason_place(record: &Record) -> usize {
    let reason = record.reason.as_ref().map_or("none", Text::as_str);
    place(&REASONS, reason)
}

/// Counts what would be noted.
impl Sink for Metrics {
    fn note(&self, record: Record) {
        let event = record.event.as_str();
        if DECISIONS.contains(&event) {
            return self.0.decided(&record);
        }
        let outcome = outcome_place(record.outcome);
        let places = [place(EVENTS, event), outcome, reason_place(&record)];
        self.0.events.count(places);
    }
}

impl Metrics {
    /// Nothing was counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The numbers in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        exposition::text(&self.0)
    }

    /// Serves the numbers at `http://ADDRESS/metrics`, without authentication, until the
    /// result is dropped or stopped.
    ///
    /// `address` is a loopback address and a port, such as `127.0.0.1:9464`.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the address is not a loopback one or is taken.
    pub async fn start(&self, address: impl Into<String>) -> Result<RunningServer, ServeError> {
        self.starting(Http::bind(address)).await
    }

    /// The same, of a type that a server which starts it can name.
    pub(crate) fn starting(&self, http: Http) -> Starting {
        let server = Server::new("metrics").ignore_environment().route(
            "/metrics",
            self.answering(),
            RouteAccess::Open,
        );
        Box::pin(server.start(http))
    }

    fn answering(&self) -> MethodRouter {
        let metrics = self.clone();
        get(move || {
            let text = metrics.text();
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], text) }
        })
    }

    /// Counts the components of `registry` under their names.
    pub(crate) fn know(&self, registry: &Registry) -> Result<(), ConfigurationError> {
        fn of(names: impl Iterator<Item = String>) -> HashMap<String, Counts> {
            // One of that name counts among the others, which are called so.
            let names = names.filter(|name| name != OTHER);
            names.map(|name| (name, Counts::default())).collect()
        }
        let resources = registry.resources().chain(registry.templates());
        let known = [
            of(registry
                .tools()
                .map(|tool| tool.component().name.to_owned())),
            of(resources.map(|resource| resource.component().name.to_owned())),
            of(registry
                .prompts()
                .map(|prompt| prompt.component().name.to_owned())),
        ];
        self.0.known.set(known).map_err(|_taken| {
            ConfigurationError::new(
                "one `Metrics` was given to two servers: make one for each, with `Metrics::new`",
            )
        })
    }

    /// Shows what `read` says.
    pub(crate) fn show(&self, read: impl Fn() -> Option<Levels> + Send + Sync + 'static) {
        // A second server was refused before.
        let _ = self.0.levels.set(Box::new(read));
    }

    /// A request came.
    pub(crate) fn begin(&self) -> Underway {
        self.0.underway.fetch_add(1, Ordering::Relaxed);
        Underway(self.clone(), Stopwatch::start())
    }
}

/// For those who take the numbers elsewhere.
#[cfg(feature = "otel")]
impl Metrics {
    /// The labels and the count of each counter of `family`.
    pub(crate) fn each_count(&self, family: Family, take: &mut dyn FnMut(&[Label<'_>], u64)) {
        self.0.each_count(family, take);
    }

    /// What the gauge `family` shows.
    pub(crate) fn level(&self, family: Family) -> Option<i64> {
        self.0.level(family)
    }

    /// Tells `tell` of each duration, with the class of the status.
    pub(crate) fn also_tell(
        &self,
        tell: impl Fn(&'static str, std::time::Duration) + Send + Sync + 'static,
    ) {
        // A second server was refused before.
        let _ = self.0.also.set(Box::new(tell));
    }

    fn tell(&self, class: usize, took: std::time::Duration) {
        if let (Some(tell), Some(class)) = (self.0.also.get(), CLASSES.get(class)) {
            tell(class, took);
        }
    }
}

/// A request that has no answer yet.
pub(crate) struct Underway(Metrics, Stopwatch);

impl Underway {
    /// It was answered with `status`.
    pub(crate) fn answered(self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).wrapping_sub(1);
        let Self(metrics, watch) = &self;
        let took = watch.elapsed();
        if let Some(durations) = metrics.0.durations.get(class) {
            durations.observe(took);
        }
        #[cfg(feature = "otel")]
        metrics.tell(class, took);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.0.underway.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// Counts in `metrics` what this server decides, and how long it takes.
    #[must_use]
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self.add_sink(metrics.clone());
        self
    }

    /// Serves `metrics` at `path`, such as `/metrics`, to callers whose token has all of
    /// `scopes`. Without scopes the server does not start: whoever has any token
    /// would read how the server is used and attacked.
    #[must_use]
    pub fn metrics_route(self, path: &str, metrics: &Metrics, scopes: ScopeSet) -> Self {
        let missing = scopes.is_empty();
        let mut server = self.route(path, metrics.answering(), RouteAccess::Requires(scopes));
        if missing {
            server.note(Err(ConfigurationError::new(
                "`metrics_route` needs a scope that not everybody has: name one, such as \
                 `metrics:read`, or serve metrics on an address of their own",
            )));
        }
        server
    }
}
