//! Sockets for the server and for what is around it, where a browser finds them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign_authorization_server::AuthorizationServer;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves `server` on `listener` for as long as the test runs.
pub(crate) fn serve(listener: TcpListener, server: AuthorizationServer) {
    serve_on(listener, server, Arc::default());
}

/// As [`serve`], over a line on which each answer is under way for `delay` milliseconds.
pub(crate) fn serve_on(listener: TcpListener, server: AuthorizationServer, delay: Arc<AtomicU64>) {
    answer(listener, move |address, mut request| {
        let (server, delay) = (server.clone(), delay.clone());
        async move {
            request.extensions_mut().insert::<IpAddr>(address.ip());
            let answer = server.respond(request).await;
            let delay = Duration::from_millis(delay.load(Ordering::Relaxed));
            tokio::time::sleep(delay).await;
            answer
        }
    });
}

/// A program on this computer that waits for its answer.
pub(crate) fn callback(listener: TcpListener) {
    answer(listener, |_, _| async {
        Response::new(Full::from("the application has its answer"))
    });
}

/// A program on this computer that sends the browser on to `location`.
pub(crate) fn forward(listener: TcpListener, location: String) {
    answer(listener, move |_, _| {
        let location = location.clone();
        async move {
            let answer = Response::builder().status(302).header("location", location);
            answer.body(Full::default()).unwrap()
        }
    });
}

fn answer<F, A>(listener: TcpListener, respond: F)
where
    F: Fn(SocketAddr, Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send,
{
    tokio::spawn(async move {
        while let Ok((stream, address)) = listener.accept().await {
            let respond = respond.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let answer = respond(address, request);
                    async { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A browser that goes away is no failure of the server.
                let _ = connection.await;
            });
        }
    });
}
