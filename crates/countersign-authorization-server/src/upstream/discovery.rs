//! The metadata document of a provider, fetched when it is first needed: RFC 8414 §3,
//! OpenID Connect Discovery 1.0 §4.
//!
//! One request at a time. A document counts for as long as its answer says, within
//! bounds; if no newer one can be fetched the last good one goes on counting, because
//! endpoints move rarely and people want to log in. After a failure the provider is left
//! alone for a while that doubles up to half a minute.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use countersign_oauth::received_metadata::ReceivedMetadata;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{Lifetime, UnixTime};
use countersign_resource_server::Unavailable;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, Request};

use super::ask::Asker;
use super::error::UpstreamError;

const WHAT: &str = "the metadata document of the provider";

/// How long a document counts at least and at most, and without a word about it.
const SHORTEST: Lifetime = Lifetime::from_mins(1);
const LONGEST: Lifetime = Lifetime::from_hours(24);
const USUAL: Lifetime = Lifetime::from_hours(1);

/// The longest pause after failures, in seconds.
const LONGEST_PAUSE: u64 = 30;

/// The metadata of one provider.
#[derive(Debug)]
pub(super) struct Discovery {
    address: String,
    issuer: String,
    loopback: LoopbackHosts,
    state: Mutex<State>,
    /// Held by whoever fetches.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<(Arc<ReceivedMetadata>, UnixTime)>,
    failures: u32,
    failed_at: Option<UnixTime>,
    /// Until when the provider wants to be left alone.
    held_until: Option<UnixTime>,
}

impl State {
    /// How long there is nothing to ask for, after a failure.
    fn pause(&self, now: UnixTime) -> Lifetime {
        let Some(failed_at) = self.failed_at else {
            return Lifetime::ZERO;
        };
        let whole = (1_u64 << self.failures.min(5)).min(LONGEST_PAUSE);
        let left = whole.saturating_sub(now.since(failed_at).as_secs());
        let held = self
            .held_until
            .map_or(0, |until| until.since(now).as_secs());
        Lifetime::from_secs(left.max(held))
    }
}

impl Discovery {
    /// The document at `address`, whose issuer is `issuer`.
    pub(super) fn new(address: String, issuer: String, loopback: LoopbackHosts) -> Self {
        Self {
            address,
            issuer,
            loopback,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The document that counts at `now`, fetched if there is none.
    pub(super) async fn current(
        &self,
        asker: &Asker,
        now: UnixTime,
    ) -> Result<Arc<ReceivedMetadata>, UpstreamError> {
        let stale = match self.known() {
            Some((known, until)) if now < until => return Ok(known),
            stale => stale,
        };
        let _turn = match (&stale, self.turn.try_lock()) {
            (_, Ok(turn)) => turn,
            // Somebody else is at it.
            (Some((known, _)), Err(_)) => return Ok(Arc::clone(known)),
            (None, Err(_)) => self.turn.lock().await,
        };
        if let Some((known, until)) = self.known()
            && now < until
        {
            return Ok(known);
        }
        let pause = self.state().pause(now);
        let outcome = match pause {
            Lifetime::ZERO => self.fetch(asker, now).await,
            left => Err(Unavailable::new(WHAT, left).into()),
        };
        match (outcome, stale) {
            (Ok(newer), _) => Ok(newer),
            (Err(_), Some((known, _))) => Ok(known),
            (Err(error), None) => Err(error),
        }
    }

    async fn fetch(
        &self,
        asker: &Asker,
        now: UnixTime,
    ) -> Result<Arc<ReceivedMetadata>, UpstreamError> {
        let outcome = self.load(asker).await;
        let mut state = self.state();
        match outcome {
            Ok((metadata, age)) => {
                let metadata = Arc::new(metadata);
                *state = State {
                    known: Some((Arc::clone(&metadata), now.saturating_add(age))),
                    ..State::default()
                };
                Ok(metadata)
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                state.failed_at = Some(now);
                let address = self.address.parse().ok();
                let wait = address.and_then(|address| asker.held(&address));
                state.held_until = wait.map(|wait| now.saturating_add(wait));
                Err(error)
            }
        }
    }

    async fn load(&self, asker: &Asker) -> Result<(ReceivedMetadata, Lifetime), UpstreamError> {
        let request = Request::get(&self.address)
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|_| UpstreamError::BadAnswer(format!("{WHAT} has no usable address")))?;
        let answer = asker.ask(WHAT, request).await?;
        let body = asker.expect_success(WHAT, &answer)?;
        let metadata = ReceivedMetadata::parse(body, &self.issuer, self.loopback);
        let metadata = metadata.map_err(|error| asker.bad_answer(&error.to_string()))?;
        Ok((metadata, age_of(answer.headers())))
    }

    fn known(&self) -> Option<(Arc<ReceivedMetadata>, UnixTime)> {
        self.state().known.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 9111 §5.2.2: `max-age` within our bounds.
fn age_of(headers: &HeaderMap) -> Lifetime {
    let mut age = USUAL;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            if matches!(directive.as_str(), "no-store" | "no-cache") {
                return SHORTEST;
            }
            if let Some(seconds) = directive.strip_prefix("max-age=") {
                let seconds = seconds.trim_matches('"').parse();
                age = seconds.map_or(SHORTEST, Lifetime::from_secs);
            }
        }
    }
    age.clamp(SHORTEST, LONGEST)
}
