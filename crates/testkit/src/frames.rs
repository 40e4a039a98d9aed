//! HTTP/2 by hand (RFC 9113, RFC 7541): frames that no client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::raw;

/// What a connection starts with (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
pub mod kind {
    /// §6.1
    pub const DATA: u8 = 0;
    /// §6.2
    pub const HEADERS: u8 = 1;
    /// §6.4
    pub const RST_STREAM: u8 = 3;
    /// §6.5
    pub const SETTINGS: u8 = 4;
    /// §6.7
    pub const PING: u8 = 6;
    /// §6.8
    pub const GOAWAY: u8 = 7;
    /// §6.9
    pub const WINDOW_UPDATE: u8 = 8;
    /// §6.10
    pub const CONTINUATION: u8 = 9;
}

/// `END_STREAM` of DATA and HEADERS; `ACK` of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
/// The same bit where it acknowledges.
pub const ACK: u8 = 1;
/// `END_HEADERS` of HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 4;

/// `SETTINGS_HEADER_TABLE_SIZE` (RFC 9113 §6.5.2). With 0 every [`Frame::status`] can be read.
pub const HEADER_TABLE_SIZE: u16 = 1;
/// `SETTINGS_INITIAL_WINDOW_SIZE` (RFC 9113 §6.5.2).
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a frame has these parts")]
pub struct Frame {
    /// One of [`kind`].
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The stream; 0 is the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame of these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags,
            stream,
            payload: payload.into(),
        }
    }

    /// The bytes on the wire (RFC 9113 §4.1).
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a payload below 16 MiB");
        let [_, length @ ..] = length.to_be_bytes();
        let mut bytes = length.to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// A setting and its value.
    pub fn setting(name: u16, value: u32) -> Self {
        let mut payload = name.to_be_bytes().to_vec();
        payload.extend(value.to_be_bytes());
        Self::new(kind::SETTINGS, 0, 0, payload)
    }

    /// A head in one frame, with the flags besides `END_HEADERS`.
    pub fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Self {
        Self::new(
            kind::HEADERS,
            flags | END_HEADERS,
            stream,
            field_block(fields),
        )
    }

    /// The error code that ends a stream or a connection.
    pub fn error_code(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().ok()?))
    }

    /// The status of a response head, where it was sent as an index of the static
    /// table or as text without compression.
    pub fn status(&self) -> Option<u16> {
        if self.kind != kind::HEADERS {
            return None;
        }
        let mut block = self.payload.as_slice();
        // A change of the size of the dynamic table comes first (RFC 7541 §6.3).
        while let [0x20..=0x3e, rest @ ..] = block {
            block = rest;
        }
        match block {
            // RFC 7541, appendix A: 8 to 14.
            [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500]
                .get(usize::from(index - 0x88))
                .copied(),
            // A literal with the name of index 8, Huffman coded: digits have 5 or 6 bits.
            [0x48 | 0x08, length, code, rest @ ..] if length & 0x80 != 0 => {
                digits(*code, rest.first().copied()?, rest.get(1).copied())
            }
            [0x48 | 0x08, 3, a, b, c, ..] => std::str::from_utf8(&[*a, *b, *c]).ok()?.parse().ok(),
            _ => None,
        }
    }
}

/// Three digits in Huffman code (RFC 7541, appendix B): 0 to 2 have five bits, 3 to
/// 9 have six.
fn digits(first: u8, second: u8, third: Option<u8>) -> Option<u16> {
    let bits = u32::from_be_bytes([first, second, third.unwrap_or(0xff), 0xff]);
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let five = (bits << at) >> 27;
        let (digit, length) = if five <= 2 {
            (five, 5)
        } else {
            (((bits << at) >> 26).checked_sub(0x19)? + 3, 6)
        };
        number = number * 10 + u16::try_from(digit).ok().filter(|digit| *digit < 10)?;
        at += length;
    }
    Some(number)
}

/// Header fields as literals without indexing and without compression (RFC 7541
/// §6.2.2).
pub fn field_block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn integer(block: &mut Vec<u8>, number: usize) {
    if number < 127 {
        block.push(u8::try_from(number).expect("it is below 127"));
        return;
    }
    block.push(127);
    let mut rest = number - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).expect("it is below 128") | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).expect("it is below 128"));
}

/// The client's end of a connection.
#[derive(Debug)]
pub struct Frames {
    socket: TcpStream,
}

impl Frames {
    /// Connects and sends the preface and `settings`.
    pub async fn connect(address: SocketAddr, settings: &Frame) -> Self {
        Self::over(raw::connect(address).await, settings).await
    }

    /// Sends the preface and `settings` on this connection.
    pub async fn over(socket: TcpStream, settings: &Frame) -> Self {
        let mut frames = Self { socket };
        assert!(frames.bytes(PREFACE).await, "the server reads");
        assert!(frames.send(settings).await, "the server reads");
        frames
    }

    /// Sends a frame; false if the server has closed.
    pub async fn send(&mut self, frame: &Frame) -> bool {
        self.bytes(&frame.encode()).await
    }

    /// Sends bytes; false if the server has closed.
    pub async fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// The next frame; nothing once the server has closed.
    pub async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.socket.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Some(Frame::new(kind, flags, stream, payload))
    }

    /// The next frame of this kind, while settings and PINGs are acknowledged as a
    /// good client does; nothing once the server has closed.
    pub async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
            self.acknowledge(&frame).await;
        }
    }

    /// Reads until the server closes, as a good client otherwise, and returns the
    /// error code of its last GOAWAY.
    pub async fn until_closed(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == kind::GOAWAY {
                code = frame.error_code();
            }
            self.acknowledge(&frame).await;
        }
        code
    }

    /// Acknowledges settings and PINGs.
    pub async fn acknowledge(&mut self, frame: &Frame) {
        let payload = match (frame.kind, frame.flags & ACK) {
            (kind::SETTINGS, 0) => Vec::new(),
            (kind::PING, 0) => frame.payload.clone(),
            _ => return,
        };
        // A server that has closed is noticed by the next read.
        let _ = self.send(&Frame::new(frame.kind, ACK, 0, payload)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_fields_are_encoded_as_the_rfcs_show() {
        let ping = Frame::new(kind::PING, ACK, 0, [7; 8]);
        assert_eq!(
            ping.encode(),
            [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &[7; 8]].concat()
        );
        // RFC 7541, C.2.2 without the index, and C.1.2: 1337 with a prefix of five
        // bits; of seven it is 127, 186 + 128 - 128, 9.
        assert_eq!(field_block(&[("a", "bc")]), b"\0\x01a\x02bc");
        let mut block = Vec::new();
        integer(&mut block, 1337);
        assert_eq!(block, [127, 0b1011_1010, 9]);
    }

    #[test]
    fn a_status_is_read_in_each_way_it_is_written() {
        let status = |payload: &[u8]| Frame::new(kind::HEADERS, 0, 1, payload).status();
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x8d]), Some(404));
        assert_eq!(status(b"\x48\x03401"), Some(401));
        assert_eq!(status(&[0x20, 0x88]), Some(200));
        // RFC 7541, C.6.1: 302 is 0x6402; 307 of C.6.2 is 0x640eff.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
    }
}
