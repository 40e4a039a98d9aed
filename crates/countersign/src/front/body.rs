//! Bodies: the one that is read, under a cap and a timeout, and the one that is sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_resource_server::limit::Slot;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use tokio::time::Sleep;

/// An error of a body that comes or goes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request body is not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is longer than the cap: 413.
    TooLarge,
    /// It did not arrive in time: 408.
    TooSlow,
    /// The connection broke, or the framing is wrong: 400.
    Broken,
}

/// Reads a whole body.
///
/// # Errors
///
/// [`Unread`] as soon as it is known; nothing after the cap is kept.
pub(crate) async fn read<B>(body: B, cap: usize, patience: Duration) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > u64::try_from(cap).unwrap_or(u64::MAX) {
        return Err(Unread::TooLarge);
    }
    let mut whole = std::pin::pin!(read_whole(body, cap));
    // Most bodies are there already: no timer for them.
    if let Poll::Ready(read) = futures_util::poll!(whole.as_mut()) {
        return read;
    }
    tokio::time::timeout(patience, whole)
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

async fn read_whole<B>(body: B, cap: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    let Some(first) = frame(body.as_mut()).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > cap {
        return Err(Unread::TooLarge);
    }
    // A body in one piece is not copied.
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first.as_ref());
    while let Some(piece) = frame(body.as_mut()).await? {
        if whole.len() + piece.len() > cap {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The next piece of data; trailers are passed over.
async fn frame<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, Unread> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Unread::Broken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// A request body that is handed on, under the cap and the timeout of the others.
pub(super) struct Bounded<B> {
    body: Pin<Box<Limited<B>>>,
    patience: Duration,
    /// Runs from the first time that the client has to be waited for.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B> Bounded<B>
where
    B: Body<Data = Bytes>,
{
    /// `body`, of at most `cap` bytes that arrive within `patience`.
    ///
    /// # Errors
    ///
    /// [`Unread::TooLarge`] if it says itself that it is longer.
    pub(super) fn new(body: B, cap: usize, patience: Duration) -> Result<Self, Unread> {
        if body.size_hint().lower() > u64::try_from(cap).unwrap_or(u64::MAX) {
            return Err(Unread::TooLarge);
        }
        Ok(Self {
            body: Box::pin(Limited::new(body, cap)),
            patience,
            deadline: None,
        })
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(context) {
            return Poll::Ready(frame);
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        deadline
            .as_mut()
            .poll(context)
            .map(|()| Some(Err("the body did not arrive in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer: complete, or a stream.
pub struct Answer(Inner, Option<Slot>);

enum Inner {
    Whole(Option<Bytes>),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Answer {
    /// A body that is complete.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole((!bytes.is_empty()).then_some(bytes)), None)
    }

    /// A body that comes piece by piece.
    pub(crate) fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Inner::Stream(Box::pin(body.map_err(Into::into))), None)
    }

    /// The same, holding a place until it is sent.
    pub(super) fn holding(mut self, slot: Slot) -> Self {
        self.1 = Some(slot);
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Whole(_) => "Answer(whole)",
            Inner::Stream(_) => "Answer(stream)",
        })
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Inner::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Stream(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_none(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Inner::Stream(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Full, StreamBody};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A body whose length nobody knows before its end.
    fn pieces(count: usize, length: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        let piece = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; length])));
        StreamBody::new(futures_util::stream::iter((0..count).map(piece)))
    }

    #[tokio::test]
    async fn e12_tr_28_a_body_over_the_cap_is_refused_however_it_comes() {
        for (count, length, fits) in [
            (1, 10, true),
            (10, 1, true),
            (0, 0, true),
            (1, 11, false),
            (11, 1, false),
            (2, 6, false),
            (1_000_000, 1_000, false),
        ] {
            let read = read(pieces(count, length), 10, PATIENCE).await;
            let length = count * length;
            match read {
                Ok(whole) => assert!(fits && whole.len() == length, "{count} {length}"),
                Err(why) => assert!(!fits && why == Unread::TooLarge, "{count} {length}"),
            }
        }
        let announced = Full::new(Bytes::from_static(b"eleven bytes"));
        assert_eq!(read(announced, 10, PATIENCE).await, Err(Unread::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn e17_a_body_that_does_not_end_in_time_is_given_up() {
        use futures_util::StreamExt;
        let first = futures_util::stream::iter([Ok::<_, Infallible>(Frame::data(
            Bytes::from_static(b"x"),
        ))]);
        let halting = StreamBody::new(first.chain(futures_util::stream::pending()));
        assert_eq!(read(halting, 10, PATIENCE).await, Err(Unread::TooSlow));
        let silent = StreamBody::new(futures_util::stream::pending::<Result<_, Infallible>>());
        assert_eq!(
            read::<StreamBody<_>>(silent, 10, PATIENCE).await,
            Err(Unread::TooSlow)
        );
        // One byte at a time, each in time, is not enough either.
        let dripping = StreamBody::new(Box::pin(futures_util::stream::unfold(
            0,
            |count| async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Some((
                    Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))),
                    count + 1,
                ))
            },
        )));
        let started = tokio::time::Instant::now();
        assert_eq!(read(dripping, 1000, PATIENCE).await, Err(Unread::TooSlow));
        assert!(started.elapsed() <= PATIENCE * 2);
    }
}
