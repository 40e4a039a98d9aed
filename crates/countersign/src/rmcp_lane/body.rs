//! Bodies: JSON in one piece, and event streams that end when they must.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::event_log::{Event, LogReader};

/// The body of every answer of this lane.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// A body in one piece.
pub(crate) fn full(text: impl Into<Bytes>) -> ResponseBody {
    Full::new(text.into()).boxed_unsync()
}

/// Counts what is open; counts down when it is dropped.
#[derive(Debug)]
pub(crate) struct Opened(Arc<AtomicUsize>);

impl Opened {
    pub(crate) fn count(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(counter))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Renders the events of a stream (WHATWG HTML, server-sent events).
pub(crate) struct EventStream {
    head: Option<Bytes>,
    reader: LogReader,
    with_ids: bool,
    _opened: Opened,
}

impl EventStream {
    /// The stream that `reader` reads, after `head`. With `with_ids` a client can
    /// come back for what it missed.
    pub(crate) fn new(
        head: Option<Bytes>,
        reader: LogReader,
        with_ids: bool,
        opened: Opened,
    ) -> Self {
        Self {
            head,
            reader,
            with_ids,
            _opened: opened,
        }
    }
}

/// One event of the stream `number`; JSON text has no line breaks.
pub(crate) fn event(number: u64, event: &Event, with_id: bool) -> Bytes {
    let mut text = BytesMut::with_capacity(event.text.len() + 48);
    if with_id {
        text.put_slice(format!("id: {number}.{}\n", event.index).as_bytes());
    }
    text.put_slice(b"data: ");
    text.put_slice(&event.text);
    text.put_slice(b"\n\n");
    text.freeze()
}

/// An event without a message: a client that loses its connection now can come
/// back (2025-11-25, transports).
///
/// `number` is the stream, and `index` its last event that the client has.
pub(crate) fn priming_event(number: u64, index: u64) -> Bytes {
    Bytes::from(format!("id: {number}.{index}\nretry: 3000\ndata: \n\n"))
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        self.reader.poll_next(cx).map(|next| {
            let next = next?;
            let text = event(self.reader.log().number(), &next, self.with_ids);
            Some(Ok(Frame::data(text)))
        })
    }
}

/// An event stream that ends when the token of its caller expires or its session
/// ends, and that carries a comment when it is silent for long.
pub(crate) struct Bounded<B> {
    body: Option<B>,
    interval: Duration,
    keep_alive: Pin<Box<Sleep>>,
    expiry: Option<Pin<Box<Sleep>>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<B> Bounded<B> {
    /// `body`, for `remaining` at most (`None`: no such limit) and until `ended`,
    /// with a comment after each `interval` of silence.
    pub(crate) fn new(
        body: B,
        remaining: Option<Duration>,
        ended: CancellationToken,
        interval: Duration,
    ) -> Self {
        Self {
            body: Some(body),
            interval,
            keep_alive: Box::pin(tokio::time::sleep(interval)),
            expiry: remaining.map(|span| Box::pin(tokio::time::sleep(span))),
            ended: Box::pin(ended.cancelled_owned()),
        }
    }
}

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Body for Bounded<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let expired = match &mut self.expiry {
            Some(expiry) => expiry.as_mut().poll(cx).is_ready(),
            None => false,
        };
        if expired || self.ended.as_mut().poll(cx).is_ready() {
            // Whoever produces the stream must see that nobody reads it any more.
            self.body = None;
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let mut frame = Pin::new(body).poll_frame(cx);
        if frame.is_pending() && self.keep_alive.as_mut().poll(cx).is_ready() {
            let comment = Frame::data(Bytes::from_static(b":\n\n"));
            frame = Poll::Ready(Some(Ok(comment)));
        }
        if frame.is_ready() {
            let again = Instant::now() + self.interval;
            self.keep_alive.as_mut().reset(again);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
