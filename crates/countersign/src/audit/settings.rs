//! Where decisions are noted, and under which ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_audit::{RequestId, Sink};
use countersign_resource_server::suspicion::Suspicion;
use http::HeaderMap;

use crate::random;

/// The header by which a proxy says which request it is.
const X_REQUEST_ID: &str = "x-request-id";

/// Takes what is decided, and numbers the requests.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) sink: Arc<dyn Sink>,
    /// What holds back the answers to those who fail again and again.
    pub(crate) suspicion: Option<Arc<Suspicion>>,
    /// Tells this run of the server from others; no secret.
    run: Box<str>,
    requests: AtomicU64,
}

impl Audit {
    pub(crate) fn new(sink: Arc<dyn Sink>, suspicion: Option<Arc<Suspicion>>) -> Self {
        Self {
            sink,
            suspicion,
            // Without randomness nothing else of a server works either.
            run: random::hex::<6>().unwrap_or_default().into(),
            requests: AtomicU64::new(0),
        }
    }

    /// The id of a request with these headers; `from_proxy` if a proxy of the operator
    /// sent it, whose id for it then counts.
    pub(crate) fn request_id(&self, headers: &HeaderMap, from_proxy: bool) -> RequestId {
        let named = || RequestId::parse(headers.get(X_REQUEST_ID)?.to_str().ok()?);
        let named = if from_proxy { named() } else { None };
        named.unwrap_or_else(|| {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            RequestId::numbered(&self.run, number)
        })
    }
}
