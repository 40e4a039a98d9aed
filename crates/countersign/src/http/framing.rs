//! Where a message of HTTP/1 ends, and nothing that two parsers may read in two
//! ways: RFC 9112 §2.2, §5.1, §5.2, §6.1, §6.3, §7.1.
//!
//! The parser behind takes a bare LF for the end of a line, two equal lengths for
//! one, and a length beside `chunked` for nothing. A proxy in front may see it the
//! other way round, and then one request holds a second one. This only follows the
//! bytes and names the first that must not be there; it changes nothing.

use memchr::{memchr, memchr2};

/// What an HTTP/2 connection starts with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Names and values up to this length are looked at; the two that matter are shorter.
const SHORT: usize = 32;

/// Where the bytes went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// In the head of a request, at this index.
    Head(usize),
    /// In the framing of a body, at this index.
    Body(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first bytes of a connection: this many are those of HTTP/2.
    Preface(usize),
    /// HTTP/2 frames itself.
    Http2,
    /// Before a request line; empty lines are passed over.
    Start,
    RequestLine,
    LineStart,
    Name,
    Value,
    Body(u64),
    ChunkSize {
        digits: u8,
        size: u64,
    },
    ChunkExtension(u64),
    ChunkData(u64),
    /// After a CR: LF, and then this.
    Lf(Next),
    Cr(Next),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// An empty line before the request line.
    Start,
    /// A line of the head, or of the trailers, has ended.
    Line,
    /// The empty line after the head or the trailers.
    End,
    Chunk(u64),
    ChunkSize,
}

/// A few bytes of a name or a value.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bytes: [u8; SHORT],
    length: usize,
}

impl Word {
    fn push(&mut self, bytes: &[u8]) {
        let places = self.bytes.iter_mut().skip(self.length);
        for (place, byte) in places.zip(bytes) {
            *place = *byte;
        }
        self.length = self.length.saturating_add(bytes.len());
    }

    /// The text without white space around it; nothing if it was too long.
    fn text(&self) -> Option<&[u8]> {
        let mut text = self.bytes.get(..self.length)?;
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
            text = rest;
        }
        Some(text)
    }

    fn is(&self, name: &[u8]) -> bool {
        self.text()
            .is_some_and(|text| text.eq_ignore_ascii_case(name))
    }
}

/// The bytes of one connection, followed from its start.
#[derive(Clone, Debug)]
pub(super) struct Framing {
    state: State,
    name: Word,
    value: Word,
    length: Option<u64>,
    chunked: bool,
    in_trailers: bool,
}

impl Framing {
    /// A connection on which nothing has arrived.
    pub(super) fn new() -> Self {
        Self {
            state: State::Preface(0),
            name: Word::default(),
            value: Word::default(),
            length: None,
            chunked: false,
            in_trailers: false,
        }
    }

    /// Whether the client may have more to send that nobody reads.
    pub(super) const fn is_between_requests(&self) -> bool {
        matches!(self.state, State::Start | State::Preface(0))
    }

    /// Follows the bytes that came next.
    ///
    /// # Errors
    ///
    /// [`Fault`] with the index of the first byte that must not reach the parser.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Http2 => rest.len(),
                State::Body(left) => {
                    let (taken, left) = take(left, rest);
                    self.state = if left == 0 {
                        State::Start
                    } else {
                        State::Body(left)
                    };
                    taken
                }
                State::ChunkData(left) => {
                    let (taken, left) = take(left, rest);
                    self.state = if left == 0 {
                        State::Cr(Next::ChunkSize)
                    } else {
                        State::ChunkData(left)
                    };
                    taken
                }
                _ => match self.pass_over(rest) {
                    0 => {
                        let fault = if self.is_in_body() {
                            Fault::Body(at)
                        } else {
                            Fault::Head(at)
                        };
                        self.state = rest
                            .first()
                            .and_then(|byte| self.step(*byte))
                            .ok_or(fault)?;
                        1
                    }
                    taken => taken,
                },
            };
        }
        Ok(())
    }

    /// Takes what [`Self::step`] would take byte by byte and be in the same state
    /// again: most of a head. Returns how many bytes that are.
    fn pass_over(&mut self, bytes: &[u8]) -> usize {
        let (taken, word) = match self.state {
            State::RequestLine => return plain(bytes),
            State::LineStart => return self.whole_line(bytes).unwrap_or_default(),
            State::Name => {
                let end = bytes.iter().position(|byte| !is_token(*byte));
                (end.unwrap_or(bytes.len()), &mut self.name)
            }
            State::Value => (plain(bytes), &mut self.value),
            _ => return 0,
        };
        word.push(bytes.get(..taken).unwrap_or_default());
        taken
    }

    /// The length of a line of a head with a good field, if all of it is there. Of
    /// every other line [`Self::step`] finds the byte that is wrong, if there is one.
    fn whole_line(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr2(b'\r', b'\n', bytes)?;
        let (line, rest) = bytes.split_at(end);
        if !rest.starts_with(b"\r\n") {
            return None;
        }
        let (name, value) = line.split_at(memchr(b':', line)?);
        // Without a way out in between: so the compiler looks at many at a time.
        let is_name = name
            .iter()
            .fold(!name.is_empty(), |all, byte| all & is_token(*byte));
        if !is_name {
            return None;
        }
        if frames(name) && !self.in_trailers {
            (self.name, self.value) = (Word::default(), Word::default());
            self.name.push(name);
            self.value.push(value.get(1..)?);
            self.judge_line()?;
        }
        Some(end + 2)
    }

    const fn is_in_body(&self) -> bool {
        self.in_trailers
            || matches!(
                self.state,
                State::ChunkSize { .. }
                    | State::ChunkExtension(_)
                    | State::Lf(Next::Chunk(_) | Next::ChunkSize)
                    | State::Cr(_)
            )
    }

    fn step(&mut self, byte: u8) -> Option<State> {
        Some(match (self.state, byte) {
            (State::Preface(seen), byte) => return self.preface(seen, byte),
            (State::Start, b'\r') => State::Lf(Next::Start),
            (State::Start, byte) if is_token(byte) => {
                self.length = None;
                self.chunked = false;
                // The request line has no name, and that of a trailer may be left.
                self.name = Word::default();
                State::RequestLine
            }
            (State::RequestLine | State::Value, b'\r') => State::Lf(Next::Line),
            (State::RequestLine, byte) if byte != b'\n' => State::RequestLine,
            (State::LineStart, b'\r') => State::Lf(Next::End),
            (State::LineStart, byte) if is_token(byte) => {
                self.name = Word::default();
                self.value = Word::default();
                self.name.push(&[byte]);
                State::Name
            }
            (State::Name, b':') => State::Value,
            (State::Name, byte) if is_token(byte) => {
                self.name.push(&[byte]);
                State::Name
            }
            (State::Value, byte) if byte != b'\n' => {
                self.value.push(&[byte]);
                State::Value
            }
            (State::ChunkSize { digits: 1.., size }, b'\r') => State::Lf(Next::Chunk(size)),
            (State::ChunkSize { digits: 1.., size }, b';' | b' ' | b'\t') => {
                State::ChunkExtension(size)
            }
            (State::ChunkSize { digits, size }, byte) if digits < 15 => State::ChunkSize {
                digits: digits + 1,
                size: size * 16 + u64::from(char::from(byte).to_digit(16)?),
            },
            (State::ChunkExtension(size), b'\r') => State::Lf(Next::Chunk(size)),
            (State::ChunkExtension(size), byte) if byte != b'\n' => State::ChunkExtension(size),
            (State::Cr(next), b'\r') => State::Lf(next),
            (State::Lf(next), b'\n') => return self.after_line(next),
            _ => return None,
        })
    }

    /// HTTP/2 or not is known at the first byte that differs.
    fn preface(&mut self, seen: usize, byte: u8) -> Option<State> {
        if PREFACE.get(seen) == Some(&byte) {
            return Some(if seen + 1 == PREFACE.len() {
                State::Http2
            } else {
                State::Preface(seen + 1)
            });
        }
        self.state = State::Start;
        for &earlier in PREFACE.iter().take(seen) {
            self.state = self.step(earlier)?;
        }
        self.step(byte)
    }

    fn after_line(&mut self, next: Next) -> Option<State> {
        Some(match next {
            Next::Start => State::Start,
            Next::Line => {
                if !self.in_trailers {
                    self.judge_line()?;
                }
                State::LineStart
            }
            Next::End if self.in_trailers => {
                self.in_trailers = false;
                State::Start
            }
            Next::End if self.chunked => State::ChunkSize { digits: 0, size: 0 },
            Next::End => match self.length {
                None | Some(0) => State::Start,
                Some(length) => State::Body(length),
            },
            Next::Chunk(0) => {
                self.in_trailers = true;
                State::LineStart
            }
            Next::Chunk(size) => State::ChunkData(size),
            Next::ChunkSize => State::ChunkSize { digits: 0, size: 0 },
        })
    }

    /// One length or one coding, and nothing else (RFC 9112 §6.1, §6.3).
    fn judge_line(&mut self) -> Option<()> {
        let is_first = self.length.is_none() && !self.chunked;
        if self.name.is(b"content-length") {
            let digits = self.value.text()?;
            let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (is_first && all_digits).then(|| self.length = Some(length))?;
        } else if self.name.is(b"transfer-encoding") {
            (is_first && self.value.is(b"chunked")).then(|| self.chunked = true)?;
        }
        Some(())
    }
}

/// Whether the field of this name says where a body ends.
fn frames(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
}

/// How many bytes there are before the next CR or LF.
fn plain(bytes: &[u8]) -> usize {
    memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len())
}

fn take(left: u64, rest: &[u8]) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
    let counted = u64::try_from(taken).unwrap_or(left);
    (taken, left.saturating_sub(counted))
}

/// Which bytes are `tchar` (RFC 9110 §5.6.2).
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the table has a place for every byte"
        )]
        {
            table[byte] = is_tchar(byte as u8);
        }
        byte += 1;
    }
    table
};

fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)) == Some(&true)
}

const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(text: &str) -> Result<bool, Fault> {
        let whole = {
            let mut framing = Framing::new();
            framing
                .follow(text.as_bytes())
                .map(|()| framing.is_between_requests())
        };
        // Byte by byte it is the same, but for where a piece starts.
        let mut framing = Framing::new();
        let mut piecemeal = Ok(());
        for (at, byte) in text.bytes().enumerate() {
            piecemeal = framing.follow(&[byte]).map_err(|fault| match fault {
                Fault::Head(_) => Fault::Head(at),
                Fault::Body(_) => Fault::Body(at),
            });
            if piecemeal.is_err() {
                break;
            }
        }
        assert_eq!(
            whole,
            piecemeal.map(|()| framing.is_between_requests()),
            "{text:?}"
        );
        whole
    }

    #[test]
    fn e18_what_two_parsers_may_read_in_two_ways_is_refused_in_the_head() {
        for lines in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 0\r\ncontent-length: 1\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: -1\r\n",
            "content-length: 0x1\r\n",
            "content-length: 1 1\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length: 000000000000000000000000000000000000001\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: chunked, chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding: \u{b}chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding : chunked\r\n",
            "content-length : 1\r\n",
            " folded: 1\r\n",
            "a: b\r\n folded\r\n",
            "a: b\r\n\tfolded\r\n",
            "a: b\n",
            "a: b\rc: d\r\n",
            "a b: c\r\n",
            "a\r\n",
            ": x\r\n",
            "a\0: b\r\n",
        ] {
            let text = format!("POST /mcp HTTP/1.1\r\n{lines}\r\n");
            assert!(matches!(follow(&text), Err(Fault::Head(_))), "{lines:?}");
        }
        for text in [
            "GET / HTTP/1.1\n\n",
            "\nGET / HTTP/1.1\r\n\r\n",
            "\0",
            " GET",
            "GET / HTTP/1.1\r\r\n",
        ] {
            assert!(matches!(follow(text), Err(Fault::Head(_))), "{text:?}");
        }
    }

    #[test]
    fn e18_a_bare_line_feed_is_found_wherever_it_is() {
        for length in 0..100 {
            let target = format!("GET /{}", "x".repeat(length));
            let head = format!("GET / HTTP/1.1\r\nname: {}", "x".repeat(length));
            for start in [target, head] {
                let text = format!("{start}\n\r\n");
                let fault = Framing::new().follow(text.as_bytes());
                assert_eq!(fault, Err(Fault::Head(start.len())), "{text:?}");
                assert_eq!(follow(&format!("{start}\r\n\r\n")), Ok(true), "{start:?}");
            }
        }
    }

    #[test]
    fn e18_chunks_are_framed_in_one_way() {
        let head = "POST /mcp HTTP/1.1\r\ntransfer-encoding: Chunked \r\n\r\n";
        for body in [
            "\r\n",
            "x\r\n",
            "0x1\r\n",
            "-1\r\n",
            "1\n",
            "1;a\nb\r\n",
            "1\r\nxy\r\n",
            "1\r\nx\n",
            "1\rx",
            ";a\r\n",
            "fffffffffffffffff\r\n",
            "0\r\na: b\n",
            "0\r\n folded\r\n",
            "0\r\n\n",
        ] {
            let text = format!("{head}{body}");
            assert!(matches!(follow(&text), Err(Fault::Body(_))), "{body:?}");
        }
        for body in [
            "0\r\n\r\n",
            "3;a=\"b\"\r\nabc\r\n0\r\n\r\n",
            "A \r\n0123456789\r\n00\r\nx: y\r\n\r\n",
        ] {
            assert_eq!(follow(&format!("{head}{body}")), Ok(true), "{body:?}");
        }
    }

    #[test]
    fn requests_follow_each_other_and_bodies_are_not_read_as_heads() {
        for text in [
            "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nCONTENT-LENGTH:\t4 \r\n\r\n\n\n\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 9\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(follow(text), Ok(true), "{text:?}");
        }
        for text in [
            "GET",
            "POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nabc",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        ] {
            assert_eq!(follow(text), Ok(false), "{text:?}");
        }
        let fault = follow("POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nabc\n");
        assert_eq!(fault, Err(Fault::Head(41)));
    }

    #[test]
    fn frames_of_http_2_are_passed_over() {
        let mut framing = Framing::new();
        framing.follow(PREFACE).unwrap();
        assert_eq!(framing.follow(b"\0\0\0\x04\0\0\0\0\0\n\n"), Ok(()));
    }
}
