//! Records as lines of JSON in a file, chained so that no line can be changed, removed or
//! moved unseen.
//!
//! A thread writes; whoever notes only hands over. What is noted until the process ends
//! in order is written; what a kill or a power cut can take away are the records of the
//! last moment, and nothing that was written before.

mod files;
pub(crate) mod place;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_oauth::Lifetime;

use crate::chain::ChainKey;
use crate::queue::{OnFull, Queue, Work};
use crate::{Record, Sink, SinkFull, owner_only};
use files::Files;
use place::Place;

/// How long to wait before writing is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// When a file is full, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    pub(crate) age: Lifetime,
    pub(crate) files: usize,
}

/// Why a log cannot be written. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody else writes it.
    #[error("another process writes the audit log `{0}`: give each process a log of its own")]
    Taken(PathBuf),
    /// A file of it cannot be used.
    #[error("the audit log `{0}` cannot be opened: {1}")]
    Unusable(PathBuf, #[source] io::Error),
}

/// A log in files, under construction.
#[derive(Clone, Debug)]
#[must_use = "nothing is written before it is opened"]
pub struct JsonLinesBuilder {
    log: PathBuf,
    key: Option<PathBuf>,
    limits: Limits,
    most: usize,
    on_full: OnFull,
}

impl JsonLinesBuilder {
    /// The file of the key, if it is not beside the log: 64 hexadecimal digits, made at
    /// the first start. Whoever can read it can write a log that looks untouched, so
    /// another owner or another machine is a better place.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(path.into());
        self
    }

    /// A file of so many bytes is full; 64 MiB unless said otherwise.
    pub const fn rotate_at_bytes(mut self, bytes: u64) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// A file whose first line is so old is full, by the times of its records; a day
    /// unless said otherwise.
    pub const fn rotate_after(mut self, age: Lifetime) -> Self {
        self.limits.age = age;
        self
    }

    /// How many full files are kept; 90 unless said otherwise. Older ones are deleted.
    pub const fn keep_files(mut self, files: usize) -> Self {
        self.limits.files = files;
        self
    }

    /// How many records may wait to be written; 8,192 unless said otherwise. Twice as
    /// many find a place before any is lost.
    pub const fn room(mut self, records: usize) -> Self {
        self.most = records;
        self
    }

    /// What happens when there is no room, or nothing can be written;
    /// [`OnFull::Refuse`] unless said otherwise.
    pub const fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Opens the log and goes on where it ends; begins it, with a new key, if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what to do.
    pub fn open(self) -> Result<JsonLines, OpenError> {
        let place = Place::new(self.log, self.key);
        let log = place.log.clone();
        let unusable = |error| OpenError::Unusable(log.clone(), error);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let lock = owner_only::open(&mut options, &place.lock()).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Taken(log)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let files = Files::open(place, self.limits).map_err(unusable)?;
        let queue = Arc::new(Queue::new(self.most, self.on_full));
        let work = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("audit".to_owned());
        let writing = thread
            .spawn(move || {
                let _until_the_end = lock;
                write(files, &work);
            })
            .map_err(unusable)?;
        Ok(JsonLines {
            queue,
            writing: Some(writing),
        })
    }
}

/// The key in the file `path`, made if there is none: 64 hexadecimal digits, for its owner
/// alone.
///
/// # Errors
///
/// If the file cannot be read or made, or others may read it.
pub fn key_file(path: impl Into<PathBuf>) -> io::Result<ChainKey> {
    Place::new(PathBuf::new(), Some(path.into())).chain_key(true)
}

/// The key in the file `path`, which must be there.
///
/// # Errors
///
/// If there is none, or it cannot be read.
pub fn existing_key_file(path: impl Into<PathBuf>) -> io::Result<ChainKey> {
    Place::new(PathBuf::new(), Some(path.into())).chain_key(false)
}

/// Writes each record as a line of JSON to a file. See [`JsonLines::at`].
///
/// ```
/// use countersign_audit::{JsonLines, Record, Sink, verify};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("audit.jsonl");
/// let log = JsonLines::at(&path).open()?;
/// log.note(Record::new("logged_in", "a person logged in", 1_900_000_000_000).subject("alice"));
/// drop(log); // writes what is left
///
/// let report = verify::files(&path, None)?;
/// assert!(report.is_intact());
/// assert_eq!(report.lines, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    queue: Arc<Queue>,
    writing: Option<JoinHandle<()>>,
}

impl JsonLines {
    /// The log whose newest lines are in the file `path`; beside it are older files, the
    /// key and what says where the log ends.
    pub fn at(path: impl Into<PathBuf>) -> JsonLinesBuilder {
        JsonLinesBuilder {
            log: path.into(),
            key: None,
            limits: Limits {
                bytes: 64 * 1024 * 1024,
                age: Lifetime::from_hours(24),
                files: 90,
            },
            most: 8_192,
            on_full: OnFull::default(),
        }
    }

    /// Waits until what was noted is written; false if it cannot be just now. It blocks
    /// its thread.
    pub fn flush(&self) -> bool {
        self.queue.flush()
    }
}

impl Sink for JsonLines {
    fn note(&self, record: Record) {
        self.queue.note(record);
    }

    fn state(&self) -> Result<(), SinkFull> {
        self.queue.room()
    }
}

/// Writes what is left.
impl Drop for JsonLines {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writing) = self.writing.take() {
            // It panicked or not: there is nothing left to do.
            let _ = writing.join();
        }
    }
}

fn write(mut files: Files, queue: &Queue) {
    let mut failing = false;
    loop {
        let outcome = match queue.take(failing.then_some(AGAIN)) {
            Work::Records(records) => files.write(records),
            Work::Nothing => files.commit(),
            Work::Closed => {
                if failing && let Err(error) = files.commit() {
                    tracing::error!(%error, "the end of the audit log was not written");
                }
                return;
            }
        };
        match outcome {
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
