//! Lines that are only added: where the audit log is kept.
//!
//! What a line says, and how it hangs on the one before, is the business of whoever
//! writes it. Here it has a number, and lines of two writers are never mixed: whoever
//! adds names the line behind which it goes.

use std::sync::Arc;

use crate::StoreFuture;

/// Where a journal ends.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an end is a number and a text")]
pub struct JournalEnd {
    /// The number of the last line that was added, whether it is still there or not.
    pub last: u64,
    /// What the writer wants to find beside the lines.
    pub head: String,
}

/// A line, and its number.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a line is a number and a text")]
pub struct JournalLine {
    /// The number of the line; the first is 1, and none is given twice.
    pub seq: u64,
    /// The line.
    pub text: String,
}

/// Lines that are only added. Each method is atomic, and what was added survives a power
/// cut.
pub trait Journal: Send + Sync + 'static {
    /// Where it ends; nothing if nothing was ever added.
    ///
    /// # Errors
    ///
    /// [`crate::StoreError::Unavailable`] or [`crate::StoreError::Corrupt`].
    fn journal_end(&self) -> StoreFuture<'_, Option<JournalEnd>>;

    /// Adds `lines` behind the line number `last` (0 for the beginning) and puts `head` in
    /// the place of the earlier one, all or nothing.
    ///
    /// # Errors
    ///
    /// [`crate::Conflict::Changed`] if the journal ends elsewhere.
    fn append(&self, last: u64, lines: Vec<String>, head: String) -> StoreFuture<'_, ()>;

    /// The lines behind the line number `behind`, `most` of them at most, the oldest first.
    ///
    /// # Errors
    ///
    /// [`crate::StoreError::Unavailable`] or [`crate::StoreError::Corrupt`].
    fn journal_lines(&self, behind: u64, most: u32) -> StoreFuture<'_, Vec<JournalLine>>;

    /// Takes away the lines up to the number `up_to` and puts `head` in the place of the
    /// earlier one, all or nothing. Answers how many lines it took.
    ///
    /// # Errors
    ///
    /// [`crate::Conflict::Changed`] if the journal does not end at `last`.
    fn forget_lines(&self, up_to: u64, last: u64, head: String) -> StoreFuture<'_, u64>;
}

impl<J: Journal + ?Sized> Journal for Arc<J> {
    fn journal_end(&self) -> StoreFuture<'_, Option<JournalEnd>> {
        (**self).journal_end()
    }

    fn append(&self, last: u64, lines: Vec<String>, head: String) -> StoreFuture<'_, ()> {
        (**self).append(last, lines, head)
    }

    fn journal_lines(&self, behind: u64, most: u32) -> StoreFuture<'_, Vec<JournalLine>> {
        (**self).journal_lines(behind, most)
    }

    fn forget_lines(&self, up_to: u64, last: u64, head: String) -> StoreFuture<'_, u64> {
        (**self).forget_lines(up_to, last, head)
    }
}
