//! What a verifier asks about a key that is presented.

use std::sync::Arc;

use countersign_oauth::{ApiKeyId, ClientId, Lifetime, UnixTime};
use countersign_resource_server::verifier::Unavailable as VerifierUnavailable;
use countersign_resource_server::{ApiKeyOwner, ApiKeyRecord, ApiKeys};
use countersign_store::Found;

use super::ApiKeyManager;
use super::record::{Stored, key};
use crate::unavailable::Unavailable;

/// How exact "last used" is: so often a use is noted at most.
const NOTED_EVERY: Lifetime = Lifetime::from_mins(1);

impl ApiKeys for ApiKeyManager {
    fn place(&self) -> Arc<str> {
        self.server.settings().issuer.as_str().into()
    }

    async fn find(
        &self,
        id: &ApiKeyId,
        now: UnixTime,
    ) -> Result<Option<ApiKeyRecord>, VerifierUnavailable> {
        self.found(id, now).await.map_err(to_wait)
    }

    async fn confirm(
        &self,
        record: &ApiKeyRecord,
        now: UnixTime,
    ) -> Result<bool, VerifierUnavailable> {
        if !self.stands(record).await.map_err(to_wait)? {
            return Ok(false);
        }
        self.note_use(record, now).await;
        Ok(true)
    }
}

fn to_wait(error: Unavailable) -> VerifierUnavailable {
    VerifierUnavailable::new(error.to_string(), Lifetime::from_secs(5))
}

impl ApiKeyManager {
    async fn found(
        &self,
        id: &ApiKeyId,
        now: UnixTime,
    ) -> Result<Option<ApiKeyRecord>, Unavailable> {
        let found = self.server.inner().store.get(&key(id), now).await?;
        match found {
            Found::Live(record) | Found::Spent(record) => Ok(Some(Stored::read(record)?.known())),
            Found::Absent => Ok(None),
        }
    }

    /// Whether the owner is there and enabled: asked as for tokens of a client of that id.
    async fn stands(&self, record: &ApiKeyRecord) -> Result<bool, Unavailable> {
        let ApiKeyOwner::Person(subject) = &record.owner else {
            return Ok(true);
        };
        let Ok(client) = ClientId::parse(record.id.as_str()) else {
            return Ok(false);
        };
        let interaction = &self.server.inner().interaction;
        interaction.still_allows(subject, &client).await
    }

    /// A use that cannot be noted is no reason to refuse it.
    async fn note_use(&self, record: &ApiKeyRecord, now: UnixTime) {
        let is_fresh = |noted: UnixTime| now < noted.saturating_add(NOTED_EVERY);
        if record.last_used_at.is_some_and(is_fresh) {
            return;
        }
        let store = &self.server.inner().store;
        if let Err(error) = store.touch(&key(&record.id), None, now).await {
            tracing::warn!(%error, key = %record.id, "the use of an API key is not noted");
        }
    }
}
