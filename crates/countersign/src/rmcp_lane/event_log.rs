//! The events of one stream: written without waiting, read by one client at a time.
//!
//! A writer never waits for a reader, so one slow client cannot hold up a
//! session; a reader that falls too far behind loses its stream. What was
//! delivered stays for a while, for a client that lost its connection (2025-11-25,
//! transports, resumability).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::limits::Replay;

/// How far a client may fall behind.
const PENDING_EVENTS: usize = 1024;
const PENDING_BYTES: usize = 16 * 1024 * 1024;

/// One event: its number in the stream, from 1, and the JSON text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) index: u64,
    pub(crate) text: Bytes,
}

/// The events of one stream.
#[derive(Debug)]
pub(crate) struct EventLog {
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The events from `first` on.
    events: VecDeque<Bytes>,
    replay: Replay,
    first: u64,
    bytes: usize,
    complete: bool,
    streamed: bool,
    reading: Option<Reading>,
    readers: u64,
    /// The first event that nobody was handed yet.
    fresh: u64,
}

#[derive(Debug)]
struct Reading {
    reader: u64,
    next: u64,
    waker: Option<Waker>,
}

/// Somebody reads the stream already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occupied;

impl EventLog {
    /// An empty stream. `number` is unique in its session; `replay` is kept for a
    /// client that comes back.
    pub(crate) fn new(number: u64, replay: Replay) -> Arc<Self> {
        Arc::new(Self {
            number,
            state: Mutex::new(State {
                events: VecDeque::new(),
                replay,
                first: 1,
                bytes: 0,
                complete: false,
                streamed: false,
                reading: None,
                readers: 0,
                fresh: 1,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the stream in its session.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The number of the last event that somebody was handed; 0 if there is none.
    pub(crate) fn last_handed_out(&self) -> u64 {
        self.state().fresh - 1
    }

    /// Adds an event.
    pub(crate) fn append(&self, text: Bytes) {
        self.state().append(text);
    }

    /// Adds the last event.
    pub(crate) fn finish(&self, text: Bytes) {
        let mut state = self.state();
        state.append(text);
        state.complete();
    }

    /// No event follows.
    pub(crate) fn close(&self) {
        self.state().complete();
    }

    /// Notes that a client may come back for this stream: its events went out with ids.
    pub(crate) fn mark_streamed(&self) {
        self.state().streamed = true;
    }

    /// Whether a client may come back for this stream.
    pub(crate) fn was_streamed(&self) -> bool {
        self.state().streamed
    }

    /// Reads what nobody was handed yet, unless somebody reads already. No message
    /// goes out twice unless it is asked for by [`Self::read_after`].
    pub(crate) fn read(self: &Arc<Self>) -> Result<LogReader, Occupied> {
        let mut state = self.state();
        if state.reading.is_some() {
            return Err(Occupied);
        }
        let next = state.fresh.max(state.first);
        Ok(self.attach(&mut state, next))
    }

    /// Reads what follows the event `last`, and ends whoever reads now: it is the
    /// same client, on a connection that it lost. `None` if there was no such event.
    pub(crate) fn read_after(self: &Arc<Self>, last: u64) -> Option<LogReader> {
        let mut state = self.state();
        let next = last.checked_add(1)?;
        if next < state.first || next > state.end() {
            return None;
        }
        Some(self.attach(&mut state, next))
    }

    fn attach(self: &Arc<Self>, state: &mut State, next: u64) -> LogReader {
        state.detach();
        state.readers += 1;
        let reader = state.readers;
        state.reading = Some(Reading {
            reader,
            next,
            waker: None,
        });
        LogReader {
            log: Arc::clone(self),
            reader,
        }
    }
}

impl State {
    /// The number that the next event gets.
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn append(&mut self, text: Bytes) {
        if self.complete {
            return;
        }
        self.bytes += text.len();
        self.events.push_back(text);
        self.trim();
        if let Some(reading) = &self.reading {
            let pending = usize::try_from(self.end() - reading.next).unwrap_or(usize::MAX);
            if pending > 1 && (pending > PENDING_EVENTS || self.bytes > PENDING_BYTES) {
                self.detach();
                self.trim();
            }
        }
        self.wake();
    }

    /// Forgets what was delivered, or what nobody came for, beyond the replay limits.
    fn trim(&mut self) {
        while self.events.len() > self.replay.events || self.bytes > self.replay.bytes {
            let keep_from = self
                .reading
                .as_ref()
                .map_or_else(|| self.end() - 1, |reading| reading.next);
            if self.first >= keep_from {
                break;
            }
            if let Some(text) = self.events.pop_front() {
                self.bytes -= text.len();
                self.first += 1;
            }
        }
    }

    fn complete(&mut self) {
        self.complete = true;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.reading.as_mut().and_then(|r| r.waker.take()) {
            waker.wake();
        }
    }

    fn detach(&mut self) {
        self.wake();
        self.reading = None;
    }
}

/// The one who reads a stream. Dropping it frees the stream for another.
#[derive(Debug)]
pub(crate) struct LogReader {
    log: Arc<EventLog>,
    reader: u64,
}

impl LogReader {
    /// The stream that is read.
    pub(crate) const fn log(&self) -> &Arc<EventLog> {
        &self.log
    }

    /// The next event; `None` when none will follow, when another connection took
    /// over, or when this one fell too far behind.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.log.state();
        let (first, complete) = (state.first, state.complete);
        let Some(reading) = state.reading.as_ref().filter(|r| r.reader == self.reader) else {
            return Poll::Ready(None);
        };
        let index = reading.next;
        let offset = usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX);
        let text = state.events.get(offset).cloned();
        let Some(reading) = state.reading.as_mut() else {
            return Poll::Ready(None);
        };
        match text {
            Some(text) => {
                reading.next = index + 1;
                state.fresh = state.fresh.max(index + 1);
                Poll::Ready(Some(Event { index, text }))
            }
            None if complete => Poll::Ready(None),
            None => {
                reading.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// [`Self::poll_next`] as a future.
    pub(crate) async fn next(&self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Whether everything was read and nothing will follow.
    pub(crate) fn is_at_end(&self) -> bool {
        let state = self.log.state();
        state.complete
            && state
                .reading
                .as_ref()
                .is_none_or(|r| r.reader != self.reader || r.next >= state.end())
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        let mut state = self.log.state();
        if state
            .reading
            .as_ref()
            .is_some_and(|r| r.reader == self.reader)
        {
            state.detach();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn text(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn e20_a_reader_that_never_reads_is_dropped_and_memory_stays_bounded() {
        let log = EventLog::new(1, Replay::default());
        let reader = log.read().unwrap();
        for number in 0..100_000 {
            log.append(text(number));
        }
        assert!(log.state().events.len() <= PENDING_EVENTS);
        assert_eq!(reader.next().now_or_never(), Some(None));

        let log = EventLog::new(2, Replay::default());
        let reader = log.read().unwrap();
        let large = Bytes::from(vec![b'x'; PENDING_BYTES / 4]);
        for _ in 0..64 {
            log.append(large.clone());
        }
        assert!(log.state().bytes <= PENDING_BYTES);
        assert_eq!(reader.next().now_or_never(), Some(None));
    }

    #[test]
    fn e20_events_that_nobody_reads_are_bounded() {
        let log = EventLog::new(1, Replay::default());
        for number in 0..100_000 {
            log.append(text(number));
        }
        assert!(log.state().events.len() <= Replay::default().events);
    }

    #[test]
    fn e26_a_second_reader_is_turned_away_and_the_first_reads_on() {
        let log = EventLog::new(1, Replay::default());
        let first = log.read().unwrap();
        assert_eq!(log.read().err(), Some(Occupied));
        log.append(text(7));
        let event = first.next().now_or_never().unwrap().unwrap();
        assert_eq!((event.index, event.text), (1, text(7)));
        drop(first);
        assert!(log.read().is_ok());
    }

    #[test]
    fn e27_tr_27_only_events_that_exist_can_be_resumed_after() {
        let log = EventLog::new(1, Replay::default());
        for number in 1..=3 {
            log.append(text(number));
        }
        for forged in [4, 1_000, u64::MAX - 1, u64::MAX] {
            assert!(log.read_after(forged).is_none(), "{forged}");
        }
        let reader = log.read_after(2).unwrap();
        assert_eq!(reader.next().now_or_never().unwrap().unwrap().text, text(3));
        assert!(log.read_after(0).is_some());
    }

    #[test]
    fn e26_tr_27_the_next_reader_is_handed_nothing_twice_unless_it_asks() {
        let log = EventLog::new(1, Replay::default());
        let first = log.read().unwrap();
        log.append(text(1));
        log.append(text(2));
        assert_eq!(first.next().now_or_never().unwrap().unwrap().text, text(1));
        drop(first);
        let second = log.read().unwrap();
        assert_eq!(log.last_handed_out(), 1);
        assert_eq!(second.next().now_or_never().unwrap().unwrap().text, text(2));
        assert!(second.next().now_or_never().is_none());
        drop(second);
        let resumed = log.read_after(0).unwrap();
        assert_eq!(
            resumed.next().now_or_never().unwrap().unwrap().text,
            text(1)
        );
    }

    #[test]
    fn a_reader_sees_everything_and_then_the_end() {
        let log = EventLog::new(1, Replay::default());
        let reader = log.read().unwrap();
        for number in 0..PENDING_EVENTS {
            log.append(text(number));
        }
        for number in 0..PENDING_EVENTS {
            assert_eq!(
                reader.next().now_or_never().unwrap().unwrap().text,
                text(number)
            );
        }
        assert!(reader.next().now_or_never().is_none());
        log.finish(text(0));
        assert!(!reader.is_at_end());
        assert!(reader.next().now_or_never().unwrap().is_some());
        assert!(reader.is_at_end());
        assert_eq!(reader.next().now_or_never(), Some(None));
    }
}
