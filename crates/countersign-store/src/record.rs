//! What is stored: records of one shape.

use std::fmt;

use countersign_oauth::UnixTime;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ClientId, GrantId, GrantState, Key, Kind, Sealed, StoreError, Subject};

/// A thing that is stored: what every backend must understand of it, and a body that
/// only the authorization server understands.
///
/// # Security
///
/// The body is stored in clear. `Secret` cannot be serialized, so what is kept of a
/// secret is a [`crate::SecretHash`] in the body or the key, or [`Sealed`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Under what it is kept.
    pub key: Key,
    /// The grant with which it is revoked. The record of the grant itself has none.
    pub grant: Option<GrantId>,
    /// How far the grant has come; only on the record of a grant.
    pub state: Option<GrantState>,
    /// Whom it is about; an index.
    pub subject: Option<Subject>,
    /// Whose it is; an index.
    pub client: Option<ClientId>,
    /// When it was made.
    pub created_at: UnixTime,
    /// From this second on it is not live. A grant and what hangs on one must have it,
    /// and nothing may outlive its grant.
    pub expires_at: Option<UnixTime>,
    /// When it was last used, if that is recorded.
    pub last_used_at: Option<UnixTime>,
    /// Grows with each replacement; the store sets it.
    pub version: u64,
    /// Whether it can be used; the store sets it.
    pub status: Status,
    /// JSON text, `{}` without a body.
    pub body: String,
    /// What must be read back, sealed for [`crate::Column::Sealed`] of this key.
    pub sealed: Option<Sealed>,
}

/// Whether a record can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a status that is not looked at would be a token that works"
)]
pub enum Status {
    /// It can, until it expires.
    Live,
    /// It was redeemed.
    Used {
        /// When.
        at: UnixTime,
        /// What the winner left for those who come late, sealed for
        /// [`crate::Column::Receipt`] of this key.
        receipt: Option<Sealed>,
    },
    /// Its grant was revoked, or it was itself.
    Revoked {
        /// When.
        at: UnixTime,
    },
}

impl Record {
    /// What a backend accepts at most, all fields together, in bytes.
    pub const LARGEST: usize = 8 * 1024 * 1024;

    /// A live record without a body that never expires.
    pub fn new(key: Key, created_at: UnixTime) -> Self {
        Self {
            key,
            grant: None,
            state: None,
            subject: None,
            client: None,
            created_at,
            expires_at: None,
            last_used_at: None,
            version: 1,
            status: Status::Live,
            body: "{}".to_owned(),
            sealed: None,
        }
    }

    /// Hangs it on `grant`.
    #[must_use]
    pub fn in_grant(mut self, grant: GrantId) -> Self {
        self.grant = Some(grant);
        self
    }

    /// Says how far the grant has come.
    #[must_use]
    pub fn in_state(mut self, state: GrantState) -> Self {
        self.state = Some(state);
        self
    }

    /// Files it under `subject`.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Files it under `client`.
    #[must_use]
    pub fn of_client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// Ends it at `time`: at that second it is not live any more.
    #[must_use]
    pub fn expiring(mut self, time: UnixTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Keeps `sealed` with it.
    #[must_use]
    pub fn with_sealed(mut self, sealed: Sealed) -> Self {
        self.sealed = Some(sealed);
        self
    }

    /// Writes `body` into it, as JSON.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] if `body` cannot be written as JSON.
    pub fn with_body(mut self, body: &impl Serialize) -> Result<Self, StoreError> {
        self.body = serde_json::to_string(body)
            .map_err(|_| StoreError::Invalid("the body cannot be written as JSON"))?;
        Ok(self)
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] if the body is not what `T` expects.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.body).map_err(|error| {
            // The error of serde can quote the value; where it stands is enough.
            StoreError::Corrupt(format!(
                "the body of a record of kind {} cannot be read, column {}",
                self.key.kind(),
                error.column()
            ))
        })
    }

    /// Whether it can be used at `now`.
    pub fn is_live(&self, now: UnixTime) -> bool {
        self.status == Status::Live && !self.has_expired(now)
    }

    /// Whether `now` is its end or later.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// How far the grant has come; `Revoked` once its record is spent. Nothing for a
    /// record that is no grant.
    pub fn grant_state(&self) -> Option<GrantState> {
        match (self.key.kind(), &self.status) {
            (Kind::Grant, Status::Live) => self.state,
            (Kind::Grant, _) => Some(GrantState::Revoked),
            _ => None,
        }
    }

    /// For backends: notes a use at `now`, as [`crate::Store::touch`] says; `grant_end`
    /// is the end of the grant that it hangs on.
    pub fn touch(
        &mut self,
        extend_to: Option<UnixTime>,
        grant_end: Option<UnixTime>,
        now: UnixTime,
    ) {
        self.last_used_at = self.last_used_at.max(Some(now));
        if let (Some(end), Some(wanted)) = (self.expires_at, extend_to) {
            let allowed = grant_end.map_or(wanted, |grant_end| wanted.min(grant_end));
            self.expires_at = Some(end.max(allowed));
        }
    }

    /// The rules that every backend enforces before it writes a record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] naming the rule.
    pub fn check(&self) -> Result<(), StoreError> {
        let is_grant = self.key.kind() == Kind::Grant;
        let problem = if is_grant && self.grant.is_some() {
            "a grant hangs on no grant"
        } else if (is_grant || self.grant.is_some()) && self.expires_at.is_none() {
            "a grant and what hangs on one must expire"
        } else if is_grant != self.state.is_some() {
            "a grant has a state, and nothing else has one"
        } else if self.state == Some(GrantState::Revoked) {
            "a grant is revoked by revoke_grant"
        } else if self.size() > Self::LARGEST {
            "the record is too large"
        } else {
            return Ok(());
        };
        Err(StoreError::Invalid(problem))
    }

    fn size(&self) -> usize {
        [
            self.key.id().len(),
            self.body.len(),
            self.grant.as_ref().map_or(0, |id| id.as_str().len()),
            self.subject.as_ref().map_or(0, |id| id.as_str().len()),
            self.client.as_ref().map_or(0, |id| id.as_str().len()),
            self.sealed
                .as_ref()
                .map_or(0, |sealed| sealed.as_bytes().len()),
        ]
        .iter()
        .sum()
    }
}

impl fmt::Debug for Record {
    /// Without the body: it is about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("expires_at", &self.expires_at)
            .field("version", &self.version)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn records_that_break_a_rule_are_refused() {
        let id = GrantId::new("g");
        let grant = || Record::new(Key::grant(&id), time(1));
        let client = || Record::new(Key::client(&"c".into()), time(1));
        let mut large = client();
        large.body = " ".repeat(Record::LARGEST);
        let bad = [
            grant(),
            grant().in_state(GrantState::Pending),
            grant().expiring(time(9)),
            grant().in_state(GrantState::Revoked).expiring(time(9)),
            grant()
                .in_state(GrantState::Active)
                .expiring(time(9))
                .in_grant(id.clone()),
            client().in_grant(id.clone()),
            client().in_state(GrantState::Active),
            large,
        ];
        for record in bad {
            assert!(
                matches!(record.check(), Err(StoreError::Invalid(_))),
                "{record:?}"
            );
        }
        assert!(client().check().is_ok());
        assert!(
            client()
                .in_grant(id.clone())
                .expiring(time(9))
                .check()
                .is_ok()
        );
        assert!(
            grant()
                .in_state(GrantState::Active)
                .expiring(time(9))
                .check()
                .is_ok()
        );
    }

    #[test]
    fn a_record_is_live_until_the_second_before_it_expires() {
        let record = Record::new(Key::client(&"c".into()), time(1)).expiring(time(10));
        assert!(record.is_live(time(9)));
        assert!(!record.is_live(time(10)));
    }

    #[test]
    fn the_state_of_a_spent_grant_is_revoked() {
        let mut record =
            Record::new(Key::grant(&GrantId::new("g")), time(1)).in_state(GrantState::Active);
        assert_eq!(record.grant_state(), Some(GrantState::Active));
        record.status = Status::Revoked { at: time(2) };
        assert_eq!(record.grant_state(), Some(GrantState::Revoked));
    }

    #[test]
    fn debug_and_errors_show_nothing_of_the_body() {
        let record = Record::new(Key::client(&"c".into()), time(1))
            .with_body(&"canary")
            .unwrap();
        assert!(!format!("{record:?}").contains("canary"));
        let error = record.body::<u8>().unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(record.body::<String>().unwrap(), "canary");
    }
}
