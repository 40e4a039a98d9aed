//! The exchanges of one connection: whether it idles, and whether its client
//! leaves an answer unread.
//!
//! Nothing here looks at bytes: PINGs, empty frames and single bytes of a head
//! keep no connection open. Only a request does, until its answer was taken.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::front::{Answer, BoxError};

/// The longest piece of an answer that is handed out at once, in bytes.
const PIECE: usize = 16 * 1024;
/// A bound may be as good as none, and no point in time is that far away.
const LONGEST_LOOK: Duration = Duration::from_secs(3600);

/// What happens on one connection. Cloning is cheap; every clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Exchanges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    told_to_leave: Notify,
}

#[derive(Debug)]
struct State {
    running: usize,
    started: u64,
    /// When the last exchange ended, or the connection began.
    idle_since: Instant,
    /// Exchanges whose client has not taken the last piece, and since when.
    unread: Vec<(u64, Instant)>,
    leaving: bool,
}

impl State {
    /// The client of this exchange waits for more, or for nothing.
    fn taken(&mut self, number: u64) {
        if let Some(at) = self.unread.iter().position(|(of, _)| *of == number) {
            self.unread.swap_remove(at);
        }
    }
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing until this time.
    Fine(Instant),
    /// No request for too long.
    Idle,
    /// An answer was left unread for too long.
    Stalled,
}

impl Exchanges {
    /// A connection that begins now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                running: 0,
                started: 0,
                idle_since: Instant::now(),
                unread: Vec::new(),
                leaving: false,
            }),
            told_to_leave: Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has arrived.
    pub(super) fn begin(&self) -> Exchange {
        let mut state = self.state();
        state.running += 1;
        state.started += 1;
        Exchange {
            number: state.started,
            of: self.clone(),
        }
    }

    /// Judges the connection: `idle` is how long it may have no request, `stall`
    /// how long its client may leave an answer unread.
    pub(super) fn judge(&self, now: Instant, idle: Duration, stall: Duration) -> Verdict {
        let state = self.state();
        let unread_since = state.unread.iter().map(|(_, since)| *since).min();
        // Nobody wakes the judge, so it looks again before anything new is due.
        let mut left = idle.min(stall).min(LONGEST_LOOK);
        if let Some(since) = unread_since {
            let of_stall = stall.saturating_sub(now.saturating_duration_since(since));
            if of_stall.is_zero() {
                return Verdict::Stalled;
            }
            left = left.min(of_stall);
        }
        if state.running == 0 {
            let since = now.saturating_duration_since(state.idle_since);
            let of_idleness = idle.saturating_sub(since);
            if of_idleness.is_zero() {
                return Verdict::Idle;
            }
            left = left.min(of_idleness);
        }
        Verdict::Fine(now + left)
    }

    /// Whether the connection has no request.
    pub(super) fn is_idle(&self) -> bool {
        self.state().running == 0
    }

    /// Since when the connection has no request; nothing if it has one, or was
    /// told to leave.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.running == 0 && !state.leaving).then_some(state.idle_since)
    }

    /// Tells the connection to make room for another one.
    pub(super) fn leave(&self) {
        self.state().leaving = true;
        self.0.told_to_leave.notify_one();
    }

    /// Returns once the connection was told to leave.
    pub(super) async fn told_to_leave(&self) {
        self.0.told_to_leave.notified().await;
    }
}

/// One request and its answer; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    number: u64,
    of: Exchanges,
}

impl Exchange {
    /// The next piece of the answer is the client's to take.
    fn offers(&self) {
        let now = Instant::now();
        self.of.state().unread.push((self.number, now));
    }

    /// The client wants to read on.
    fn is_asked(&self) {
        self.of.state().taken(self.number);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.of.state();
        state.taken(self.number);
        state.running -= 1;
        state.idle_since = now;
    }
}

/// The body of an answer, whose progress is known.
#[derive(Debug)]
pub(super) struct Watched {
    answer: Answer,
    rest: Bytes,
    exchange: Exchange,
}

impl Watched {
    pub(super) fn new(answer: Answer, exchange: Exchange) -> Self {
        exchange.offers();
        Self {
            answer,
            rest: Bytes::new(),
            exchange,
        }
    }

    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        self.rest = if data.len() > PIECE {
            data.split_off(PIECE)
        } else {
            Bytes::new()
        };
        self.exchange.offers();
        Frame::data(data)
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.exchange.is_asked();
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        match ready!(Pin::new(&mut self.answer).poll_frame(context)) {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) => self.piece(data),
                Err(trailers) => trailers,
            }))),
            end => Poll::Ready(end),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let hint = self.answer.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole
    }
}
