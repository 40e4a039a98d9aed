//! One connection: socket options, bounds of HTTP/1 and HTTP/2, graceful end.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::ServeError;
use crate::front::App;

/// How long the head of a request may take, and how long a connection may idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes; 431 beyond it.
const HEAD_BYTES: usize = 64 * 1024;
/// How many requests one HTTP/2 connection carries at the same time.
const STREAMS: u32 = 128;

/// Listens on `address`.
pub(super) async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it or choose another port".to_owned()
            }
            std::io::ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            std::io::ErrorKind::InvalidInput => {
                "write host:port, for example 127.0.0.1:8000".to_owned()
            }
            _ => error.to_string(),
        };
        ServeError::Listen {
            address: address.to_owned(),
            reason,
        }
    })
}

/// The bounds that every connection has.
pub(super) fn bounds() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_PATIENCE)
        .keep_alive_timeout(HEAD_PATIENCE);
    builder
}

/// Answers the requests of one connection until it ends.
pub(super) async fn converse<S>(
    stream: S,
    peer: IpAddr,
    app: App,
    bounds: Builder<TokioExecutor>,
    end: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, std::convert::Infallible>(app.respond(request, Some(peer)).await) }
    });
    let connection = bounds
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = end.watch(connection).await {
        tracing::debug!(error = %error, "a connection broke");
    }
}

/// Accepts the next connection. Errors of one client are not errors of the server.
pub(super) async fn accept(listener: &TcpListener) -> (tokio::net::TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "TCP_NODELAY was not set");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection was not accepted");
                // Out of descriptors, most likely: waiting lets some be closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
