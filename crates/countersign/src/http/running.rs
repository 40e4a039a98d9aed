//! A server that runs: where it is, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::{connection, tls};
use crate::front::App;

/// How long running requests may go on after the stop.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// A server that is serving. Dropping it stops it at once.
#[derive(Debug)]
pub struct RunningServer {
    app: App,
    local: SocketAddr,
    tls: Option<tls::Acceptor>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl RunningServer {
    pub(super) fn start(
        app: App,
        listener: TcpListener,
        local: SocketAddr,
        tls: Option<tls::Acceptor>,
        max_connections: usize,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept_until(
            stopped,
            listener,
            app.clone(),
            tls.clone(),
            max_connections,
        ));
        Self {
            app,
            local,
            tls,
            stop: Some(stop),
            accepting,
        }
    }

    /// The address that is listened on, with the port that was taken.
    pub const fn address(&self) -> SocketAddr {
        self.local
    }

    /// The URL that clients use: the identifier of the resource (RFC 9728 §1.2).
    pub fn url(&self) -> &str {
        self.app.0.place.resource.as_str()
    }

    /// The same server as a tower service.
    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// Reads certificate and key again now. New connections use them.
    ///
    /// # Errors
    ///
    /// [`super::ServeError::Tls`] if the files are not usable; the old ones stay in use.
    pub fn reload_tls(&self) -> Result<(), super::ServeError> {
        self.tls.as_ref().map_or(Ok(()), tls::Acceptor::reload)
    }

    /// Serves until the process is told to stop (Ctrl-C, SIGTERM), then [stops](Self::stop).
    pub async fn serve_until_stopped(self) {
        told_to_stop().await;
        self.stop().await;
    }

    /// Stops accepting, lets running requests end, and returns.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only if accepting ended already.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(error = %error, "the server ended badly");
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_until(
    mut stopped: oneshot::Receiver<()>,
    listener: TcpListener,
    app: App,
    tls: Option<tls::Acceptor>,
    max_connections: usize,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let farewell = GracefulShutdown::new();
    let bounds = connection::bounds();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, connection::accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            _ = &mut stopped => break,
        };
        let (app, tls, bounds, end) =
            (app.clone(), tls.clone(), bounds.clone(), farewell.watcher());
        tokio::spawn(async move {
            match tls {
                None => connection::converse(stream, peer.ip(), app, bounds, end).await,
                Some(tls) => {
                    match tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            connection::converse(stream, peer.ip(), app, bounds, end).await
                        }
                        Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed"),
                        Err(_) => tracing::debug!("a TLS handshake took too long"),
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    // Streams that stay open would hold the farewell up.
    app.0.lane.shut_down();
    if tokio::time::timeout(FAREWELL, farewell.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that were still running are cut off");
    }
}

/// Returns when the process is asked to stop.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if let Err(error) = interrupt.await {
        tracing::error!(error = %error, "signals cannot be waited for");
    }
}
