//! One file for one machine: the default of the embedded server.
//!
//! The database is in WAL mode. One task writes (`writer.rs`), a few connections read,
//! and processes that share the file take turns by its lock. Every row is compared with
//! its digest when it is read (`row.rs`).

mod change;
mod counters;
mod failure;
mod file;
mod journal;
mod mounts;
mod open;
#[cfg(test)]
mod plan_tests;
mod purge;
mod read;
mod row;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_oauth::{Lifetime, UnixTime};
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePool;
use tokio::task::JoinHandle;

use change::{Redeem, Revoke, Touch, WriteAll};
use counters::{ForgetHits, Hit};
use failure::{CLOSED, StoreFailure};
use file::FileIdentity;
use purge::{PurgeStep, Sweep};
use writer::{Work, Writer};

use crate::{
    CounterKey, Found, GrantId, Hits, Index, Key, Kind, Listed, Page, Sealed, Store, StoreError,
    StoreFuture, Write,
};

/// How a database is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// What to do if there is no such file.
    pub if_missing: IfMissing,
    /// Who may enter the folder that the file is in.
    pub folder: Folder,
    /// How long a call waits for another process that holds the lock, or for a reader.
    pub busy_timeout: Duration,
    /// How many calls read at the same time.
    pub readers: u32,
    /// How large the file may become, in bytes; without, until the disk is full.
    pub largest: Option<u64>,
}

/// What to do if the database is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IfMissing {
    /// Make an empty one, for its owner alone.
    Create,
    /// Refuse, where an empty database would hide that the real one is gone.
    Refuse,
}

/// Who may enter the folder of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Folder {
    /// Its owner alone: mode 0700.
    OwnerOnly,
    /// Others too, but only the owner may write to it, such as the folder in which a
    /// program is developed. The files themselves are for the owner alone in any case.
    OwnerWrites,
}

impl SqliteOptions {
    /// The database at `path`, made if it is missing, in a folder for its owner alone.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            if_missing: IfMissing::Create,
            folder: Folder::OwnerOnly,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            largest: None,
        }
    }

    /// Says what to do if the database is missing.
    #[must_use]
    pub fn if_missing(mut self, if_missing: IfMissing) -> Self {
        self.if_missing = if_missing;
        self
    }

    /// Says who may enter the folder.
    #[must_use]
    pub fn folder(mut self, folder: Folder) -> Self {
        self.folder = folder;
        self
    }

    /// Limits how long a call waits for a lock.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Limits the file to `bytes`.
    #[must_use]
    pub fn largest(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }
}

/// Why a database cannot be opened. Its text names the file and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the database {path} cannot be opened: {reason}")]
#[non_exhaustive]
pub struct OpenError {
    /// Which file or folder.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl OpenError {
    fn at(path: &Path, reason: &str) -> Self {
        Self {
            path: path.display().to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// A store in one SQLite file.
pub struct SqliteStore {
    writer: Mutex<Option<(Writer, JoinHandle<()>)>>,
    readers: SqlitePool,
    identity: FileIdentity,
}

impl SqliteStore {
    /// Opens the database at `path` as [`SqliteOptions::new`] says. Must be called
    /// inside a Tokio runtime, which does the writing from then on.
    ///
    /// # Errors
    ///
    /// [`OpenError`], whose text is meant for whoever starts the server.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::open_with(SqliteOptions::new(path)).await
    }

    /// Opens a database as `options` say.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`].
    pub async fn open_with(options: SqliteOptions) -> Result<Self, OpenError> {
        let opened = open::open(&options).await?;
        Ok(Self {
            writer: Mutex::new(Some(Writer::start(
                opened.connections,
                opened.identity.clone(),
            ))),
            readers: opened.readers,
            identity: opened.identity,
        })
    }

    /// Finishes what is waiting, then lets go of the file. Calls that come later are
    /// answered [`StoreError::Unavailable`].
    pub async fn close(&self) {
        let taken = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.readers.close().await;
        if let Some((writer, task)) = taken {
            drop(writer);
            // A task that was aborted with its runtime has nothing left to finish.
            let _ = task.await;
        }
    }

    /// Compares every page, index and row of the database with what it should be.
    /// Takes as long as reading all of the file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] with the first thing found.
    pub async fn check_integrity(&self) -> Result<(), StoreError> {
        let mut reader = self.reader().await?;
        let integrity = async {
            let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
                .fetch_one(&mut *reader)
                .await?;
            if found != "ok" {
                return Err(StoreFailure(StoreError::Corrupt(found)));
            }
            read::check_rows(&mut reader).await
        };
        integrity.await.map_err(|StoreFailure(error)| error)
    }

    fn submit<W: Work>(&self, work: W) -> StoreFuture<'static, W::Answer> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*writer {
            Some((writer, _)) => writer.clone().submit(work),
            None => Box::pin(std::future::ready(Err(StoreError::Unavailable(
                CLOSED.to_owned(),
            )))),
        }
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.identity.check().map_err(StoreError::Unavailable)?;
        self.readers
            .acquire()
            .await
            .map_err(|error| failure::store_error(&error))
    }
}

impl Store for SqliteStore {
    fn write(&self, writes: Vec<Write>, now: UnixTime) -> StoreFuture<'_, ()> {
        self.submit(WriteAll { writes, now })
    }

    fn get<'a>(&'a self, key: &'a Key, now: UnixTime) -> StoreFuture<'a, Found> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            let stored = change::find(&mut reader, key)
                .await
                .map_err(|StoreFailure(error)| error)?;
            Ok(Found::judge(stored.map(|stored| stored.record), now))
        })
    }

    fn redeem<'a>(
        &'a self,
        key: &'a Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> StoreFuture<'a, Found> {
        if key.kind() == Kind::Grant {
            let error = StoreError::Invalid("a grant is revoked, not redeemed");
            return Box::pin(std::future::ready(Err(error)));
        }
        self.submit(Redeem {
            key: key.clone(),
            writes,
            receipt,
            now,
        })
    }

    fn revoke_grant<'a>(&'a self, grant: &'a GrantId, now: UnixTime) -> StoreFuture<'a, u64> {
        self.submit(Revoke {
            grant: grant.clone(),
            now,
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a Key,
        extend_to: Option<UnixTime>,
        now: UnixTime,
    ) -> StoreFuture<'a, bool> {
        self.submit(Touch {
            key: key.clone(),
            extend_to,
            now,
        })
    }

    fn hit<'a>(
        &'a self,
        counter: &'a CounterKey,
        window: Lifetime,
        now: UnixTime,
    ) -> StoreFuture<'a, Hits> {
        self.submit(Hit {
            counter: counter.clone(),
            window,
            now,
        })
    }

    fn hits<'a>(&'a self, counter: &'a CounterKey, now: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            counters::read_hits(&mut reader, counter, now)
                .await
                .map_err(|StoreFailure(error)| error)
        })
    }

    fn forget_hits<'a>(&'a self, counter: &'a CounterKey) -> StoreFuture<'a, ()> {
        self.submit(ForgetHits {
            counter: counter.clone(),
        })
    }

    fn list<'a>(&'a self, index: &'a Index, page: Page, now: UnixTime) -> StoreFuture<'a, Listed> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            read::list(&mut reader, index, page, now)
                .await
                .map_err(|StoreFailure(error)| error)
        })
    }

    fn count<'a>(&'a self, index: &'a Index, most: u64, now: UnixTime) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            read::count(&mut reader, index, most, now)
                .await
                .map_err(|StoreFailure(error)| error)
        })
    }

    fn purge(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut purged = 0;
            for sweep in Sweep::ALL {
                loop {
                    let taken = self.submit(PurgeStep { sweep, now }).await?;
                    if !matches!(sweep, Sweep::Counters) {
                        purged += taken;
                    }
                    if taken < purge::STEP {
                        break;
                    }
                }
            }
            Ok(purged)
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.identity)
            .finish_non_exhaustive()
    }
}
