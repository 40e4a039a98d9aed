//! A loopback proxy that adds a token, because the suite cannot present one.
//!
//! It serves one request per connection: the header block is read and changed,
//! everything after it is copied as it comes, so streams stay streams and a
//! client that hangs up is seen by the server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::Result;

/// The longest header block that is forwarded, in bytes.
const HEADER_LIMIT: usize = 64 * 1024;

/// A running proxy; it ends with the process.
pub(super) struct TokenProxy {
    port: u16,
}

impl TokenProxy {
    /// Forwards to `server_port` with `token` in every request.
    pub(super) fn start(server_port: u16, token: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let change = Arc::new(Change {
            port,
            server_port,
            token,
        });
        thread::spawn(move || {
            for client in listener.incoming().map_while(io::Result::ok) {
                let change = Arc::clone(&change);
                // A connection that breaks is the affair of the two ends.
                thread::spawn(move || change.forward(client));
            }
        });
        Ok(Self { port })
    }

    /// The port of 127.0.0.1 it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

struct Change {
    port: u16,
    server_port: u16,
    token: String,
}

impl Change {
    fn forward(&self, mut client: TcpStream) -> io::Result<()> {
        let (block, rest) = read_header_block(&mut client)?;
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server_port))?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
        }
        server.write_all(self.header_block(&block).as_bytes())?;
        server.write_all(&rest)?;
        let (mut upward_from, mut upward_to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            // However it ends, the client sends no more: the server shall see it.
            let _ = io::copy(&mut upward_from, &mut upward_to);
            let _ = upward_to.shutdown(Shutdown::Both);
        });
        let copied = io::copy(&mut server, &mut client);
        client.shutdown(Shutdown::Both)?;
        copied.map(drop)
    }

    /// The header block with the token, for one request, and with the server's
    /// port wherever the proxy's stood.
    fn header_block(&self, block: &str) -> String {
        let mut lines = block.split("\r\n");
        let mut changed = format!(
            "{}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n",
            lines.next().unwrap_or_default(),
            self.token
        );
        for line in lines {
            let name = line.split(':').next().unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "authorization" | "connection" => continue,
                "host" | "origin" => changed.push_str(&line.replace(
                    &format!(":{}", self.port),
                    &format!(":{}", self.server_port),
                )),
                _ => changed.push_str(line),
            }
            changed.push_str("\r\n");
        }
        changed.push_str("\r\n");
        changed
    }
}

/// The header block without its blank line, and what was read beyond it.
fn read_header_block(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            read.truncate(end);
            let block = String::from_utf8(read)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            return Ok((block, rest));
        }
        if read.len() > HEADER_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => read.extend(buffer.iter().take(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_added_and_the_connection_is_for_one_request() {
        let change = Change {
            port: 4000,
            server_port: 5000,
            token: "t".to_owned(),
        };
        let block = "POST /mcp HTTP/1.1\r\nhost: localhost:4000\r\nconnection: keep-alive\r\nAuthorization: Bearer x\r\nOrigin: http://evil.test\r\nAccept: */*";
        assert_eq!(
            change.header_block(block),
            "POST /mcp HTTP/1.1\r\nAuthorization: Bearer t\r\nConnection: close\r\nhost: localhost:5000\r\nOrigin: http://evil.test\r\nAccept: */*\r\n\r\n"
        );
    }

    #[test]
    fn bytes_after_the_header_block_are_forwarded() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = TokenProxy::start(server.local_addr().unwrap().port(), "t".to_owned()).unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        client
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab")
            .unwrap();
        let (mut accepted, _) = server.accept().unwrap();
        client.write_all(b"cd").unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"abcd") {
            let mut byte = [0];
            accepted.read_exact(&mut byte).unwrap();
            received.extend(byte);
        }
        assert!(
            String::from_utf8(received)
                .unwrap()
                .contains("Bearer t\r\n")
        );
        accepted.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        drop(accepted);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\n");
    }
}
