//! Records on their way to whoever writes them: handed over without waiting, and never
//! more than there is room for.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Outcome, Record, Severity, SinkFull};

/// What happens when records come faster than they can be written, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "an operator chooses one of two")]
pub enum OnFull {
    /// Nothing is done any more that could not be noted: requests are answered with 503
    /// until there is room again.
    #[default]
    Refuse,
    /// Requests go on. Records wait in memory, and those for which there is no room are
    /// counted; the count is noted as soon as there is.
    Spool,
}

/// A bounded queue between those who note and the one who writes.
#[derive(Debug)]
pub struct Queue {
    most: usize,
    on_full: OnFull,
    state: Mutex<State>,
    /// Told when there is something to do.
    work: Condvar,
    /// Told when everything is written.
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Record>,
    /// Records for which there was no room since the last batch.
    lost: u64,
    /// Some were handed out and are not written yet.
    busy: bool,
    /// What was handed out cannot be written.
    failing: bool,
    closed: bool,
}

/// What is to be written next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a writer must treat each of them")]
pub enum Work {
    /// These records, in this order.
    Records(Vec<Record>),
    /// Nothing new; the time to wait is over.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

impl Queue {
    /// Room for `most` records.
    pub fn new(most: usize, on_full: OnFull) -> Self {
        Self {
            most: most.max(1),
            on_full,
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `record` over.
    pub fn note(&self, record: Record) {
        let mut state = self.state();
        // Whoever asked for room before others took it still has a place.
        if state.closed || state.waiting.len() >= self.most.saturating_mul(2) {
            state.lost = state.lost.saturating_add(1);
            return;
        }
        state.waiting.push(record);
        let first = state.waiting.len() == 1;
        drop(state);
        if first {
            self.work.notify_one();
        }
    }

    /// Whether what is done now can be noted.
    ///
    /// # Errors
    ///
    /// [`SinkFull`] where nothing may be done unnoted.
    pub fn room(&self) -> Result<(), SinkFull> {
        if self.on_full == OnFull::Spool {
            return Ok(());
        }
        let state = self.state();
        if state.failing || state.waiting.len() >= self.most {
            return Err(SinkFull::new());
        }
        Ok(())
    }

    /// Waits for records, for `patience` at most if there is one. Those that were lost
    /// are a record of their own, at the time of the first one behind them.
    pub fn take(&self, patience: Option<Duration>) -> Work {
        let mut state = self.state();
        loop {
            if !state.waiting.is_empty() {
                state.busy = true;
                let mut records = mem::take(&mut state.waiting);
                let lost = mem::take(&mut state.lost);
                if let (Some(last), true) = (records.last(), lost > 0) {
                    let noted = loss(lost, last.at);
                    records.push(noted);
                }
                return Work::Records(records);
            }
            if state.closed {
                return Work::Closed;
            }
            match patience {
                None => {
                    state = self
                        .work
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
                Some(patience) => {
                    let waited = self.work.wait_timeout(state, patience);
                    let (woken, over) = waited.unwrap_or_else(PoisonError::into_inner);
                    state = woken;
                    if over.timed_out() && state.waiting.is_empty() {
                        return Work::Nothing;
                    }
                }
            }
        }
    }

    /// Everything that was taken is written.
    pub fn written(&self) {
        let mut state = self.state();
        state.busy = false;
        state.failing = false;
        drop(state);
        self.idle.notify_all();
    }

    /// What was taken could not be written, and will be tried again.
    pub fn failed(&self) {
        self.state().failing = true;
        self.idle.notify_all();
    }

    /// Waits until everything that was noted is written. False if that fails.
    pub fn flush(&self) -> bool {
        let mut state = self.state();
        while (state.busy || !state.waiting.is_empty()) && !state.failing {
            state = self
                .idle
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.failing
    }

    /// Nothing more comes.
    pub fn close(&self) {
        self.state().closed = true;
        self.work.notify_all();
    }
}

fn loss(lost: u64, at: u64) -> Record {
    Record::new("audit_lost", "there was no room to note everything", at)
        .outcome(Outcome::Failed)
        .severity(Severity::Alert)
        .detail(format!("{lost} records were lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Record {
        Record::new("e", "s", number)
    }

    fn taken(queue: &Queue) -> Vec<Record> {
        match queue.take(Some(Duration::ZERO)) {
            Work::Records(records) => records,
            Work::Nothing | Work::Closed => Vec::new(),
        }
    }

    #[test]
    fn f20_a_full_queue_refuses_or_counts_what_it_loses() {
        for (on_full, refuses) in [(OnFull::Refuse, true), (OnFull::Spool, false)] {
            let queue = Queue::new(2, on_full);
            assert!(queue.room().is_ok());
            (0..7).for_each(|number| queue.note(record(number)));
            assert_eq!(queue.room().is_err(), refuses, "{on_full:?}");
            let records = taken(&queue);
            let events: Vec<_> = records.iter().map(|each| each.event.as_str()).collect();
            assert_eq!(events, ["e", "e", "e", "e", "audit_lost"]);
            let detail = records[4].detail.as_ref().unwrap();
            assert_eq!(detail.as_str(), "3 records were lost");
            queue.written();
            assert!(queue.room().is_ok() && taken(&queue).is_empty());
        }
    }

    #[test]
    fn f20_what_cannot_be_written_refuses_what_comes() {
        let queue = Queue::new(100, OnFull::Refuse);
        queue.note(record(1));
        taken(&queue);
        assert!(queue.room().is_ok());
        queue.failed();
        assert!(queue.room().is_err());
        assert!(!queue.flush());
        queue.written();
        assert!(queue.room().is_ok());
        assert!(queue.flush());
    }
}
