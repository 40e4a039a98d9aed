//! The journal of the reference backend.

use std::collections::BTreeMap;

use super::MemoryStore;
use crate::journal::{Journal, JournalEnd, JournalLine};
use crate::{Conflict, StoreError, StoreFuture};

/// Lines and their end.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<u64, String>,
    end: Option<JournalEnd>,
}

impl Lines {
    fn check_end(&self, last: u64) -> Result<(), StoreError> {
        let ours = self.end.as_ref().map_or(0, |end| end.last);
        if ours == last {
            return Ok(());
        }
        Err(Conflict::Changed.into())
    }

    fn append(&mut self, last: u64, added: Vec<String>, head: String) -> Result<(), StoreError> {
        self.check_end(last)?;
        let mut seq = last;
        for text in added {
            seq = seq.saturating_add(1);
            self.lines.insert(seq, text);
        }
        self.end = Some(JournalEnd { last: seq, head });
        Ok(())
    }

    fn behind(&self, behind: u64, most: u32) -> Vec<JournalLine> {
        let lines = self.lines.range(behind.saturating_add(1)..);
        let lines = lines.take(usize::try_from(most).unwrap_or(usize::MAX));
        lines
            .map(|(seq, text)| JournalLine {
                seq: *seq,
                text: text.clone(),
            })
            .collect()
    }

    fn forget(&mut self, up_to: u64, last: u64, head: String) -> Result<u64, StoreError> {
        self.check_end(last)?;
        let kept = self.lines.split_off(&up_to.saturating_add(1));
        let gone = std::mem::replace(&mut self.lines, kept).len();
        self.end = Some(JournalEnd { last, head });
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}

impl Journal for MemoryStore {
    fn journal_end(&self) -> StoreFuture<'_, Option<JournalEnd>> {
        self.with(|state| Ok(state.journal.end.clone()))
    }

    fn append(&self, last: u64, lines: Vec<String>, head: String) -> StoreFuture<'_, ()> {
        self.with(|state| state.journal.append(last, lines, head))
    }

    fn journal_lines(&self, behind: u64, most: u32) -> StoreFuture<'_, Vec<JournalLine>> {
        self.with(|state| Ok(state.journal.behind(behind, most)))
    }

    fn forget_lines(&self, up_to: u64, last: u64, head: String) -> StoreFuture<'_, u64> {
        self.with(|state| state.journal.forget(up_to, last, head))
    }
}
