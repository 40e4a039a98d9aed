//! How a key is stored: under its id, filed under its owner.
//!
//! A person's keys are filed under their subject and a service's under its name as the
//! client, so that equal names share nothing.

use countersign_oauth::{ApiKeyDigest, ApiKeyId, ScopeSet};
use countersign_resource_server::{ApiKeyOwner, ApiKeyRecord};
use countersign_store::{ClientId, Index, Key, Kind, Record, Status, StoreError, Subject};
use serde::{Deserialize, Serialize};

use super::{ApiKeyOverview, ApiKeysOf};
use crate::unavailable::Unavailable;

/// What only this server understands of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ApiKeyBody {
    /// Of the whole key.
    pub(super) digest: ApiKeyDigest,
    pub(super) name: String,
    /// Separated by blanks.
    pub(super) scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaced_by: Option<ApiKeyId>,
}

/// A key that was read.
pub(super) struct Stored {
    pub(super) id: ApiKeyId,
    pub(super) owner: ApiKeyOwner,
    pub(super) scopes: ScopeSet,
    pub(super) body: ApiKeyBody,
    pub(super) record: Record,
}

/// Files `record` under `owner`.
pub(super) fn filed(record: Record, owner: &ApiKeyOwner) -> Result<Record, StoreError> {
    match owner {
        ApiKeyOwner::Person(subject) => Ok(record.about(Subject::new(&**subject))),
        ApiKeyOwner::Service(name) => Ok(record.of_client(ClientId::new(&**name))),
        _ => Err(StoreError::Invalid("an owner of another kind")),
    }
}

impl ApiKeysOf<'_> {
    pub(super) fn index(self) -> Index {
        match self {
            Self::Owner(ApiKeyOwner::Person(subject)) => {
                Index::Subject(Kind::ApiKey, Subject::new(&**subject))
            }
            Self::Owner(ApiKeyOwner::Service(name)) => {
                Index::Client(Kind::ApiKey, ClientId::new(&**name))
            }
            Self::Everybody | Self::Owner(_) => Index::Kind(Kind::ApiKey),
        }
    }
}

impl Stored {
    pub(super) fn read(record: Record) -> Result<Self, Unavailable> {
        let body: ApiKeyBody = record.body()?;
        let damaged = |what: &str| StoreError::Corrupt(format!("the {what} of an API key"));
        let id = ApiKeyId::parse(record.key.id()).ok_or_else(|| damaged("id"))?;
        let owner = match (&record.subject, &record.client) {
            (Some(subject), None) => ApiKeyOwner::person(subject.as_str()),
            (None, Some(service)) => ApiKeyOwner::service(service.as_str()),
            _ => return Err(damaged("owner").into()),
        };
        Ok(Self {
            owner: owner.map_err(|_| damaged("owner"))?,
            scopes: ScopeSet::parse(&body.scope).map_err(|_| damaged("scope"))?,
            id,
            body,
            record,
        })
    }

    fn revoked_at(&self) -> Option<countersign_oauth::UnixTime> {
        match self.record.status {
            Status::Live => None,
            Status::Used { at, .. } | Status::Revoked { at } => Some(at),
        }
    }

    pub(super) fn overview(self) -> ApiKeyOverview {
        ApiKeyOverview {
            revoked_at: self.revoked_at(),
            id: self.id,
            owner: self.owner,
            name: self.body.name,
            scopes: self.scopes,
            roles: self.body.roles,
            created_at: self.record.created_at,
            expires_at: self.record.expires_at,
            last_used_at: self.record.last_used_at,
            replaced_by: self.body.replaced_by,
        }
    }

    /// What a verifier has to know.
    pub(super) fn known(self) -> ApiKeyRecord {
        let (digest, created_at) = (self.body.digest, self.record.created_at);
        let revoked_at = self.revoked_at();
        let mut known = ApiKeyRecord::new(self.id, digest, self.owner, created_at);
        known.name = self.body.name;
        known.scopes = self.scopes;
        known.roles = self.body.roles;
        known.expires_at = self.record.expires_at;
        known.revoked_at = revoked_at;
        known.last_used_at = self.record.last_used_at;
        known
    }
}

/// The key of the record of the API key `id`.
pub(super) fn key(id: &ApiKeyId) -> Key {
    Key::api_key(id)
}
