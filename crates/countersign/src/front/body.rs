//! Bodies: the one that is read, under a cap and a timeout, and the one that is sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

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
    let mut body = std::pin::pin!(body);
    // Most bodies are there already, in one piece: no timer and no copy for them.
    let Some(first) = next(body.as_mut(), patience).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > cap {
        return Err(Unread::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let all = async {
        let mut whole = BytesMut::from(first.as_ref());
        while let Some(piece) = frame(body.as_mut()).await? {
            if whole.len() + piece.len() > cap {
                return Err(Unread::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(patience, all)
        .await
        .unwrap_or(Err(Unread::TooSlow))
}

async fn next<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    patience: Duration,
) -> Result<Option<Bytes>, Unread> {
    let mut waiting = std::pin::pin!(frame(body.as_mut()));
    if let Poll::Ready(piece) = futures_util::poll!(waiting.as_mut()) {
        return piece;
    }
    tokio::time::timeout(patience, waiting)
        .await
        .unwrap_or(Err(Unread::TooSlow))
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

/// The body of an answer: complete, or a stream.
pub struct Answer(Inner);

enum Inner {
    Whole(Option<Bytes>),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Answer {
    /// A body that is complete.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    /// A body that comes piece by piece.
    pub(crate) fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Inner::Stream(Box::pin(body.map_err(Into::into))))
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
