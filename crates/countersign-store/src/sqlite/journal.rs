//! The journal in the database.

use sqlx::SqliteConnection;

use super::SqliteStore;
use super::failure::{Failure, StoreFailure};
use super::writer::{Durability, Step, Work};
use crate::journal::{Journal, JournalEnd, JournalLine};
use crate::{Conflict, StoreFuture};

/// [`Journal::append`].
struct Append {
    last: u64,
    lines: Vec<String>,
    head: String,
}

impl Work for Append {
    type Answer = ();
    const DURABILITY: Durability = Durability::Power;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, ()> {
        Box::pin(async move {
            check_end(connection, self.last).await?;
            let mut seq = self.last;
            for line in &self.lines {
                seq = seq.saturating_add(1);
                sqlx::query("INSERT INTO journal (seq, line) VALUES (?1, ?2)")
                    .bind(column(seq))
                    .bind(line.clone())
                    .execute(&mut *connection)
                    .await?;
            }
            put_end(connection, seq, &self.head).await
        })
    }
}

/// [`Journal::forget_lines`].
struct Forget {
    up_to: u64,
    last: u64,
    head: String,
}

impl Work for Forget {
    type Answer = u64;
    const DURABILITY: Durability = Durability::Power;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, u64> {
        Box::pin(async move {
            check_end(connection, self.last).await?;
            let gone = sqlx::query("DELETE FROM journal WHERE seq <= ?1")
                .bind(column(self.up_to))
                .execute(&mut *connection)
                .await?;
            put_end(connection, self.last, &self.head).await?;
            Ok(gone.rows_affected())
        })
    }
}

async fn check_end(connection: &mut SqliteConnection, last: u64) -> Result<(), Failure> {
    let ours: Option<(i64,)> = sqlx::query_as("SELECT last FROM journal_end")
        .fetch_optional(connection)
        .await?;
    if ours.map_or(0, |(ours,)| ours) == column(last) {
        return Ok(());
    }
    Err(Failure::refused(Conflict::Changed, false))
}

async fn put_end(connection: &mut SqliteConnection, last: u64, head: &str) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO journal_end (id, last, head) VALUES (1, ?1, ?2) \
         ON CONFLICT (id) DO UPDATE SET last = excluded.last, head = excluded.head",
    )
    .bind(column(last))
    .bind(head.to_owned())
    .execute(connection)
    .await?;
    Ok(())
}

fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

impl Journal for SqliteStore {
    fn journal_end(&self) -> StoreFuture<'_, Option<JournalEnd>> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            let end: Option<(i64, String)> = sqlx::query_as("SELECT last, head FROM journal_end")
                .fetch_optional(&mut *reader)
                .await
                .map_err(|error| StoreFailure::from(error).0)?;
            Ok(end.map(|(last, head)| JournalEnd {
                last: number(last),
                head,
            }))
        })
    }

    fn append(&self, last: u64, lines: Vec<String>, head: String) -> StoreFuture<'_, ()> {
        self.submit(Append { last, lines, head })
    }

    fn journal_lines(&self, behind: u64, most: u32) -> StoreFuture<'_, Vec<JournalLine>> {
        Box::pin(async move {
            let mut reader = self.reader().await?;
            let lines: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, line FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )
            .bind(column(behind))
            .bind(i64::from(most))
            .fetch_all(&mut *reader)
            .await
            .map_err(|error| StoreFailure::from(error).0)?;
            let lines = lines.into_iter().map(|(seq, text)| JournalLine {
                seq: number(seq),
                text,
            });
            Ok(lines.collect())
        })
    }

    fn forget_lines(&self, up_to: u64, last: u64, head: String) -> StoreFuture<'_, u64> {
        self.submit(Forget { up_to, last, head })
    }
}
