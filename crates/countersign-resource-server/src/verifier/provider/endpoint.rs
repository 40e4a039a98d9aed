//! Where a provider is asked: at an address of its preset, or where its metadata says.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::received_metadata::ReceivedMetadata;
use countersign_oauth::web_uri::LoopbackHosts;
use countersign_oauth::{Lifetime, UnixTime};
use http::header::ACCEPT;
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::sync::Mutex;

use crate::Unavailable;
use crate::fetch::Fetch;

/// So long an address from the metadata is used without looking again.
const AGE: Lifetime = Lifetime::from_hours(1);
/// So long after a failure nobody looks again.
const PAUSE: Lifetime = Lifetime::from_secs(5);

/// Which of the addresses in the metadata is meant.
pub(super) type Member = fn(ReceivedMetadata) -> Option<String>;

/// An endpoint.
#[derive(Debug)]
pub(super) enum Endpoint {
    /// At this address.
    Known(Uri),
    /// Where the metadata says.
    Published(Box<Published>),
}

/// An endpoint that the metadata names.
pub(super) struct Published {
    pub(super) document: Uri,
    pub(super) issuer: String,
    pub(super) member: Member,
    pub(super) loopback: LoopbackHosts,
    pub(super) fetch: Arc<dyn Fetch>,
    /// One looks at a time; the others wait for what it finds.
    pub(super) seen: Mutex<Seen>,
}

/// What was found, and when.
#[derive(Debug, Default)]
pub(super) struct Seen {
    found: Option<(Uri, UnixTime)>,
    failed: Option<UnixTime>,
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published")
            .field("host", &self.document.host())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The address.
    pub(super) async fn address(&self, now: UnixTime) -> Result<Uri, Unavailable> {
        let published = match self {
            Self::Known(address) => return Ok(address.clone()),
            Self::Published(published) => published,
        };
        let mut seen = published.seen.lock().await;
        match &seen.found {
            Some((address, when)) if now.since(*when) < AGE => return Ok(address.clone()),
            _ => {}
        }
        let paused = seen.failed.is_some_and(|when| now.since(when) < PAUSE);
        if !paused && let Some(address) = published.look().await {
            *seen = Seen {
                found: Some((address.clone(), now)),
                failed: None,
            };
            return Ok(address);
        }
        if !paused {
            seen.failed = Some(now);
        }
        // An address does not become wrong because nobody answers there.
        let known = seen.found.as_ref().map(|(address, _)| address.clone());
        known.ok_or_else(|| Unavailable::new("the metadata of the provider", PAUSE))
    }
}

impl Published {
    async fn look(&self) -> Option<Uri> {
        let host = self.document.host();
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.document.clone();
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accept);
        let answer = match self.fetch.fetch(request).await {
            Ok(answer) if answer.status() == StatusCode::OK => answer,
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(host, status, "the metadata could not be fetched");
                return None;
            }
            Err(error) => {
                tracing::warn!(host, %error, "the metadata could not be fetched");
                return None;
            }
        };
        let parsed = ReceivedMetadata::parse(answer.body(), &self.issuer, self.loopback);
        let metadata = match parsed {
            Ok(metadata) => metadata,
            Err(error) => {
                tracing::warn!(host, %error, "the metadata is not used");
                return None;
            }
        };
        let address = (self.member)(metadata).and_then(|address| address.parse().ok());
        if address.is_none() {
            tracing::warn!(host, "the metadata does not name the endpoint");
        }
        address
    }
}
