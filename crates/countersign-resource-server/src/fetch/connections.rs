//! Connections that are kept open may end at any time, also while the next request is on
//! its way (RFC 9112 §9.3.1).

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

/// At most so many connections to one host are kept open. Of as many requests that come
/// back as [`FetchError::Stale`](super::FetchError::Stale), the next one has a connection
/// of its own.
pub const MOST_KEPT_OPEN: usize = 4;

/// A request, whatever its method, that may be sent again as it is when the connection
/// ended that was kept open for it: put it into the extensions of the request. Nothing of
/// the request counts only once, such as a proof (RFC 9449) or an assertion (RFC 7523).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a mark has nothing in it")]
pub struct Repeatable;

tokio::task_local! {
    /// Whether a connection was made for the request of this task.
    static CONNECTED: Cell<bool>;
}

/// The outcome of `request`, and whether it went over a connection that was there before.
pub(super) async fn watched<F: Future>(request: F) -> (F::Output, bool) {
    CONNECTED
        .scope(Cell::new(false), async {
            let outcome = request.await;
            (outcome, CONNECTED.with(|connected| !connected.get()))
        })
        .await
}

/// Notes every connection that is made.
#[derive(Clone, Debug)]
pub(super) struct NotesConnections;

impl<S> Layer<S> for NotesConnections {
    type Service = Noting<S>;

    fn layer(&self, connect: S) -> Noting<S> {
        Noting(connect)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Noting<S>(S);

impl<S: Service<T>, T> Service<T> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: T) -> S::Future {
        // Outside of a request there is nobody to tell.
        let _ = CONNECTED.try_with(|connected| connected.set(true));
        self.0.call(target)
    }
}

/// Whether `error` says that the connection ended before the head of an answer was there.
pub(super) fn ended(error: &reqwest::Error) -> bool {
    if !error.is_request() || error.is_timeout() || error.is_connect() {
        return false;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        let incomplete = cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message);
        let broken = cause.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    // TLS that ends without a goodbye.
                    | io::ErrorKind::UnexpectedEof
            )
        });
        if incomplete || broken {
            return true;
        }
        source = cause.source();
    }
    false
}
