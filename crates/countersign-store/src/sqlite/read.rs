//! Listing and counting.

use countersign_oauth::UnixTime;
use sqlx::SqliteConnection;

use super::failure::StoreFailure;
use super::row::{Query, read, select, to_column};
use crate::index::SpentRecords;
use crate::{Cursor, Index, Listed, Page};

/// The records of an index after position ?3 that are live at ?4, with the spent ones if
/// ?6 is 1, and ?5 of them at most.
macro_rules! list {
    ($condition:literal) => {
        select!(
            "WHERE ",
            $condition,
            " AND r.position > ?3 AND CASE WHEN r.status = 'live' ",
            "THEN r.expires_at IS NULL OR r.expires_at > ?4 ELSE ?6 END ",
            "ORDER BY r.position LIMIT ?5"
        )
    };
}

/// The loose upstream tokens after position ?3 at ?4, and ?5 of them at most. No row of
/// those in use is looked at.
const LOOSE: &str = select!(
    "WHERE r.position IN (SELECT position FROM (",
    "SELECT position FROM records INDEXED BY upstream_tokens_loose ",
    "WHERE kind = 'upstream_tokens' AND (status <> 'live' OR grant_position IS NULL) ",
    "AND position > ?3 UNION ALL ",
    "SELECT position FROM records INDEXED BY upstream_tokens_ending ",
    "WHERE kind = 'upstream_tokens' AND status = 'live' AND grant_position IS NOT NULL ",
    "AND expires_at <= ?4 AND position > ?3",
    ") ORDER BY position LIMIT ?5) ORDER BY r.position"
);

/// How many records of an index are live at ?3, to ?4.
macro_rules! count {
    ($condition:literal) => {
        concat!(
            "SELECT count(*) FROM (SELECT 1 FROM records AS r WHERE ",
            $condition,
            " AND r.status = 'live' AND (r.expires_at IS NULL OR r.expires_at > ?3) LIMIT ?4)"
        )
    };
}

/// [`crate::Store::list`].
pub(super) async fn list(
    connection: &mut SqliteConnection,
    index: &Index,
    page: Page,
    now: UnixTime,
) -> Result<Listed, StoreFailure> {
    let after = page.after.map_or(0, Cursor::position);
    let length = page.length();
    let rows = bind_index(sqlx::query(list_statement(index)), index)
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(to_column(now))
        // One more than is listed tells whether there is a next page.
        .bind(i64::try_from(length).unwrap_or(i64::MAX).saturating_add(1))
        .bind(i64::from(page.spent == SpentRecords::Listed))
        .fetch_all(connection)
        .await?;
    let mut listed = Listed::default();
    let mut last = 0;
    for row in rows.iter().take(length) {
        let stored = read(row)?;
        last = stored.position;
        listed.records.push(stored.record);
    }
    if rows.len() > length {
        listed.next = Some(Cursor::after(u64::try_from(last).unwrap_or(0)));
    }
    Ok(listed)
}

/// [`crate::Store::count`].
pub(super) async fn count(
    connection: &mut SqliteConnection,
    index: &Index,
    most: u64,
    now: UnixTime,
) -> Result<u64, StoreFailure> {
    let row = bind_index(sqlx::query(count_statement(index)), index)
        .bind(to_column(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_one(connection)
        .await?;
    let count: i64 = sqlx::Row::try_get(&row, 0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Binds ?1 and ?2.
fn bind_index(query: Query, index: &Index) -> Query {
    match index {
        Index::Kind(kind) => query.bind(kind.as_str()).bind(None::<String>),
        Index::Subject(kind, subject) => query
            .bind(kind.as_str())
            .bind(Some(subject.as_str().to_owned())),
        Index::Client(kind, client) => query
            .bind(kind.as_str())
            .bind(Some(client.as_str().to_owned())),
        Index::Grant(grant) => query.bind(grant.as_str().to_owned()).bind(None::<String>),
        Index::LooseUpstreamTokens => query.bind(None::<String>).bind(None::<String>),
    }
}

pub(super) const fn list_statement(index: &Index) -> &'static str {
    match index {
        Index::Kind(_) => list!("r.kind = ?1"),
        Index::Subject(..) => list!("r.kind = ?1 AND r.subject = ?2"),
        Index::Client(..) => list!("r.kind = ?1 AND r.client = ?2"),
        Index::Grant(_) => list!(
            "r.grant_position = (SELECT position FROM records WHERE kind = 'grant' AND id = ?1)"
        ),
        Index::LooseUpstreamTokens => LOOSE,
    }
}

pub(super) const fn count_statement(index: &Index) -> &'static str {
    match index {
        Index::Kind(_) => count!("r.kind = ?1"),
        Index::Subject(..) => count!("r.kind = ?1 AND r.subject = ?2"),
        Index::Client(..) => count!("r.kind = ?1 AND r.client = ?2"),
        Index::Grant(_) => count!(
            "r.grant_position = (SELECT position FROM records WHERE kind = 'grant' AND id = ?1)"
        ),
        Index::LooseUpstreamTokens => {
            count!("r.kind = 'upstream_tokens' AND r.grant_position IS NULL")
        }
    }
}

/// Reads every row, and with it compares it with its digest.
pub(super) async fn check_rows(connection: &mut SqliteConnection) -> Result<(), StoreFailure> {
    let mut after = 0;
    loop {
        let rows = sqlx::query(select!(
            "WHERE r.position > ?1 ORDER BY r.position LIMIT 1000"
        ))
        .bind(after)
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            after = read(row)?.position;
        }
    }
}
