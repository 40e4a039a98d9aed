//! A record as a row, with a digest over what was written.
//!
//! A flipped bit on the disk must not become a longer lifetime or another subject.
//! SQLite finds damage in its own structure, not in values, so every row carries the
//! digest of its values; the status, which bulk updates change, carries its own.

use countersign_oauth::UnixTime;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use super::failure::StoreFailure;
use crate::secret_hash::digest_of;
use crate::{
    ClientId, GrantId, GrantState, Key, Kind, Record, Sealed, Status, StoreError, Subject,
};

/// The columns in the order in which [`read`] expects them, from `records AS r`.
macro_rules! select {
    ($($rest:literal),+ $(,)?) => {
        concat!(
            "SELECT r.position, r.kind, r.id, ",
            "(SELECT g.id FROM records AS g WHERE g.position = r.grant_position), ",
            "r.state, r.subject, r.client, r.created_at, r.expires_at, r.last_used_at, ",
            "r.version, r.status, r.receipt, r.body, r.sealed, r.digest ",
            "FROM records AS r ",
            $($rest),+
        )
    };
}
pub(super) use select;

/// A statement with its parameters.
pub(super) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// A record and where it is.
pub(super) struct Stored {
    pub(super) position: i64,
    pub(super) record: Record,
}

/// The status of a record that can be used.
pub(super) const LIVE: &str = "live";

/// Reads a row of [`select!`] and compares it with its digest.
pub(super) fn read(row: &SqliteRow) -> Result<Stored, StoreFailure> {
    let kind: String = row.try_get(1)?;
    let kind = Kind::parse(&kind).ok_or_else(|| damaged("kind"))?;
    let state: Option<String> = row.try_get(4)?;
    let state = match state {
        None => None,
        Some(text) => Some(GrantState::parse(&text).ok_or_else(|| damaged("state"))?),
    };
    let receipt: Option<Vec<u8>> = row.try_get(12)?;
    let status: String = row.try_get(11)?;
    let status = read_status(&status, receipt).ok_or_else(|| damaged("status"))?;
    let mut record = Record::new(
        Key::danger_read_back(kind, row.try_get::<String, _>(2)?),
        from_column(row.try_get(7)?),
    );
    record.grant = row.try_get::<Option<String>, _>(3)?.map(GrantId::new);
    record.state = state;
    record.subject = row.try_get::<Option<String>, _>(5)?.map(Subject::new);
    record.client = row.try_get::<Option<String>, _>(6)?.map(ClientId::new);
    record.expires_at = row.try_get::<Option<i64>, _>(8)?.map(from_column);
    record.last_used_at = row.try_get::<Option<i64>, _>(9)?.map(from_column);
    record.version = u64::try_from(row.try_get::<i64, _>(10)?).map_err(|_| damaged("version"))?;
    record.status = status;
    record.body = row.try_get(13)?;
    record.sealed = row
        .try_get::<Option<Vec<u8>>, _>(14)?
        .map(Sealed::from_bytes);
    let digest: Vec<u8> = row.try_get(15)?;
    if digest != digest_of_record(&record) {
        return Err(damaged("digest").into());
    }
    Ok(Stored {
        position: row.try_get(0)?,
        record,
    })
}

/// Binds what an insertion and a replacement write, as parameters 1 to 12: state,
/// subject, client, created_at, expires_at, last_used_at, version, body, sealed,
/// digest, kind, id.
pub(super) fn bind(query: Query, record: &Record) -> Query {
    let optional = |text: Option<&str>| text.map(str::to_owned);
    query
        .bind(record.state.map(GrantState::as_str))
        .bind(optional(record.subject.as_ref().map(Subject::as_str)))
        .bind(optional(record.client.as_ref().map(ClientId::as_str)))
        .bind(to_column(record.created_at))
        .bind(record.expires_at.map(to_column))
        .bind(record.last_used_at.map(to_column))
        .bind(i64::try_from(record.version).unwrap_or(i64::MAX))
        .bind(record.body.clone())
        .bind(
            record
                .sealed
                .as_ref()
                .map(|sealed| sealed.as_bytes().to_vec()),
        )
        .bind(digest_of_record(record).to_vec())
        .bind(record.key.kind().as_str())
        .bind(record.key.id().to_owned())
}

/// The digest over everything but the status and its receipt.
pub(super) fn digest_of_record(record: &Record) -> [u8; 32] {
    let times = [
        Some(record.created_at),
        record.expires_at,
        record.last_used_at,
    ]
    .map(|time| time.map_or([0xff; 8], |time| to_column(time).to_be_bytes()));
    let optional = |text: Option<&str>| match text {
        None => Vec::new(),
        Some(text) => [b"=", text.as_bytes()].concat(),
    };
    digest_of(
        "countersign row 1",
        &[
            record.key.kind().as_str().as_bytes(),
            record.key.id().as_bytes(),
            &optional(record.grant.as_ref().map(GrantId::as_str)),
            &optional(record.state.map(GrantState::as_str)),
            &optional(record.subject.as_ref().map(Subject::as_str)),
            &optional(record.client.as_ref().map(ClientId::as_str)),
            times.as_flattened(),
            &record.version.to_be_bytes(),
            record.body.as_bytes(),
            record.sealed.as_ref().map_or(&[], Sealed::as_bytes),
        ],
    )
}

/// The text of a status that is spent, `used` or `revoked`, since `at`.
pub(super) fn spent_status(word: &'static str, at: UnixTime) -> String {
    let at = to_column(at).to_string();
    let digest = digest_of("countersign status 1", &[word.as_bytes(), at.as_bytes()]);
    let check: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{word} {at} {check}")
}

fn read_status(text: &str, receipt: Option<Vec<u8>>) -> Option<Status> {
    if text == LIVE {
        return Some(Status::Live);
    }
    let mut words = text.split(' ');
    let word = words.next()?;
    let at = UnixTime::from_secs(words.next()?.parse().ok()?);
    let (word, status) = match word {
        "used" => (
            "used",
            Status::Used {
                at,
                receipt: receipt.map(Sealed::from_bytes),
            },
        ),
        "revoked" => ("revoked", Status::Revoked { at }),
        _ => return None,
    };
    (text == spent_status(word, at)).then_some(status)
}

/// SQLite has no larger number; the time is beyond all lifetimes.
pub(super) fn to_column(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The time in a column. What is negative was never written.
pub(super) fn from_column(seconds: i64) -> UnixTime {
    UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn damaged(column: &str) -> StoreError {
    StoreError::Corrupt(format!("the {column} of a record is not what was written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_with_any_byte_changed_is_refused() {
        let at = UnixTime::from_secs(1_800_000_000);
        for word in ["used", "revoked"] {
            let good = spent_status(word, at);
            assert!(read_status(&good, None).is_some());
            for position in 0..good.len() {
                for bit in 0..7 {
                    let mut bytes = good.clone().into_bytes();
                    bytes[position] ^= 1 << bit;
                    let text = String::from_utf8(bytes).unwrap();
                    assert_eq!(read_status(&text, None), None, "{text:?}");
                }
            }
        }
        for bad in [
            "",
            "Live",
            "live ",
            "used",
            "used 1",
            "used 1 ",
            "revoked -1 00000000",
        ] {
            assert_eq!(read_status(bad, None), None, "{bad:?}");
        }
        assert_eq!(read_status(LIVE, None), Some(Status::Live));
    }

    #[test]
    fn the_digest_covers_every_field_but_the_status() {
        let mut record = Record::new(Key::client(&"c".into()), UnixTime::from_secs(1));
        let before = digest_of_record(&record);
        record.status = Status::Revoked {
            at: UnixTime::from_secs(2),
        };
        assert_eq!(digest_of_record(&record), before);
        let changes: [fn(&mut Record); 11] = [
            |record| record.key = Key::client(&"d".into()),
            |record| record.key = Key::account(&"c".into()),
            |record| record.grant = Some(GrantId::new("")),
            |record| record.state = Some(GrantState::Active),
            |record| record.subject = Some("".into()),
            |record| record.client = Some("".into()),
            |record| record.created_at = UnixTime::from_secs(2),
            |record| record.expires_at = Some(UnixTime::from_secs(0)),
            |record| record.last_used_at = Some(UnixTime::from_secs(0)),
            |record| record.body = "[]".to_owned(),
            |record| record.sealed = Some(Sealed::from_bytes(vec![0])),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = record.clone();
            change(&mut changed);
            assert_ne!(digest_of_record(&changed), before, "change {number}");
        }
    }
}
