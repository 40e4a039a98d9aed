//! A server that runs: where it is, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::connection::{self, Patience};
use super::crowd::{Crowd, Member};
use super::{listener, tls};
use crate::front::App;
use crate::server::Reloads;

/// A server that is serving. Dropping it stops it at once.
#[derive(Debug)]
pub struct RunningServer {
    app: App,
    local: SocketAddr,
    tls: Option<tls::Acceptor>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
    /// What can be read again.
    reloads: Arc<Reloads>,
    /// What is done now and then.
    housekeeping: Vec<JoinHandle<()>>,
    /// What serves the metrics, if that is done beside it.
    metrics: Option<Box<Self>>,
}

impl RunningServer {
    pub(super) fn start(
        app: App,
        listener: TcpListener,
        local: SocketAddr,
        tls: Option<tls::Acceptor>,
        reloads: Reloads,
        max_connections: usize,
        patience: Patience,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept_until(
            stopped,
            listener,
            app.clone(),
            tls.clone(),
            max_connections,
            patience,
        ));
        let reloads = Arc::new(reloads);
        let issuing = app.0.issuing.as_ref();
        let issuing = issuing.map(|issuing| tokio::spawn(issuing.keep_house()));
        let watching = reloads.watch().map(tokio::spawn);
        let housekeeping = issuing.into_iter().chain(watching).collect();
        Self {
            app,
            local,
            tls,
            stop: Some(stop),
            accepting,
            reloads,
            housekeeping,
            metrics: None,
        }
    }

    /// The same, which ends together with `metrics`.
    pub(super) fn beside(mut self, metrics: Option<Box<Self>>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Where the metrics are served that settings asked for.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|metrics| metrics.local)
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

    /// Reads again, now, what can be read again while the server runs: certificate and
    /// key, keys and secrets that are in files, rules that are in one
    /// ([`Server::rules_file`]), and what [`Server::on_reload`] reads. What cannot be used
    /// is said in the log, and what was in use stays.
    ///
    /// # Errors
    ///
    /// The first of the things that cannot be used.
    ///
    /// [`Server::on_reload`]: crate::Server::on_reload
    /// [`Server::rules_file`]: crate::Server::rules_file
    pub fn reload(&self) -> Result<(), super::ServeError> {
        let certificate = self.tls.as_ref().map_or(Ok(()), tls::Acceptor::reload);
        if let Err(error) = &certificate {
            tracing::warn!(%error, "the new certificate is not used");
        }
        let rest = self.reloads.run();
        certificate?;
        Ok(rest?)
    }

    /// Serves until the process is told to stop (Ctrl-C, SIGTERM), then [stops](Self::stop).
    /// SIGHUP, where there is such a signal, [reads everything again](Self::reload).
    pub async fn serve_until_stopped(self) {
        tokio::select! {
            () = told_to_stop() => {}
            () = self.reload_when_told() => {}
        }
        self.stop().await;
    }

    #[cfg(unix)]
    async fn reload_when_told(&self) {
        use tokio::signal::unix::{SignalKind, signal};

        let Ok(mut told) = signal(SignalKind::hangup()) else {
            tracing::warn!("SIGHUP cannot be listened for: settings are read at the start only");
            return std::future::pending().await;
        };
        while told.recv().await.is_some() {
            tracing::info!("told to read the settings again");
            // What went wrong is in the log.
            let _ = self.reload();
        }
        std::future::pending().await
    }

    #[cfg(not(unix))]
    async fn reload_when_told(&self) {
        std::future::pending().await
    }

    /// Stops accepting, lets running requests end for the time that
    /// [`Http::shutdown_timeout`](super::Http::shutdown_timeout) gives them, cuts off
    /// what still runs, and returns.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only if accepting ended already.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(error = %error, "the server ended badly");
        }
        if let Some(issuing) = &self.app.0.issuing {
            issuing.close().await;
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.accepting.abort();
        for task in &self.housekeeping {
            task.abort();
        }
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct Service {
    app: App,
    tls: Option<tls::Acceptor>,
    bounds: Builder<TokioExecutor>,
    patience: Patience,
    stopped: watch::Receiver<bool>,
}

impl Service {
    /// Serves one connection until it ends.
    async fn serve(self, stream: TcpStream, peer: SocketAddr, member: Member) {
        let exchanges = &member.exchanges;
        let (patience, address) = (self.patience, peer.ip());
        let Some(tls) = self.tls else {
            connection::converse(
                stream,
                address,
                self.app,
                self.bounds,
                patience,
                exchanges,
                self.stopped,
            )
            .await;
            return;
        };
        let handshake = tokio::time::timeout(patience.handshake, tls.accept(stream));
        let mut stopped = self.stopped.clone();
        let stream = tokio::select! {
            result = handshake => match result {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(error = %error, "a TLS handshake failed");
                    return;
                }
                Err(_) => {
                    tracing::debug!("a TLS handshake took too long");
                    return;
                }
            },
            () = exchanges.told_to_leave() => return,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        connection::converse(
            stream,
            address,
            self.app,
            self.bounds,
            patience,
            exchanges,
            self.stopped,
        )
        .await;
    }
}

async fn accept_until(
    mut told: oneshot::Receiver<()>,
    listener: TcpListener,
    app: App,
    tls: Option<tls::Acceptor>,
    max_connections: usize,
    patience: Patience,
) {
    let crowd = Crowd::new(max_connections);
    let (stop, stopped) = watch::channel(false);
    let service = Service {
        app: app.clone(),
        tls,
        bounds: connection::bounds(),
        patience,
        stopped,
    };
    // Whatever ends this function, by return or by abort, ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let (stream, peer) = listener::accept(&listener, &crowd).await;
            (crowd.join().await, stream, peer)
        };
        tokio::select! {
            (member, stream, peer) = next => {
                let Some(member) = member else { break };
                connections.spawn(service.clone().serve(stream, peer, member));
                while connections.try_join_next().is_some() {}
            }
            _ = &mut told => break,
        }
    }
    drop(listener);
    // Streams that stay open would hold the farewell up.
    app.0.lane.shut_down();
    // Nobody listens if there is no connection.
    let _ = stop.send(true);
    let farewell = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience.farewell, farewell)
        .await
        .is_err()
    {
        tracing::warn!("requests that were still running are cut off");
        connections.shutdown().await;
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
