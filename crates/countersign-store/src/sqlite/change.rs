//! Writing, redeeming, revoking and touching records.

use countersign_oauth::UnixTime;
use sqlx::SqliteConnection;

use super::failure::{Failure, StoreFailure};
use super::row::{
    LIVE, Stored, bind, digest_of_record, from_column, read, select, spent_status, to_column,
};
use super::writer::{Durability, Step, Work};
use crate::{Conflict, Found, GrantId, Key, Kind, Record, Sealed, Status, StoreError, Write};

/// [`crate::Store::write`].
pub(super) struct WriteAll {
    pub(super) writes: Vec<Write>,
    pub(super) now: UnixTime,
}

impl Work for WriteAll {
    type Answer = ();
    const DURABILITY: Durability = Durability::Power;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, ()> {
        Box::pin(async move {
            let mut change = Change::new(connection, self.now);
            change.write_all(&self.writes).await
        })
    }
}

/// [`crate::Store::redeem`].
pub(super) struct Redeem {
    pub(super) key: Key,
    pub(super) writes: Vec<Write>,
    pub(super) receipt: Option<Sealed>,
    pub(super) now: UnixTime,
}

impl Work for Redeem {
    type Answer = Found;
    const DURABILITY: Durability = Durability::Power;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, Found> {
        Box::pin(async move {
            let Some(stored) = find(connection, &self.key).await? else {
                return Ok(Found::Absent);
            };
            let position = stored.position;
            let found = Found::judge(Some(stored.record), self.now);
            if !matches!(found, Found::Live(_)) {
                return Ok(found);
            }
            sqlx::query("UPDATE records SET status = ?1, receipt = ?2 WHERE position = ?3")
                .bind(spent_status("used", self.now))
                .bind(
                    self.receipt
                        .as_ref()
                        .map(|sealed| sealed.as_bytes().to_vec()),
                )
                .bind(position)
                .execute(&mut *connection)
                .await?;
            crate::points::reach("redeem:used");
            let mut change = Change::new(connection, self.now);
            change.wrote = true;
            change.write_all(&self.writes).await?;
            crate::points::reach("redeem:successors");
            Ok(found)
        })
    }
}

/// [`crate::Store::revoke_grant`].
pub(super) struct Revoke {
    pub(super) grant: GrantId,
    pub(super) now: UnixTime,
}

impl Work for Revoke {
    type Answer = u64;
    const DURABILITY: Durability = Durability::Power;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, u64> {
        Box::pin(async move {
            let Some((position, _)) = grant_end(connection, &self.grant).await? else {
                return Ok(0);
            };
            let status = spent_status("revoked", self.now);
            let live = sqlx::query(
                "UPDATE records SET status = ?1 \
                 WHERE (position = ?2 OR grant_position = ?2) AND status = 'live'",
            )
            .bind(status.clone())
            .bind(position)
            .execute(&mut *connection)
            .await?
            .rows_affected();
            crate::points::reach("revoke:some");
            sqlx::query(
                "UPDATE records SET status = ?1, receipt = NULL \
                 WHERE (position = ?2 OR grant_position = ?2) AND status GLOB 'used *'",
            )
            .bind(status)
            .bind(position)
            .execute(&mut *connection)
            .await?;
            Ok(live)
        })
    }
}

/// [`crate::Store::touch`].
pub(super) struct Touch {
    pub(super) key: Key,
    pub(super) extend_to: Option<UnixTime>,
    pub(super) now: UnixTime,
}

impl Work for Touch {
    type Answer = bool;
    const DURABILITY: Durability = Durability::Process;

    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, bool> {
        Box::pin(async move { touch(connection, &self.key, self.extend_to, self.now).await })
    }
}

async fn touch(
    connection: &mut SqliteConnection,
    key: &Key,
    extend_to: Option<UnixTime>,
    now: UnixTime,
) -> Result<bool, Failure> {
    let stored = find(connection, key).await?;
    let Some(mut stored) = stored.filter(|stored| stored.record.is_live(now)) else {
        return Ok(false);
    };
    let grant_end = match (&stored.record.grant, extend_to) {
        (Some(grant), Some(_)) => grant_end(connection, grant).await?.and_then(|(_, end)| end),
        _ => None,
    };
    touch_found(connection, &mut stored, extend_to, grant_end, now).await?;
    Ok(true)
}

/// Touches a live record; what is stored, and `stored`, say it then.
async fn touch_found(
    connection: &mut SqliteConnection,
    Stored { position, record }: &mut Stored,
    extend_to: Option<UnixTime>,
    grant_end: Option<UnixTime>,
    now: UnixTime,
) -> Result<(), Failure> {
    let before = (record.last_used_at, record.expires_at);
    record.touch(extend_to, grant_end, now);
    if (record.last_used_at, record.expires_at) == before {
        return Ok(());
    }
    sqlx::query(
        "UPDATE records SET last_used_at = ?1, expires_at = ?2, digest = ?3 WHERE position = ?4",
    )
    .bind(record.last_used_at.map(to_column))
    .bind(record.expires_at.map(to_column))
    .bind(digest_of_record(record).to_vec())
    .bind(*position)
    .execute(connection)
    .await?;
    Ok(())
}

/// The changes of one call, inside a transaction.
struct Change<'c> {
    connection: &'c mut SqliteConnection,
    now: UnixTime,
    /// Whether something must be undone if the rest is refused.
    wrote: bool,
    /// The live grant that was found or written last, as it is now: most of what a call
    /// writes hangs on one, or is one. Each look at the database is a change of threads.
    grant: Option<Stored>,
}

impl<'c> Change<'c> {
    fn new(connection: &'c mut SqliteConnection, now: UnixTime) -> Self {
        Self {
            connection,
            now,
            wrote: false,
            grant: None,
        }
    }

    async fn write_all(&mut self, writes: &[Write]) -> Result<(), Failure> {
        for write in writes {
            match write {
                Write::Insert(record) => self.insert(record).await?,
                Write::Replace(record) => self.replace(record).await?,
                Write::Remove(key) => self.remove(key).await?,
                Write::Touch { key, extend_to } => self.touch(key, *extend_to).await?,
            }
            self.wrote = true;
        }
        Ok(())
    }

    async fn insert(&mut self, record: &Record) -> Result<(), Failure> {
        let grant = self.check(record).await?;
        let mut record = record.clone();
        record.version = 1;
        let inserted = bind(
            sqlx::query(
                "INSERT INTO records (state, subject, client, created_at, expires_at, \
                 last_used_at, version, body, sealed, digest, kind, id, grant_position, status) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
                 ON CONFLICT (kind, id) DO NOTHING",
            ),
            &record,
        )
        .bind(grant)
        .bind(LIVE)
        .execute(&mut *self.connection)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(self.refuse(Conflict::Exists));
        }
        crate::points::reach("insert:row");
        self.know_grant(inserted.last_insert_rowid(), record);
        Ok(())
    }

    async fn replace(&mut self, record: &Record) -> Result<(), Failure> {
        let grant = self.check(record).await?;
        let stored = find(self.connection, &record.key).await?.filter(|stored| {
            stored.record.is_live(self.now) && stored.record.version == record.version
        });
        let Some(before) = stored else {
            return Err(self.refuse(Conflict::Changed));
        };
        let position = before.position;
        let mut record = record.clone();
        record.created_at = before.record.created_at;
        record.version = record.version.saturating_add(1);
        bind(
            sqlx::query(
                "UPDATE records SET state = ?1, subject = ?2, client = ?3, created_at = ?4, \
                 expires_at = ?5, last_used_at = ?6, version = ?7, body = ?8, sealed = ?9, \
                 digest = ?10, grant_position = ?13 WHERE kind = ?11 AND id = ?12",
            ),
            &record,
        )
        .bind(grant)
        .execute(&mut *self.connection)
        .await?;
        crate::points::reach("replace:row");
        self.know_grant(position, record);
        Ok(())
    }

    async fn remove(&mut self, key: &Key) -> Result<(), Failure> {
        if key.kind() == Kind::Grant {
            return Err(self.refuse(StoreError::Invalid("a grant is revoked, not removed")));
        }
        sqlx::query("DELETE FROM records WHERE kind = ?1 AND id = ?2")
            .bind(key.kind().as_str())
            .bind(key.id().to_owned())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// The rules of every record, and the position of its grant, which must be live
    /// and end no earlier.
    async fn check(&mut self, record: &Record) -> Result<Option<i64>, Failure> {
        record.check().map_err(|error| self.refuse(error))?;
        let Some(id) = &record.grant else {
            return Ok(None);
        };
        let key = Key::grant(id);
        if self
            .grant
            .as_ref()
            .is_none_or(|known| known.record.key != key)
        {
            self.grant = find(self.connection, &key)
                .await?
                .filter(|grant| self.is_live(grant));
        }
        let Some(grant) = &self.grant else {
            return Err(self.refuse(Conflict::GrantNotLive));
        };
        if record.expires_at > grant.record.expires_at {
            return Err(self.refuse(StoreError::Invalid("a record outlives its grant")));
        }
        Ok(Some(grant.position))
    }

    async fn touch(&mut self, key: &Key, extend_to: Option<UnixTime>) -> Result<(), Failure> {
        let known = self.grant.as_mut();
        if let Some(grant) = known.filter(|grant| grant.record.key == *key) {
            return touch_found(self.connection, grant, extend_to, None, self.now).await;
        }
        touch(self.connection, key, extend_to, self.now).await?;
        Ok(())
    }

    /// `record` has been written at `position`.
    fn know_grant(&mut self, position: i64, mut record: Record) {
        if record.key.kind() == Kind::Grant {
            record.status = Status::Live;
            self.grant = Some(Stored { position, record }).filter(|grant| self.is_live(grant));
        }
    }

    fn is_live(&self, stored: &Stored) -> bool {
        stored.record.is_live(self.now)
    }

    fn refuse(&self, error: impl Into<StoreError>) -> Failure {
        Failure::refused(error, self.wrote)
    }
}

/// The record under `key`.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    key: &Key,
) -> Result<Option<Stored>, StoreFailure> {
    let row = sqlx::query(select!("WHERE r.kind = ?1 AND r.id = ?2"))
        .bind(key.kind().as_str())
        .bind(key.id().to_owned())
        .fetch_optional(connection)
        .await?;
    let stored = row.as_ref().map(read).transpose()?;
    if stored
        .as_ref()
        .is_some_and(|stored| stored.record.key != *key)
    {
        let reason = "an index leads to another record".to_owned();
        return Err(StoreError::Corrupt(reason).into());
    }
    Ok(stored)
}

/// Where a grant is, in whatever status, and when it ends.
async fn grant_end(
    connection: &mut SqliteConnection,
    grant: &GrantId,
) -> Result<Option<(i64, Option<UnixTime>)>, StoreFailure> {
    let row: Option<(i64, Option<i64>)> =
        sqlx::query_as("SELECT position, expires_at FROM records WHERE kind = 'grant' AND id = ?1")
            .bind(grant.as_str().to_owned())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(position, end)| (position, end.map(from_column))))
}

impl From<StoreFailure> for Failure {
    /// Nothing was written by a read, but what it found stands in the way.
    fn from(StoreFailure(error): StoreFailure) -> Self {
        Self { error, wrote: true }
    }
}
