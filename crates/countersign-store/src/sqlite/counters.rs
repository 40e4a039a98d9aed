//! Counters that throttle.

use countersign_oauth::{Lifetime, UnixTime};
use sqlx::SqliteConnection;

use super::failure::StoreFailure;
use super::row::{from_column, to_column};
use super::writer::{Durability, Step, Work};
use crate::{CounterKey, Hits};

/// [`crate::Store::hit`].
pub(super) struct Hit {
    pub(super) counter: CounterKey,
    pub(super) window: Lifetime,
    pub(super) now: UnixTime,
}

impl Work for Hit {
    type Answer = Hits;
    const DURABILITY: Durability = Durability::Process;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, Hits> {
        Box::pin(async move {
            let (count, until): (i64, i64) = sqlx::query_as(
                "INSERT INTO counters (id, count, until) VALUES (?1, 1, ?2) \
                 ON CONFLICT (id) DO UPDATE SET \
                 count = CASE WHEN until > ?3 THEN count + 1 ELSE 1 END, \
                 until = CASE WHEN until > ?3 THEN min(until, excluded.until) ELSE excluded.until END \
                 RETURNING count, until",
            )
            .bind(self.counter.as_str().to_owned())
            .bind(to_column(self.now.saturating_add(self.window)))
            .bind(to_column(self.now))
            .fetch_one(connection)
            .await?;
            Ok(hits(count, until))
        })
    }
}

/// [`crate::Store::forget_hits`].
pub(super) struct ForgetHits {
    pub(super) counter: CounterKey,
}

impl Work for ForgetHits {
    type Answer = ();
    const DURABILITY: Durability = Durability::Process;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM counters WHERE id = ?1")
                .bind(self.counter.as_str().to_owned())
                .execute(connection)
                .await?;
            Ok(())
        })
    }
}

/// [`crate::Store::hits`].
pub(super) async fn read_hits(
    connection: &mut SqliteConnection,
    counter: &CounterKey,
    now: UnixTime,
) -> Result<Option<Hits>, StoreFailure> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT count, until FROM counters WHERE id = ?1 AND until > ?2")
            .bind(counter.as_str().to_owned())
            .bind(to_column(now))
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(count, until)| hits(count, until)))
}

fn hits(count: i64, until: i64) -> Hits {
    Hits {
        count: u64::try_from(count).unwrap_or(0),
        until: from_column(until),
    }
}
