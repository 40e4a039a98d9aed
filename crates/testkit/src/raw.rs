//! Bytes on a socket: for requests no HTTP client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Connects to `address`, sends `bytes`, closes the sending half and returns
/// everything the server answers until it closes.
///
/// A reset by the server after it has answered counts as the end.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(address).await;
    // A server that refuses early closes while we are still writing.
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    read_to_end(&mut socket).await
}

/// Like [`exchange`], but keeps the sending half open: the answer ends when the
/// server closes. For requests that ask for `Connection: close`.
pub async fn exchange_half_open(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(address).await;
    let _ = socket.write_all(bytes).await;
    read_to_end(&mut socket).await
}

/// A connection to `address`, to write and read by hand.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address)
        .await
        .unwrap_or_else(|error| panic!("connect to {address}: {error}"));
    // Bytes must be there once they are written, or a paused clock runs ahead of them.
    socket.set_nodelay(true).expect("a socket takes options");
    socket
}

/// Like [`connect`], with little room for answers that nobody reads.
pub async fn connect_narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let socket = match socket.set_recv_buffer_size(4096) {
        Ok(()) => socket.connect(address).await,
        Err(error) => Err(error),
    };
    socket.unwrap_or_else(|error| panic!("connect to {address}: {error}"))
}

/// The status of a raw HTTP/1 answer, if there is one.
pub fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let mut words = text.lines().next()?.split(' ');
    words
        .next()
        .filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

async fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = socket.read(&mut buffer).await {
        answer.extend(buffer.iter().take(length));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_second_word() {
        assert_eq!(status(b"HTTP/1.1 431 Too Large\r\n\r\n"), Some(431));
        assert_eq!(status(b"SSH-2.0 400"), None);
        assert_eq!(status(b""), None);
    }
}
