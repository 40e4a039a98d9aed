//! A stream of events (HTML Standard §9.2), bounded, as answers to one request.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rmcp::model::ServerJsonRpcMessage;
use rmcp::transport::streamable_http_client::SseError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sse_stream::{Sse, SseStream};

use super::ClientError;
use super::bulk::is_bulky;
use super::failures::{Failure, Failures};
use crate::protocol::{ErrorCode, ErrorData, RequestId};

/// Events, as the SDK takes them.
pub(super) type Events = BoxStream<'static, Result<Sse, SseError>>;

/// The events in `body`, each of at most `most` bytes and not of too many values.
pub(super) fn events(body: BoxStream<'static, Result<Bytes, ClientError>>, most: usize) -> Events {
    let mut size = EventSize::default();
    let bounded = body.map(move |chunk| {
        let chunk = chunk?;
        match size.add(&chunk) > most {
            true => Err(ClientError::TooLarge),
            false => Ok(chunk),
        }
    });
    SseStream::from_bytes_stream(bounded)
        .map(|event| {
            let event = event?;
            let data = event.data.as_deref().unwrap_or_default();
            match is_bulky(data.as_bytes()) {
                true => Err(SseError::Body(Box::new(ClientError::TooLarge))),
                false => Ok(event),
            }
        })
        .boxed()
}

/// How many bytes have arrived of the event that is not complete.
#[derive(Default)]
struct EventSize {
    /// In lines that have ended.
    lines: usize,
    /// In the line that has not.
    line: usize,
    after_return: bool,
}

impl EventSize {
    /// The most bytes that any event has had while `chunk` arrived.
    fn add(&mut self, chunk: &[u8]) -> usize {
        let mut most = 0;
        let mut read = 0;
        for end in memchr::memchr2_iter(b'\n', b'\r', chunk) {
            let text = end - read;
            read = end + 1;
            let is_feed = chunk.get(end) == Some(&b'\n');
            let second_half = is_feed && text == 0 && self.line == 0 && self.after_return;
            self.after_return = !is_feed;
            self.lines += self.line + text + 1;
            let empty = self.line + text == 0;
            self.line = 0;
            most = most.max(self.lines);
            if empty && !second_half {
                self.lines = 0;
            }
        }
        let rest = chunk.len() - read;
        if rest > 0 {
            self.line += rest;
            self.after_return = false;
        }
        most.max(self.lines + self.line)
    }
}

/// What a message is, without reading it.
#[derive(Deserialize)]
struct Outline {
    id: Option<RequestId>,
    method: Option<IgnoredAny>,
}

/// The stream that answers one request.
pub(super) struct Answering {
    pub(super) id: RequestId,
    /// From 2026-07-28 on a stream is not resumed: one that breaks is over.
    pub(super) resumable: bool,
    /// Where it is noted why there is no answer, if somebody asks.
    pub(super) failures: Option<Failures>,
}

impl Answering {
    /// `events` without answers to other requests, and with an end if they have none.
    pub(super) fn of(self, events: Events) -> Events {
        let state = Some((self, events, false));
        stream::unfold(state, |state| async {
            let (answering, mut events, mut answered) = state?;
            loop {
                let failure = match events.next().await {
                    Some(Ok(event)) => match answering.heed(event, &mut answered) {
                        Ok(Some(event)) => {
                            return Some((Ok(event), Some((answering, events, answered))));
                        }
                        Ok(None) => continue,
                        Err(error) => Failure::Because(error),
                    },
                    Some(Err(error)) => match too_large(&error) {
                        true => Failure::Because(ClientError::TooLarge),
                        false if answering.resumable => return Some((Err(error), None)),
                        false => Failure::Broken,
                    },
                    None if answering.resumable => return None,
                    None => Failure::Broken,
                };
                if answered {
                    return None;
                }
                return Some((Ok(answering.fails(failure)?), None));
            }
        })
        .boxed()
    }

    /// `event`, if it belongs here.
    fn heed(&self, mut event: Sse, answered: &mut bool) -> Result<Option<Sse>, ClientError> {
        if !self.resumable {
            (event.id, event.retry) = (None, None);
        }
        let data = event.data.as_deref().unwrap_or_default();
        if data.trim().is_empty() {
            return Ok(Some(event));
        }
        let outline: Outline = serde_json::from_str(data)
            .map_err(|_| ClientError::NotMcp("an event is not JSON-RPC".into()))?;
        if outline.method.is_some() {
            return Ok(Some(event));
        }
        // An error without id is about what could not be read, so about this request.
        if outline.id.is_some_and(|id| !same(&self.id, &id)) {
            tracing::debug!("an answer to another request is passed over");
            return Ok(None);
        }
        // The SDK would pass over what it cannot read, and wait.
        serde_json::from_str::<ServerJsonRpcMessage>(data)
            .map_err(|_| ClientError::NotMcp("the answer is not JSON-RPC".into()))?;
        *answered = true;
        Ok(Some(event))
    }

    /// Notes why there is no answer, and makes one that the SDK understands.
    fn fails(&self, failure: Failure) -> Option<Sse> {
        self.failures.as_ref()?.note(self.id.clone(), failure);
        let error = ErrorData::new(ErrorCode::INTERNAL_ERROR, "no answer", None);
        let message = ServerJsonRpcMessage::error(error, Some(self.id.clone()));
        Some(Sse::default().data(serde_json::to_string(&message).unwrap_or_default()))
    }
}

/// Whether `told` is the id `asked`; a number may come back as text.
pub(super) fn same(asked: &RequestId, told: &RequestId) -> bool {
    asked == told || asked.to_string() == told.to_string()
}

fn too_large(error: &SseError) -> bool {
    match error {
        SseError::Body(error) => matches!(
            error.downcast_ref::<ClientError>(),
            Some(ClientError::TooLarge)
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_an_event_is_counted_until_it_ends_however_lines_end() {
        for (text, most) in [
            ("data: 1\n\ndata: 2\n\n", 9),
            ("data: 1\r\n\r\ndata: 2\r\n\r\n", 11),
            ("data: 1\r\ndata: 2\r\ndata: 3\r\n", 27),
            ("data: 1\rdata: 2\rdata: 3\r", 24),
            ("data: 1\ndata: 2\ndata: 3\n", 24),
        ] {
            let mut whole = EventSize::default();
            assert_eq!(whole.add(text.as_bytes()), most, "{text:?}");
            let mut pieces = EventSize::default();
            let each = text.bytes().map(|byte| pieces.add(&[byte]));
            assert_eq!(each.max(), Some(most), "{text:?}");
        }
    }
}
