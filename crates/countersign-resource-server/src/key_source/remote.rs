//! A key set of another server.
//!
//! Everything is driven by requests: the first token fetches the set, one that
//! arrives in the last fifth of its age renews it in the background, one that
//! names an unknown key may fetch it early. At most one fetch runs at a time,
//! and a failed one never takes keys away.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use countersign_oauth::jose::{JwkSet, JwkSetError, KeyOrigin};
use countersign_oauth::{Lifetime, UnixTime};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::header::ACCEPT;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use thiserror::Error;

use super::published::{Location, MetadataFault};
use super::snapshot::{Freshness, Snapshot};
use super::{MIN_AGE, cache_control};
use crate::Unavailable;
use crate::fetch::{Fetch, FetchError};

/// After a failure the next attempt waits 2, 4, 8, 16, then 30 seconds.
const LONGEST_PAUSE: u64 = 30;

/// How long sets are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RemoteSettings {
    /// The age of a set whose answer does not say how long it may be kept.
    pub(crate) default_age: Lifetime,
    /// The longest age, whatever the answer says.
    pub(crate) longest_age: Lifetime,
    /// How long the last good set counts if fetching fails.
    pub(crate) max_stale: Lifetime,
    /// How long a fetch keeps an unknown key id from causing another.
    pub(crate) cooldown: Lifetime,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            default_age: Lifetime::from_mins(10),
            longest_age: Lifetime::from_hours(24),
            max_stale: Lifetime::from_hours(24),
            cooldown: Lifetime::from_secs(30),
        }
    }
}

/// Why a fetch brought no set. For the log.
#[derive(Clone, Copy, Debug, Error)]
enum Failure {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Set(#[from] JwkSetError),
    #[error("the key set has no usable key")]
    NoUsableKey,
    #[error("the metadata of the issuer is unusable: {0}")]
    Metadata(MetadataFault),
    #[error("the fetch was aborted")]
    Aborted,
}

type Outcome = Result<Arc<Snapshot>, Failure>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

#[derive(Default)]
struct Attempts {
    running: Option<Flight>,
    last_start: Option<UnixTime>,
    failures: u32,
}

/// What an early fetch for an unknown key brought.
#[derive(Debug)]
pub(crate) enum Refetched {
    /// Another set than the one that was seen.
    Newer(Arc<Snapshot>),
    /// The set that was seen is the newest; the token is bad.
    Unchanged,
}

/// A set of keys that another server publishes. Cloning shares it.
#[derive(Clone)]
pub(crate) struct RemoteKeySet(Arc<Inner>);

struct Inner {
    location: Location,
    fetch: Arc<dyn Fetch>,
    settings: RemoteSettings,
    current: ArcSwapOption<Snapshot>,
    attempts: Mutex<Attempts>,
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet")
            .field("host", &self.0.location.host())
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl RemoteKeySet {
    pub(crate) fn new(location: Location, fetch: Arc<dyn Fetch>, settings: RemoteSettings) -> Self {
        Self(Arc::new(Inner {
            location,
            fetch,
            settings,
            current: ArcSwapOption::empty(),
            attempts: Mutex::default(),
        }))
    }

    /// The set that counts at `now`, fetched if there is none.
    pub(crate) async fn current(&self, now: UnixTime) -> Result<Arc<Snapshot>, Unavailable> {
        let Some(known) = self.0.current.load_full() else {
            return self.renewed(now).await;
        };
        match known.freshness(now) {
            Freshness::Fresh => Ok(known),
            Freshness::Due => {
                // The task goes on without us; nobody has to wait for it.
                let _ = self.attempt(now, Lifetime::ZERO);
                Ok(known)
            }
            Freshness::Stale => Ok(self.renewed(now).await.unwrap_or(known)),
            Freshness::Gone => self.renewed(now).await,
        }
    }

    /// Looks whether a set newer than `seen` has a key that a token names.
    pub(crate) async fn refetched(
        &self,
        seen: &Arc<Snapshot>,
        now: UnixTime,
    ) -> Result<Refetched, Unavailable> {
        if let Some(newest) = self.0.current.load_full()
            && !Arc::ptr_eq(&newest, seen)
        {
            return Ok(Refetched::Newer(newest));
        }
        match self.attempt(now, self.0.settings.cooldown) {
            Attempt::Running(flight) => match flight.await {
                Ok(newer) => Ok(Refetched::Newer(newer)),
                Err(_) => Err(self.unavailable(now)),
            },
            Attempt::TooSoonAfterFailure => Err(self.unavailable(now)),
            Attempt::TooSoon => Ok(Refetched::Unchanged),
        }
    }

    async fn renewed(&self, now: UnixTime) -> Result<Arc<Snapshot>, Unavailable> {
        match self.attempt(now, Lifetime::ZERO) {
            Attempt::Running(flight) => flight.await.map_err(|_| self.unavailable(now)),
            Attempt::TooSoon | Attempt::TooSoonAfterFailure => Err(self.unavailable(now)),
        }
    }

    fn unavailable(&self, now: UnixTime) -> Unavailable {
        let attempts = self.0.attempts();
        let passed = attempts
            .last_start
            .map_or(Lifetime::ZERO, |start| now.since(start));
        let left = attempts.pause().as_secs().saturating_sub(passed.as_secs());
        Unavailable::new(
            "the key set of the issuer",
            Lifetime::from_secs(left.max(1)),
        )
    }

    /// The running fetch, or a new one unless it is too soon.
    fn attempt(&self, now: UnixTime, cooldown: Lifetime) -> Attempt {
        let mut attempts = self.0.attempts();
        if let Some(flight) = &attempts.running {
            return Attempt::Running(flight.clone());
        }
        if let Some(start) = attempts.last_start {
            let passed = now.since(start);
            if passed < attempts.pause() {
                return Attempt::TooSoonAfterFailure;
            }
            if passed < cooldown {
                return Attempt::TooSoon;
            }
        }
        attempts.last_start = Some(now);
        let inner = Arc::clone(&self.0);
        // A task, so that a client that hangs up does not abort what others wait for.
        let task = tokio::spawn(async move { inner.fetch_once(now).await });
        let flight = async move { task.await.unwrap_or(Err(Failure::Aborted)) }
            .boxed()
            .shared();
        attempts.running = Some(flight.clone());
        Attempt::Running(flight)
    }
}

enum Attempt {
    Running(Flight),
    TooSoon,
    TooSoonAfterFailure,
}

impl Attempts {
    fn pause(&self) -> Lifetime {
        match self.failures {
            0 => Lifetime::ZERO,
            failures => Lifetime::from_secs((1 << failures.min(5)).min(LONGEST_PAUSE)),
        }
    }
}

impl Inner {
    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch_once(&self, now: UnixTime) -> Outcome {
        // A panic in somebody's fetcher must not leave the flight running for ever.
        let outcome = AssertUnwindSafe(self.load(now))
            .catch_unwind()
            .await
            .unwrap_or(Err(Failure::Aborted));
        let mut attempts = self.attempts();
        attempts.running = None;
        match &outcome {
            Ok(_) => attempts.failures = 0,
            Err(failure) => {
                attempts.failures = attempts.failures.saturating_add(1);
                tracing::warn!(
                    host = self.location.host(),
                    failures = attempts.failures,
                    %failure,
                    "the key set could not be fetched"
                );
            }
        }
        outcome
    }

    async fn load(&self, now: UnixTime) -> Outcome {
        let address = match &self.location {
            Location::Known(address) => address.clone(),
            Location::Published(metadata) => {
                let answer = self.answer(&metadata.document, "application/json").await?;
                metadata.key_set(answer.body()).map_err(Failure::Metadata)?
            }
        };
        let host = address.host();
        let answer = self
            .answer(&address, "application/jwk-set+json, application/json")
            .await?;
        let parsed = JwkSet::parse(answer.body(), KeyOrigin::Remote)?;
        for warning in &parsed.warnings {
            let (kid, reason) = (&warning.kid, &warning.reason);
            if warning.is_alarm() {
                tracing::error!(host, ?kid, %reason, "a key of the set is not used");
            } else {
                tracing::warn!(host, ?kid, %reason, "a key of the set is not used");
            }
        }
        if parsed.set.is_empty() {
            return Err(Failure::NoUsableKey);
        }
        let age = cache_control::max_age(answer.headers())
            .unwrap_or(self.settings.default_age)
            .max(MIN_AGE)
            .min(self.settings.longest_age);
        let previous = self.current.load_full();
        let snapshot = Arc::new(Snapshot::new(
            parsed.set,
            previous.as_deref(),
            now,
            age,
            self.settings.max_stale,
        ));
        self.current.store(Some(Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// The answer at `address`, whose status is 200.
    async fn answer(
        &self,
        address: &Uri,
        accept: &'static str,
    ) -> Result<Response<Bytes>, Failure> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = address.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let answer = self.fetch.fetch(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            status => Err(Failure::Status(status)),
        }
    }
}
