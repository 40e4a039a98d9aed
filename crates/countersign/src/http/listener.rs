//! The socket that is listened on, and connections as they come.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::ServeError;
use super::crowd::Crowd;

/// How long to wait when this process can open nothing more.
const BREATH: Duration = Duration::from_millis(100);

/// Listens on `address`.
pub(super) async fn listen(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program listens there: stop it or choose another port".to_owned()
            }
            ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::InvalidInput => "write host:port, for example 127.0.0.1:8000".to_owned(),
            _ => error.to_string(),
        };
        ServeError::Listen {
            address: address.to_owned(),
            reason,
        }
    })
}

/// Where connections come from.
pub(super) trait Source {
    /// The next connection.
    fn next(&self) -> impl Future<Output = Result<(TcpStream, SocketAddr), Error>> + Send;
}

impl Source for TcpListener {
    async fn next(&self) -> Result<(TcpStream, SocketAddr), Error> {
        self.accept().await
    }
}

/// Accepts the next connection. No error ends the server: that of one client
/// concerns nobody else, and the others are waited out while idle connections of
/// `crowd` give back what they hold.
pub(super) async fn accept(source: &impl Source, crowd: &Crowd) -> (TcpStream, SocketAddr) {
    loop {
        match source.next().await {
            Ok((stream, peer)) => {
                // An answer in two pieces must not wait for the client's acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "TCP_NODELAY was not set");
                }
                return (stream, peer);
            }
            Err(error) if is_of_one_client(&error) => {
                tracing::debug!(error = %error, "a client went away before it was accepted");
            }
            Err(error) => {
                tracing::warn!(error = %error, "no connection can be accepted for now");
                crowd.make_room();
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn is_of_one_client(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// Fails first, in the order given, and then listens.
    struct Failing(Mutex<Vec<Error>>, TcpListener);

    impl Source for Failing {
        async fn next(&self) -> Result<(TcpStream, SocketAddr), Error> {
            let error = self.0.lock().unwrap().pop();
            match error {
                Some(error) => Err(error),
                None => self.1.accept().await,
            }
        }
    }

    async fn accept_after(errors: Vec<Error>) -> (TcpStream, Duration) {
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let source = Failing(Mutex::new(errors), listener);
        let client = TcpStream::connect(address).await.unwrap();
        let before = Instant::now();
        let (stream, peer) = accept(&source, &Crowd::new(1)).await;
        assert_eq!(peer, client.local_addr().unwrap());
        (stream, before.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_went_away_delays_nobody() {
        let gone = || Error::from(ErrorKind::ConnectionAborted);
        let (stream, waited) = accept_after((0..1000).map(|_| gone()).collect()).await;
        assert_eq!(waited, Duration::ZERO);
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn running_out_of_descriptors_is_waited_out() {
        // EMFILE and ENFILE.
        let errors = vec![Error::from_raw_os_error(24), Error::from_raw_os_error(23)];
        let (_, waited) = accept_after(errors).await;
        assert_eq!(waited, 2 * BREATH);
    }

    #[tokio::test(start_paused = true)]
    async fn running_out_of_descriptors_lets_idle_connections_leave() {
        let crowd = Crowd::new(10);
        let idle = crowd.join().await.unwrap();
        let busy = crowd.join().await.unwrap();
        let _exchange = busy.exchanges.begin();
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let source = Failing(Mutex::new(vec![Error::from_raw_os_error(24)]), listener);
        let _client = TcpStream::connect(address).await.unwrap();
        accept(&source, &crowd).await;
        assert!(
            idle.exchanges.idle_since().is_none(),
            "it was told to leave"
        );
        idle.exchanges.told_to_leave().await;
        let told = busy.exchanges.told_to_leave();
        let told = tokio::time::timeout(Duration::from_secs(1), told).await;
        assert!(told.is_err(), "a connection with a request stays");
    }
}
