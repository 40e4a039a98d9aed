//! Making, listing, rotating and revoking.

use countersign_oauth::api_key::NewApiKey;
use countersign_oauth::display_text::DisplayText;
use countersign_oauth::{ApiKeyDigest, ApiKeyFormat, ApiKeyId, Lifetime, UnixTime};
use countersign_resource_server::ApiKeyOwner;
use countersign_store::{
    CounterKey, Cursor, Found, Index, Key, Kind, Page, Record, Store, Subject, Write,
};

use super::record::{ApiKeyBody, Stored, filed, key};
use super::{ApiKeyError, ApiKeyManager, ApiKeyOverview, ApiKeyRequest, ApiKeysOf, IssuedApiKey};
use crate::audit::AuditEvent;
use crate::overview::Portion;
use crate::random::draw;
use crate::unavailable::Unavailable;

/// How many keys a page has.
const PAGE: usize = 100;
/// How many keys one person may make on one day, revoked ones included.
const MADE_A_DAY: u64 = 100;
const DAY: Lifetime = Lifetime::from_hours(24);

impl ApiKeyManager {
    /// Makes a key, which can be shown this once.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`]; there is no new key then.
    ///
    /// # Security
    ///
    /// Nobody is asked whether the owner wants it, nor whether its scopes are ones that
    /// clients may ask for.
    pub async fn create(&self, request: &ApiKeyRequest) -> Result<IssuedApiKey, ApiKeyError> {
        check_text(&request.name).ok_or(ApiKeyError::Name)?;
        for role in &request.roles {
            check_text(role).ok_or(ApiKeyError::Role)?;
        }
        if request.lifetime == Some(Lifetime::ZERO) {
            return Err(ApiKeyError::Lifetime);
        }
        let now = self.server.inner().now();
        let end = request
            .lifetime
            .map(|lifetime| now.saturating_add(lifetime));
        let body = |made: &NewApiKey| ApiKeyBody {
            digest: ApiKeyDigest::of(&made.text),
            name: request.name.clone(),
            scope: request.scopes.to_string(),
            roles: request.roles.clone(),
            replaced_by: None,
        };
        let (made, record) = self.made(&request.owner, end, body)?;
        let stored = self.server.inner().store.insert(record.clone(), now).await;
        stored.map_err(Unavailable::from)?;
        let overview = Stored::read(record)?.overview();
        self.note(AuditEvent::ApiKeyCreated(
            made.id,
            request.owner.subject().to_string(),
        ));
        Ok(IssuedApiKey {
            overview,
            text: made.text,
        })
    }

    /// As [`Self::create`] for the person who asks, if they have fewer than `most` keys.
    pub(crate) async fn create_personal(
        &self,
        request: &ApiKeyRequest,
        most: u64,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        let inner = self.server.inner();
        let (store, now) = (&inner.store, inner.now());
        let index = ApiKeysOf::Owner(&request.owner).index();
        let counter = CounterKey::new("api keys made", &[&request.owner.subject()]);
        let counted = async {
            let there = store.count(&index, most, now).await?;
            let made = store.hit(&counter, DAY, now).await?;
            Ok::<_, Unavailable>(there >= most || made.count > MADE_A_DAY)
        };
        if counted.await? {
            return Err(ApiKeyError::TooMany);
        }
        self.create(request).await
    }

    /// The keys of `owner` that can be used and those that were revoked, from `after` on
    /// or from the beginning. Those that have expired are forgotten.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn list(
        &self,
        owner: ApiKeysOf<'_>,
        after: Option<Cursor>,
    ) -> Result<Portion<ApiKeyOverview>, Unavailable> {
        let inner = self.server.inner();
        let page = Page::first(PAGE).with_spent();
        let page = after.map_or(page, |after| page.after(after));
        let listed = inner.store.list(&owner.index(), page, inner.now()).await?;
        let entries = listed.records.into_iter();
        let entries = entries.map(|record| Ok(Stored::read(record)?.overview()));
        Ok(Portion {
            entries: entries.collect::<Result<_, Unavailable>>()?,
            next: listed.next,
        })
    }

    /// What is known of the key `id`, if there is one that has not expired.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn show(&self, id: &ApiKeyId) -> Result<Option<ApiKeyOverview>, Unavailable> {
        let inner = self.server.inner();
        match inner.store.get(&key(id), inner.now()).await? {
            Found::Live(record) | Found::Spent(record) => {
                Ok(Some(Stored::read(record)?.overview()))
            }
            Found::Absent => Ok(None),
        }
    }

    /// Makes a key that can do what the key `id` can, for as long as that one was made
    /// for. The old one is good for `overlap` more, or less if it ends before; with none
    /// it is revoked in the same step.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Unknown`], [`ApiKeyError::Changed`], or
    /// [`ApiKeyError::Unavailable`]; the old key is what it was then.
    pub async fn rotate(
        &self,
        id: &ApiKeyId,
        overlap: Lifetime,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        let inner = self.server.inner();
        let now = inner.now();
        let found = inner.store.get(&key(id), now).await;
        let Found::Live(record) = found.map_err(Unavailable::from)? else {
            return Err(ApiKeyError::Unknown);
        };
        let mut old = Stored::read(record)?;
        if old.body.replaced_by.is_some() {
            return Err(ApiKeyError::Unknown);
        }
        let span = |end: UnixTime| end.since(old.record.created_at);
        let end = old
            .record
            .expires_at
            .map(|end| now.saturating_add(span(end)));
        let template = old.body.clone();
        let body = |made: &NewApiKey| ApiKeyBody {
            digest: ApiKeyDigest::of(&made.text),
            ..template
        };
        let (made, record) = self.made(&old.owner, end, body)?;
        let successor = Write::Insert(record.clone());
        if overlap == Lifetime::ZERO {
            let redeemed = inner
                .store
                .redeem(&key(id), vec![successor], None, now)
                .await;
            if !matches!(redeemed.map_err(Unavailable::from)?, Found::Live(_)) {
                return Err(ApiKeyError::Unknown);
            }
        } else {
            old.body.replaced_by = Some(made.id.clone());
            let ends = now.saturating_add(overlap);
            let ends = old.record.expires_at.map_or(ends, |end| end.min(ends));
            let old = old.record.expiring(ends).with_body(&old.body);
            let writes = vec![Write::Replace(old.map_err(Unavailable::from)?), successor];
            let written = inner.store.write(writes, now).await;
            written.map_err(Unavailable::from)?;
        }
        let overview = Stored::read(record)?.overview();
        self.note(AuditEvent::ApiKeyRotated(id.clone(), made.id));
        Ok(IssuedApiKey {
            overview,
            text: made.text,
        })
    }

    /// Revokes a key: it is refused from the next request on. False if there was none that
    /// could be used.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is; then nothing was revoked for certain.
    pub async fn revoke(&self, id: &ApiKeyId) -> Result<bool, Unavailable> {
        let inner = self.server.inner();
        let (key, now) = (key(id), inner.now());
        let found = inner.store.redeem(&key, Vec::new(), None, now).await?;
        let was_live = matches!(found, Found::Live(_));
        if was_live {
            self.note(AuditEvent::ApiKeyRevoked(id.clone()));
        }
        Ok(was_live)
    }

    /// A new key of `owner` that ends at `end`, and its record.
    fn made(
        &self,
        owner: &ApiKeyOwner,
        end: Option<UnixTime>,
        body: impl FnOnce(&NewApiKey) -> ApiKeyBody,
    ) -> Result<(NewApiKey, Record), Unavailable> {
        let inner = self.server.inner();
        let random = draw::<{ ApiKeyFormat::RANDOM_BYTES }>(inner.random.as_ref())?;
        let made = inner.settings.api_keys.format.compose(&random);
        let record = Record::new(key(&made.id), inner.now()).with_body(&body(&made))?;
        let mut record = filed(record, owner)?;
        record.expires_at = end;
        Ok((made, record))
    }

    fn note(&self, event: AuditEvent) {
        self.server.inner().audit.note(event);
    }
}

/// What people can read on one line; 100 characters at most.
fn check_text(text: &str) -> Option<()> {
    let cleaned = DisplayText::clean(text)?;
    (cleaned.as_str() == text).then_some(())
}

/// Revokes every key of the person `subject`.
pub(crate) async fn withdraw_all(
    store: &dyn Store,
    subject: &str,
    now: UnixTime,
) -> Result<(), Unavailable> {
    let index = Index::Subject(Kind::ApiKey, Subject::new(subject));
    let mut page = Page::first(Page::LONGEST);
    loop {
        let listed = store.list(&index, page, now).await?;
        let keys: Vec<Key> = listed
            .records
            .into_iter()
            .map(|record| record.key)
            .collect();
        for key in &keys {
            store.redeem(key, Vec::new(), None, now).await?;
        }
        match listed.next {
            Some(next) => page = page.after(next),
            None => return Ok(()),
        }
    }
}
