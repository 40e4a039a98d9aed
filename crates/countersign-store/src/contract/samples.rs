//! Records as the authorization server writes them.

use countersign_oauth::{Secret, UnixTime};

use super::Violation;
use crate::{Conflict, Found, GrantId, GrantState, Key, Record, SecretHash, StoreError, Write};

/// The time at which cases begin.
pub const STANDARD_NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// `seconds` after [`STANDARD_NOW`].
pub(super) fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(STANDARD_NOW.as_secs() + seconds)
}

/// The hash of the secret `text`.
pub fn hash(text: &str) -> SecretHash {
    SecretHash::of(&Secret::new(text))
}

/// An active grant that ends 1,000 seconds after [`STANDARD_NOW`].
pub fn grant(id: &str) -> Record {
    Record::new(Key::grant(&GrantId::new(id)), STANDARD_NOW)
        .in_state(GrantState::Active)
        .about("user".into())
        .of_client("client".into())
        .expiring(at(1000))
}

/// A code of `grant`, good for 60 seconds.
pub fn code(text: &str, grant: &str) -> Record {
    Record::new(Key::authorization_code(hash(text)), STANDARD_NOW)
        .in_grant(GrantId::new(grant))
        .expiring(at(60))
}

/// A refresh token of `grant`, as long as the grant.
pub fn refresh_token(text: &str, grant: &str) -> Record {
    Record::new(Key::refresh_token(hash(text)), STANDARD_NOW)
        .in_grant(GrantId::new(grant))
        .expiring(at(1000))
}

/// An access token of `grant`, good for 300 seconds.
pub fn access_token(text: &str, grant: &str) -> Record {
    Record::new(Key::access_token(hash(text)), STANDARD_NOW)
        .in_grant(GrantId::new(grant))
        .about("user".into())
        .of_client("client".into())
        .expiring(at(300))
}

/// A client without an end.
pub(super) fn client(id: &str) -> Record {
    Record::new(Key::client(&id.into()), STANDARD_NOW)
}

/// The insertion of each of `records`.
pub(super) fn insert(records: impl IntoIterator<Item = Record>) -> Vec<Write> {
    records.into_iter().map(Write::Insert).collect()
}

/// The record that must be live.
pub(super) fn live(found: Found) -> Result<Record, Violation> {
    match found {
        Found::Live(record) => Ok(record),
        other => Err(Violation::new(format!(
            "expected a live record, not {other:?}"
        ))),
    }
}

/// The record that must be spent.
pub(super) fn spent(found: Found) -> Result<Record, Violation> {
    match found {
        Found::Spent(record) => Ok(record),
        other => Err(Violation::new(format!(
            "expected a spent record, not {other:?}"
        ))),
    }
}

/// The call must have met `conflict`.
pub(super) fn conflicts<T>(
    result: Result<T, StoreError>,
    conflict: Conflict,
) -> Result<(), Violation> {
    match result {
        Err(StoreError::Conflict(met)) if met == conflict => Ok(()),
        Err(error) => Err(Violation::new(format!(
            "expected {conflict:?}, not {error:?}"
        ))),
        Ok(_) => Err(Violation::new(format!(
            "expected {conflict:?}, not success"
        ))),
    }
}

/// The call must have been refused as a mistake of the caller.
pub(super) fn invalid<T>(result: Result<T, StoreError>) -> Result<(), Violation> {
    match result {
        Err(StoreError::Invalid(_)) => Ok(()),
        Err(error) => Err(Violation::new(format!("expected a refusal, not {error:?}"))),
        Ok(_) => Err(Violation::new("expected a refusal, not success")),
    }
}
