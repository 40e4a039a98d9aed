//! The client: one keep-alive connection of HTTP/1.1 (RFC 9112), as lean as it gets,
//! so that it is not what is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// One answer; it borrows the buffer of its connection.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    /// The body as it came, with the sizes of chunks in it.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects to `address`.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("a server is not reached")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }
}

/// How a body ends.
enum Framing {
    Length(usize),
    Chunked,
}

impl<S: Read + Write> Connection<S> {
    fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill()?;
        };
        let framing = framing(self.buffer.get(..head).unwrap_or_default())?;
        loop {
            let body = self.buffer.get(head..).unwrap_or_default();
            let complete = match framing {
                Framing::Length(length) => body.len() >= length,
                Framing::Chunked => is_last_chunk_there(body)?,
            };
            if complete {
                break;
            }
            self.fill()?;
        }
        let (head, body) = self.buffer.split_at(head);
        let status = head
            .get(9..12)
            .and_then(|text| std::str::from_utf8(text).ok());
        let status = status.and_then(|text| text.parse().ok());
        Ok(Answer {
            status: status.context("an answer has no status")?,
            head,
            body,
        })
    }

    fn fill(&mut self) -> Result<()> {
        let mut piece = [0; 8 * 1024];
        let read = self.stream.read(&mut piece)?;
        if read == 0 {
            bail!("a server closed the connection");
        }
        self.buffer
            .extend_from_slice(piece.get(..read).unwrap_or_default());
        Ok(())
    }
}

impl Answer<'_> {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// Whether `text` is in the body.
    pub(crate) fn has(&self, text: &[u8]) -> bool {
        find(self.body, text).is_some()
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = std::str::from_utf8(head).ok()?.split("\r\n");
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn framing(head: &[u8]) -> Result<Framing> {
    if let Some(length) = header(head, "content-length") {
        return Ok(Framing::Length(length.parse()?));
    }
    match header(head, "transfer-encoding") {
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        _ => bail!("an answer has neither a length nor chunks"),
    }
}

/// RFC 9112 §7.1: chunks, the last of size 0; no server here sends trailers.
fn is_last_chunk_there(mut body: &[u8]) -> Result<bool> {
    loop {
        let Some(end) = find(body, b"\r\n") else {
            return Ok(false);
        };
        let (size, rest) = body.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size)?, 16)?;
        let Some(after) = rest.get(2 + size..) else {
            return Ok(false);
        };
        if !after.starts_with(b"\r\n") {
            return Ok(false);
        }
        if size == 0 {
            return Ok(true);
        }
        body = after.get(2..).unwrap_or_default();
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use super::*;

    struct Pieces(VecDeque<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    impl Write for Pieces {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn over(pieces: &[&'static str]) -> Connection<Pieces> {
        Connection::over(Pieces(
            pieces.iter().map(|piece| piece.as_bytes()).collect(),
        ))
    }

    #[test]
    fn an_answer_that_ends_early_is_an_error() {
        for pieces in [
            &[][..],
            &["HTTP/1.1 200 OK\r\n"],
            &["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc"],
            &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"],
            &["HTTP/1.1 200 OK\r\n\r\nabc"],
        ] {
            assert!(over(pieces).ask(b"").is_err());
        }
    }

    #[test]
    fn a_whole_answer_is_read_however_it_is_cut() {
        let mut connection = over(&[
            "HTTP/1.1 202 Accepted\r\nContent-Le",
            "ngth: 5\r\nMcp-Session-Id: x\r\n\r",
            "\nab",
            "cde",
        ]);
        let answer = connection.ask(b"").unwrap();
        assert_eq!((answer.status, answer.body), (202, &b"abcde"[..]));
        assert_eq!(answer.header("mcp-session-id"), Some("x"));
        let mut connection = over(&[
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0",
            "3\r\nab",
            "c\r\n0\r\n\r",
            "\n",
        ]);
        assert!(connection.ask(b"").unwrap().has(b"abc"));
    }
}
