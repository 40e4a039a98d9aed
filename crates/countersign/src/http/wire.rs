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
        match self.fault {
            // The parser was given a byte that no head has, and answers 400.
            Some(Fault::Head(_)) => return Poll::Pending,
            Some(Fault::Body(_)) => return Poll::Ready(Err(ambiguous())),
            None => {}
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let fresh = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let Err(fault) = self.framing.follow(fresh) else {
            return Poll::Ready(Ok(()));
        };
        self.fault = Some(fault);
        tracing::info!("refused: the framing of a request is ambiguous");
        match fault {
            Fault::Head(at) => {
                if let Some(byte) = fresh.get_mut(at) {
                    *byte = 0;
                }
                buffer.set_filled(before + at + 1);
                Poll::Ready(Ok(()))
            }
            Fault::Body(0) => {
                buffer.set_filled(before);
                Poll::Ready(Err(ambiguous()))
            }
            Fault::Body(at) => {
                buffer.set_filled(before + at);
                Poll::Ready(Ok(()))
            }
        }
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
