//! Makes a handler for each session and each request, whatever its type is.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_resource_server::Caller;
use http::{Request, Response};
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::subscriptions::Watched;
use super::transport::SessionTransport;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Serves sessions and single requests.
pub(crate) trait Handlers: Send + Sync {
    /// Serves a session until it ends. It must be initialized within `patience`.
    fn session(
        &self,
        caller: Caller,
        transport: SessionTransport,
        ended: CancellationToken,
        patience: Duration,
    ) -> Boxed<()>;

    /// Serves one request that needs no session.
    fn request(
        &self,
        caller: Caller,
        request: Request<Full<Bytes>>,
        ended: CancellationToken,
    ) -> Boxed<Response<BoxBody<Bytes, Infallible>>>;
}

/// [`Handlers`] of one type, made by a function of the caller.
pub(crate) struct HandlersOf<F>(pub(crate) Arc<F>);

impl<F, H> Handlers for HandlersOf<F>
where
    F: Fn(Caller) -> H + Send + Sync + 'static,
    H: Watched,
{
    fn session(
        &self,
        caller: Caller,
        transport: SessionTransport,
        ended: CancellationToken,
        patience: Duration,
    ) -> Boxed<()> {
        let handler = (self.0)(caller);
        let transport = transport.judged_by(handler.subscriptions());
        Box::pin(async move {
            let starting = serve_server_with_ct(handler, transport, ended);
            match tokio::time::timeout(patience, starting).await {
                Ok(Ok(running)) => {
                    let _ = running.waiting().await;
                }
                // The error would repeat what the client sent.
                Ok(Err(_refused)) => tracing::debug!("a session was not initialized"),
                Err(_elapsed) => tracing::debug!("a session was not initialized in time"),
            }
        })
    }

    fn request(
        &self,
        caller: Caller,
        request: Request<Full<Bytes>>,
        ended: CancellationToken,
    ) -> Boxed<Response<BoxBody<Bytes, Infallible>>> {
        let make = Arc::clone(&self.0);
        // Host, Origin and the size of the body were checked by the front; the lane
        // keeps streams alive.
        let mut config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_retry(None)
            .with_sse_keep_alive(None)
            .with_cancellation_token(ended);
        config.max_request_body_bytes = usize::MAX;
        let service = StreamableHttpService::new(
            move || Ok(make(caller.clone())),
            Arc::new(NeverSessionManager::default()),
            config,
        );
        Box::pin(async move { service.handle(request).await })
    }
}
