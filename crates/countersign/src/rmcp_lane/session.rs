//! One session of a legacy client: its owner, its streams and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::ClientJsonRpcMessage;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::Opened;
use super::event_log::EventLog;
use super::limits::SessionLimits;
use super::outbound::{NotTaken, Outbound, Shape};
use super::table::Owner;
use super::transport::SessionTransport;

/// Messages of the client that wait for the handler.
const INBOUND: usize = 64;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    id: Arc<str>,
    owner: Owner,
    inbound: mpsc::Sender<ClientJsonRpcMessage>,
    outbound: Arc<Outbound>,
    ended: CancellationToken,
    born: Instant,
    /// Milliseconds from `born` to the last request.
    touched: AtomicU64,
    streams: Arc<AtomicUsize>,
}

/// Why a message does not reach the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// It is not taken.
    NotTaken(NotTaken),
    /// The session has ended.
    Ended,
}

impl Session {
    /// A session that nobody knows of yet, and the end for its handler.
    pub(crate) fn new(
        id: Arc<str>,
        owner: Owner,
        (shape, limits): (Shape, &SessionLimits),
        ended: CancellationToken,
    ) -> (Arc<Self>, SessionTransport) {
        let (inbound, receiver) = mpsc::channel(INBOUND);
        let outbound = Arc::new(Outbound::new(shape, limits));
        let session = Arc::new(Self {
            id,
            owner,
            inbound,
            outbound: Arc::clone(&outbound),
            ended,
            born: Instant::now(),
            touched: AtomicU64::new(0),
            streams: Arc::default(),
        });
        (session, SessionTransport::new(receiver, outbound))
    }

    pub(crate) const fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Is cancelled when the session ends.
    pub(crate) const fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Notes that the session is in use.
    pub(crate) fn touch(&self) {
        let elapsed = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.touched.fetch_max(elapsed, Ordering::AcqRel);
    }

    /// Counts an open stream.
    pub(crate) fn open_stream(&self) -> Opened {
        Opened::count(&self.streams)
    }

    /// Waits until nothing was asked for `idle` and no stream is open.
    pub(crate) async fn idle(&self, idle: Duration) {
        loop {
            let last = self.born + Duration::from_millis(self.touched.load(Ordering::Acquire));
            tokio::time::sleep_until(last + idle).await;
            if self.streams.load(Ordering::Acquire) > 0 {
                self.touch();
            }
            let last = self.born + Duration::from_millis(self.touched.load(Ordering::Acquire));
            if last + idle <= Instant::now() {
                return;
            }
        }
    }

    /// Hands a message to the handler; for a request, the stream of its answer.
    ///
    /// # Errors
    ///
    /// [`NotSent`] says why it was not.
    pub(crate) async fn send(
        &self,
        message: ClientJsonRpcMessage,
    ) -> Result<Option<Arc<EventLog>>, NotSent> {
        self.touch();
        let room = self.inbound.reserve().await.map_err(|_| NotSent::Ended)?;
        let log = self.outbound.admit(&message).map_err(NotSent::NotTaken)?;
        self.outbound.cancel(&message);
        room.send(message);
        Ok(log)
    }
}
