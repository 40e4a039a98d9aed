//! Server-sent events, as far as MCP uses them.

/// One event of a stream.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests take it apart")]
pub struct Event {
    /// The `id` field.
    pub id: Option<String>,
    /// The `event` field.
    pub event: Option<String>,
    /// The `retry` field, in milliseconds.
    pub retry: Option<String>,
    /// The `data` lines, joined by newlines.
    pub data: String,
}

/// Splits a byte stream into events.
#[derive(Default, Debug)]
pub struct EventReader {
    buffer: Vec<u8>,
    /// Lines that began with a colon, without it.
    comments: Vec<String>,
}

impl EventReader {
    /// Adds the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete event; a block of comments alone is none.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let (block_end, next_start) = self.blank_line()?;
            let block: Vec<u8> = self.buffer.drain(..next_start).take(block_end).collect();
            let block = String::from_utf8(block).expect("events are UTF-8");
            if let Some(event) = self.parse(&block) {
                return Some(event);
            }
        }
    }

    /// The comments read so far.
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    fn blank_line(&self) -> Option<(usize, usize)> {
        ["\n\n", "\r\n\r\n", "\r\r"]
            .iter()
            .filter_map(|end| {
                self.buffer
                    .windows(end.len())
                    .position(|window| window == end.as_bytes())
                    .map(|at| (at, at + end.len()))
            })
            .min()
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let mut event = Event::default();
        let mut data: Option<String> = None;
        let mut any = false;
        for line in block.lines() {
            if let Some(comment) = line.strip_prefix(':') {
                self.comments.push(comment.to_owned());
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            any = true;
            match field {
                "id" => event.id = Some(value.to_owned()),
                "event" => event.event = Some(value.to_owned()),
                "retry" => event.retry = Some(value.to_owned()),
                "data" => match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                },
                _ => panic!("unknown field {field:?} in an event"),
            }
        }
        event.data = data.unwrap_or_default();
        any.then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_whatever_the_chunks() {
        let stream = b": keep-alive\n\nid: 1\nretry: 3000\ndata:\n\nevent: message\ndata: {\"a\":\ndata: 1}\n\n";
        for size in 1..stream.len() {
            let mut reader = EventReader::default();
            let mut events = Vec::new();
            for chunk in stream.chunks(size) {
                reader.feed(chunk);
                events.extend(std::iter::from_fn(|| reader.next_event()));
            }
            assert_eq!(events.len(), 2, "chunks of {size}");
            assert_eq!(events[0].retry.as_deref(), Some("3000"));
            assert_eq!(events[1].data, "{\"a\":\n1}");
            assert_eq!(reader.comments(), [" keep-alive"]);
        }
    }
}
