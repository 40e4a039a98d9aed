//! Records in the store: the same chain as in files, and several processes write it.
//!
//! Whoever adds lines names the line behind which they go. If another process was
//! quicker, the lines are made anew behind its lines.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_audit::chain::{ChainKey, Head, Link, next, split};
use countersign_audit::line::members;
use countersign_audit::queue::{Queue, Work};
use countersign_audit::verify::{self, Report};
use countersign_audit::{OnFull, Record, Sink, SinkFull};
use countersign_resource_server::ConfigurationError;
use countersign_store::{Conflict, Journal, StoreError};
use tokio::runtime::Handle;

/// How long to wait before writing is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How many records may wait.
const ROOM: usize = 8_192;
/// How many lines are read at once, and how many more than are kept are there before the
/// oldest are taken away.
const PAGE: u32 = 1_000;

/// Keeps records in a journal, chained with a key.
#[derive(Debug)]
pub struct StoreSink {
    queue: Arc<Queue>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl StoreSink {
    /// Writes behind what `journal` has, under `key`, which is that of all processes that
    /// write it; the newest `keep` records are kept. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] if the journal cannot be read, or was written with another
    /// key.
    pub async fn start(
        journal: Arc<dyn Journal>,
        key: ChainKey,
        on_full: OnFull,
        keep: u64,
    ) -> Result<Self, ConfigurationError> {
        let head = head(&*journal, &key).await.map_err(|error| {
            ConfigurationError::new(format!("the audit log in the store: {error}"))
        })?;
        let queue = Arc::new(Queue::new(ROOM, on_full));
        let mut writing = Writing {
            journal,
            key,
            head,
            keep,
            runtime: Handle::current(),
            pending: Vec::new(),
        };
        let work = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || writing.work(&work));
        let thread = thread.map_err(|error| ConfigurationError::new(error.to_string()))?;
        Ok(Self {
            queue,
            writing: Mutex::new(Some(thread)),
        })
    }

    /// Writes what is left, and ends.
    pub async fn close(&self) {
        self.queue.close();
        let writing = self.writing.lock().map_or_else(
            |poisoned| poisoned.into_inner().take(),
            |mut writing| writing.take(),
        );
        if let Some(writing) = writing {
            // It panicked or not: there is nothing left to do.
            let _ = tokio::task::spawn_blocking(move || writing.join()).await;
        }
    }

    /// Finds out whether the lines in `journal` are as they were written under `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be read.
    pub async fn verify(journal: &dyn Journal, key: &ChainKey) -> Result<Report, StoreError> {
        let head = journal
            .journal_end()
            .await?
            .and_then(|end| Head::open(key, &end.head));
        let (mut lines, mut behind) = (Vec::new(), 0);
        loop {
            let page = journal.journal_lines(behind, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            behind = last.seq;
            lines.extend(page.into_iter().map(|line| line.text));
        }
        let lines = lines.iter().map(String::as_str);
        Ok(verify::lines(key, head, lines))
    }
}

impl Sink for StoreSink {
    fn note(&self, record: Record) {
        self.queue.note(record);
    }

    fn state(&self) -> Result<(), SinkFull> {
        self.queue.room()
    }
}

/// What waits is still written, if the runtime lives long enough: [`StoreSink::close`]
/// makes sure of it.
impl Drop for StoreSink {
    fn drop(&mut self) {
        self.queue.close();
    }
}

async fn head(journal: &dyn Journal, key: &ChainKey) -> Result<Head, StoreError> {
    match journal.journal_end().await? {
        None => Ok(Head {
            before: Link::START,
            last: Link::START,
        }),
        Some(end) => Head::open(key, &end.head).ok_or_else(|| {
            StoreError::Corrupt("it was written with another key, or tampered with".to_owned())
        }),
    }
}

/// The thread that writes.
struct Writing {
    journal: Arc<dyn Journal>,
    key: ChainKey,
    head: Head,
    keep: u64,
    runtime: Handle,
    /// What is not in the journal yet.
    pending: Vec<Record>,
}

impl Writing {
    fn work(&mut self, queue: &Queue) {
        let mut failing = false;
        loop {
            match queue.take(failing.then_some(AGAIN)) {
                Work::Records(records) => self.pending.extend(records),
                Work::Nothing => {}
                Work::Closed if self.pending.is_empty() || failing => return,
                Work::Closed => {}
            }
            match self.runtime.clone().block_on(self.write()) {
                Ok(()) => {
                    failing = false;
                    queue.written();
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "the audit log cannot be written");
                    }
                    failing = true;
                    queue.failed();
                }
            }
        }
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        while !self.pending.is_empty() {
            let mut head = self.head;
            let lines = self.pending.iter().map(|record| {
                let (line, link) = next(&self.key, head.last, &members(record));
                head.last = link;
                line
            });
            let lines: Vec<_> = lines.collect();
            let behind = self.head.last.seq;
            let sealed = head.sealed(&self.key);
            match self.journal.append(behind, lines, sealed).await {
                Ok(()) => {
                    self.head = head;
                    self.pending.clear();
                }
                Err(StoreError::Conflict(Conflict::Changed)) => {
                    self.head = self::head(&*self.journal, &self.key).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.forget_oldest().await
    }

    async fn forget_oldest(&mut self) -> Result<(), StoreError> {
        let Head { before, last } = self.head;
        let there = last.seq.saturating_sub(before.seq);
        if there <= self.keep.saturating_add(u64::from(PAGE)) {
            return Ok(());
        }
        let up_to = last.seq.saturating_sub(self.keep);
        let lines = self
            .journal
            .journal_lines(up_to.saturating_sub(1), 1)
            .await?;
        let newest_gone = lines.first().filter(|line| line.seq == up_to);
        let Some((_, mac)) = newest_gone.and_then(|line| split(&line.text)) else {
            return Ok(());
        };
        let head = Head {
            before: Link { seq: up_to, mac },
            last,
        };
        let sealed = head.sealed(&self.key);
        match self.journal.forget_lines(up_to, last.seq, sealed).await {
            Ok(_) => {
                self.head = head;
                Ok(())
            }
            // Another process has added lines; there is time.
            Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_audit::verify::Damage;
    use countersign_store::MemoryStore;

    use super::*;

    fn key() -> ChainKey {
        ChainKey::new(&[7; 32])
    }

    async fn sink(journal: &Arc<MemoryStore>, keep: u64) -> StoreSink {
        let journal: Arc<dyn Journal> = journal.clone();
        StoreSink::start(journal, key(), OnFull::Refuse, keep)
            .await
            .unwrap()
    }

    fn note(sink: &StoreSink, count: u64) {
        for number in 0..count {
            sink.note(Record::new("e", "s", number));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn f20_two_processes_write_one_chain_in_the_store() {
        let journal = Arc::new(MemoryStore::new());
        let (one, other) = (sink(&journal, 1 << 20).await, sink(&journal, 1 << 20).await);
        for _ in 0..50 {
            note(&one, 3);
            note(&other, 2);
        }
        one.close().await;
        other.close().await;
        let report = StoreSink::verify(&*journal, &key()).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        assert_eq!(report.lines, 250);
        let again = sink(&journal, 1 << 20).await;
        note(&again, 1);
        again.close().await;
        let report = StoreSink::verify(&*journal, &key()).await.unwrap();
        assert!(report.is_intact() && report.lines == 251, "{report:?}");
        let stranger = ChainKey::new(&[8; 32]);
        let journal: Arc<dyn Journal> = journal;
        StoreSink::start(journal, stranger, OnFull::Refuse, 1)
            .await
            .unwrap_err();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn f20_the_oldest_go_and_what_somebody_else_took_away_is_missed() {
        let journal = Arc::new(MemoryStore::new());
        for _ in 0..4 {
            let sink = sink(&journal, 100).await;
            note(&sink, 500);
            sink.close().await;
        }
        let report = StoreSink::verify(&*journal, &key()).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        assert!(report.lines < 1_500, "{report:?}");
        assert_eq!(report.last.unwrap().seq, 2_000);
        let end = journal.journal_end().await.unwrap().unwrap();
        journal.forget_lines(1_990, 2_000, end.head).await.unwrap();
        let report = StoreSink::verify(&*journal, &key()).await.unwrap();
        let from = report.first.unwrap().seq;
        assert_eq!(from, 1_991);
        let damage = &report.findings[0].damage;
        assert!(
            matches!(damage, Damage::Missing { to: 1_990, .. }),
            "{damage}"
        );
    }

    /// The same lines in another store, changed by somebody without the key.
    async fn altered(
        journal: &MemoryStore,
        change: impl FnOnce(&mut Vec<String>),
    ) -> Arc<MemoryStore> {
        let end = journal.journal_end().await.unwrap().unwrap();
        let lines = journal.journal_lines(0, PAGE).await.unwrap();
        let mut lines = lines.into_iter().map(|line| line.text).collect();
        change(&mut lines);
        let other = Arc::new(MemoryStore::new());
        other.append(0, lines, end.head).await.unwrap();
        other
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn f20_each_line_that_is_edited_removed_or_moved_in_the_store_is_found() {
        let journal = Arc::new(MemoryStore::new());
        let sink = sink(&journal, 100).await;
        note(&sink, 6);
        sink.close().await;
        let same = altered(&journal, |_| ()).await;
        let report = StoreSink::verify(&*same, &key()).await.unwrap();
        assert!(report.is_intact(), "{report:?}");
        for at in 0..6_usize {
            for kind in 0..4 {
                let changed = altered(&journal, |lines| match kind {
                    0 => lines[at] = lines[at].replacen("\"event\":\"e", "\"event\":\"f", 1),
                    1 => drop(lines.remove(at)),
                    2 => lines.swap(at, (at + 1) % 6),
                    _ => lines.insert(at, lines[at].clone()),
                });
                let report = StoreSink::verify(&*changed.await, &key()).await.unwrap();
                assert!(!report.is_intact(), "line {at}, change {kind}");
            }
        }
    }
}
