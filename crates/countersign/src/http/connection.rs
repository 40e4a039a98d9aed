//! One connection: bounds of HTTP/1 and HTTP/2, and who ends it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::exchanges::{Exchanges, Verdict, Watched};
use super::wire::Wire;
use crate::front::{Answer, App};

/// The longest head of a request, in bytes; 431 beyond it.
const HEAD_BYTES: usize = 64 * 1024;
/// How many requests one HTTP/2 connection carries at the same time.
const STREAMS: u32 = 128;
/// How often an HTTP/2 client shows that it lives, and how long it may take.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a connection may take to end once it was told to, with no request left.
const GOODBYE: Duration = Duration::from_secs(3);

/// How long a client may take for each part of its work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The TLS handshake.
    pub(super) handshake: Duration,
    /// The head of a request, and the time between requests.
    pub(super) head: Duration,
    /// Reading on, when an answer waits.
    pub(super) stall: Duration,
    /// Running requests, after the stop.
    pub(super) farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(20),
            stall: Duration::from_secs(25),
            farewell: Duration::from_secs(10),
        }
    }
}

/// The bounds that every connection has. Slow heads are none of them: see
/// [`Exchanges`], which knows idleness in both versions of HTTP.
pub(super) fn bounds() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEARTBEAT)
        .keep_alive_timeout(HEARTBEAT);
    builder
}

/// Answers the requests of one connection until it ends: by the client, by the
/// stop of the server, or because nothing goes on for longer than `patience`.
pub(super) async fn converse<S>(
    stream: S,
    peer: IpAddr,
    app: App,
    bounds: Builder<TokioExecutor>,
    patience: Patience,
    exchanges: &Exchanges,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = exchanges.clone();
    let keeper = Arc::new(app);
    let service = service_fn(move |request| {
        let (keeper, exchange) = (Arc::clone(&keeper), begun.begin());
        let watched = move |answer: Response<Answer>| {
            Ok::<_, Infallible>(answer.map(|body| Watched::new(body, exchange)))
        };
        // In a box: the connection moves it about, and it is large.
        Box::pin(App::respond_on(keeper, request, Some(peer)).map(watched))
    });
    let io = TokioIo::new(Wire::new(stream));
    let mut connection = pin!(bounds.serve_connection(io, service));
    let mut look = pin!(tokio::time::sleep(patience.head.min(patience.stall)));
    // Made once: each of them is polled whenever the connection is.
    let mut told_to_leave = pin!(exchanges.told_to_leave());
    let mut told_to_stop = pin!(stopped.wait_for(|stopped| *stopped));
    let mut ending = false;
    let mut stop_was_seen = false;
    loop {
        tokio::select! {
            // A client that keeps its connection busy must not keep the judge from it.
            biased;
            () = look.as_mut() => {
                match exchanges.judge(Instant::now(), patience.head, patience.stall) {
                    Verdict::Fine(next) => look.as_mut().reset(next),
                    Verdict::Idle if !ending => {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                        look.as_mut().reset(Instant::now() + GOODBYE);
                    }
                    Verdict::Idle => return,
                    Verdict::Stalled => {
                        tracing::info!("a client left an answer unread for too long");
                        return;
                    }
                }
            }
            () = told_to_leave.as_mut() => {
                if exchanges.is_idle() {
                    return;
                }
                told_to_leave.set(exchanges.told_to_leave());
                connection.as_mut().graceful_shutdown();
            }
            _ = told_to_stop.as_mut(), if !stop_was_seen => {
                stop_was_seen = true;
                connection.as_mut().graceful_shutdown();
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection broke");
                }
                return;
            }
        }
    }
}
