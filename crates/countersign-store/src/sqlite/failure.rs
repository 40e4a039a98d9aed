//! What a failure of SQLite means for the caller.

use crate::StoreError;

/// Why a piece of work did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// Whether it left something in the transaction that must be undone.
    pub(super) wrote: bool,
}

impl Failure {
    /// A refusal after `wrote` says whether something was written.
    pub(super) fn refused(error: impl Into<StoreError>, wrote: bool) -> Self {
        Self {
            error: error.into(),
            wrote,
        }
    }
}

impl From<sqlx::Error> for Failure {
    /// After a failure of the database the transaction cannot be relied on.
    fn from(error: sqlx::Error) -> Self {
        Self {
            error: store_error(&error),
            wrote: true,
        }
    }
}

/// A [`StoreError`] that `?` makes of a failure of the database.
#[derive(Debug)]
pub(super) struct StoreFailure(pub(super) StoreError);

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        Self(store_error(&error))
    }
}

impl From<StoreError> for StoreFailure {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

/// The primary result code for a lock that another connection has.
pub(super) const BUSY: u32 = 5;

/// The primary result code of SQLite.
pub(super) fn code(error: &sqlx::Error) -> Option<u32> {
    let extended: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// The sentence for `error`. It never quotes a value: SQLite and sqlx quote the text of
/// statements at most, and ours have parameters.
pub(super) fn store_error(error: &sqlx::Error) -> StoreError {
    match code(error) {
        Some(BUSY | 6) => unavailable("another process holds the database locked"),
        Some(8) => unavailable("the database is read-only"),
        Some(10) => unavailable("reading or writing the database file failed"),
        Some(11) => corrupt("the database file is malformed"),
        Some(13) => unavailable("the disk, or the space allowed to the database, is full"),
        Some(14) => unavailable("the database file cannot be opened"),
        Some(23) => unavailable("the operating system denies access to the database"),
        Some(26) => corrupt("the file is not a database"),
        _ => match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                corrupt("a column is not of its type")
            }
            sqlx::Error::PoolTimedOut => unavailable("all readers of the database are busy"),
            sqlx::Error::PoolClosed => unavailable(CLOSED),
            other => unavailable(&other.to_string()),
        },
    }
}

/// What a store says after it was closed.
pub(super) const CLOSED: &str = "the store is closed";

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

fn corrupt(reason: &str) -> StoreError {
    StoreError::Corrupt(reason.to_owned())
}
