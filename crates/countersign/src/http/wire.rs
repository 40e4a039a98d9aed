//! The bytes of one connection: those that must not be there never reach the
//! parser, and the last answer reaches the client (RFC 9112 §9.6).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::framing::{Fault, Framing};

/// How long, after the last answer, what the client still sends is passed over.
/// Closing at once would reset the connection, and the client may lose the answer.
const LINGER: Duration = Duration::from_secs(1);
/// How much of it, in bytes.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// A stream of bytes whose framing is checked.
pub(super) struct Wire<S> {
    stream: S,
    framing: Framing,
    fault: Option<Fault>,
    no_head: NoHead,
    end: End,
}

enum End {
    NotYet,
    Lingering { time: Pin<Box<Sleep>>, bytes: usize },
    Reached,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            framing: Framing::new(),
            fault: None,
            no_head: NoHead(b"\0\r\n\r\n"),
            end: End::NotYet,
        }
    }
}

fn ambiguous() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the framing of a body is ambiguous",
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        match wire.fault {
            Some(Fault::Head(_)) => return wire.no_head.feed(buffer),
            Some(Fault::Body(_)) => return Poll::Ready(Err(ambiguous())),
            None => {}
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut wire.stream).poll_read(context, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        let Err(fault) = wire.framing.follow(fresh) else {
            return Poll::Ready(Ok(()));
        };
        tracing::info!("refused: the framing of a request is ambiguous");
        wire.fault = Some(fault);
        let (Fault::Head(good) | Fault::Body(good)) = fault;
        buffer.set_filled(before + good);
        match fault {
            Fault::Head(_) => wire.no_head.feed(buffer),
            Fault::Body(0) => Poll::Ready(Err(ambiguous())),
            Fault::Body(_) => Poll::Ready(Ok(())),
        }
    }
}

/// What the parser gets instead of the rest of a head: no head has a NUL, so it
/// answers 400, after the answers to earlier requests, and closes. It waits for an
/// empty line before it looks.
struct NoHead(&'static [u8]);

impl NoHead {
    fn feed(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let (now, later) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        loop {
            match &mut wire.end {
                End::NotYet => {
                    ready!(Pin::new(&mut wire.stream).poll_shutdown(context))?;
                    wire.end = if wire.framing.is_between_requests() {
                        End::Reached
                    } else {
                        End::Lingering {
                            time: Box::pin(tokio::time::sleep(LINGER)),
                            bytes: 0,
                        }
                    };
                }
                End::Lingering { time, bytes } => {
                    if time.as_mut().poll(context).is_ready() {
                        wire.end = End::Reached;
                        continue;
                    }
                    let mut space = [0; 8 * 1024];
                    let mut space = ReadBuf::new(&mut space);
                    let read = ready!(Pin::new(&mut wire.stream).poll_read(context, &mut space));
                    *bytes += space.filled().len();
                    if read.is_err() || space.filled().is_empty() || *bytes > LINGER_BYTES {
                        wire.end = End::Reached;
                    }
                }
                End::Reached => return Poll::Ready(Ok(())),
            }
        }
    }
}
