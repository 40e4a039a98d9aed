//! The keys in use: RFC 7517 §5 for those who verify, RFC 9068 §2.1 for signing.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use countersign_oauth::jose::{JwkSet, KeyOrigin, SigningKey};
use countersign_oauth::{Lifetime, UnixTime};
use countersign_store::{Index, Kind, Page, Write};
use serde_json::json;

use super::stored::{self, StoredKey};
use crate::audit::AuditEvent;
use crate::overview::KeyOverview;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How old what was read may be. Another node may have rotated.
const FRESH: Lifetime = Lifetime::from_mins(1);

/// How long a new key is published before it signs, so that whoever keeps the set
/// has it in time.
const AHEAD: Lifetime = Lifetime::from_mins(5);

/// The keys that were read last.
#[derive(Debug, Default)]
pub(crate) struct Keyring(ArcSwapOption<Loaded>);

#[derive(Debug)]
pub(crate) struct Loaded {
    at: UnixTime,
    keys: Vec<StoredKey>,
    /// For tokens of our own that come back.
    pub(crate) verifying: JwkSet,
    /// The document for others, as JSON text.
    pub(crate) document: String,
}

impl Loaded {
    /// The keys without their private halves, oldest first.
    pub(crate) fn overview(&self) -> Vec<KeyOverview> {
        let mut keys: Vec<_> = self.keys.iter().map(StoredKey::overview).collect();
        keys.sort_by(|one, other| (one.signs_from, &one.kid).cmp(&(other.signs_from, &other.kid)));
        keys
    }

    /// The newest key whose time has come; the oldest, if none has.
    pub(crate) fn signing(&self, now: UnixTime) -> Result<Arc<SigningKey>, Unavailable> {
        let due = self.keys.iter().filter(|key| key.signs_from <= now);
        due.max_by(|one, other| (one.signs_from, &one.kid).cmp(&(other.signs_from, &other.kid)))
            .or_else(|| self.keys.iter().min_by_key(|key| key.signs_from))
            .map(|key| Arc::clone(&key.signing))
            .ok_or(Unavailable::SigningKey("there is none"))
    }
}

impl Inner {
    /// The keys, read again if what was read is older than a minute, or than five
    /// while the store cannot be read. The first call on an empty store makes a key.
    pub(crate) async fn keys(&self) -> Result<Arc<Loaded>, Unavailable> {
        let now = self.now();
        let last = self.keyring.0.load_full();
        if let Some(loaded) = &last
            && now < loaded.at.saturating_add(FRESH)
        {
            return Ok(Arc::clone(loaded));
        }
        let mut loaded = match (self.read_keys(now).await, last) {
            (Ok(loaded), _) => loaded,
            // A key that was made since then does not sign yet.
            (Err(error), Some(last))
                if error.is_outage_of_the_store() && now < last.at.saturating_add(AHEAD) =>
            {
                return Ok(last);
            }
            (Err(error), _) => return Err(error),
        };
        if loaded.keys.is_empty() {
            self.add_key(now, Vec::new()).await?;
            loaded = self.read_keys(now).await?;
        }
        let loaded = Arc::new(loaded);
        self.keyring.0.store(Some(Arc::clone(&loaded)));
        Ok(loaded)
    }

    /// Makes a new key, which is published now and signs in five minutes. The
    /// others are published until the last token they signed has expired.
    pub(crate) async fn rotate_keys(&self) -> Result<String, Unavailable> {
        let now = self.now();
        let signs_from = now.saturating_add(AHEAD);
        let lifetimes = &self.settings.lifetimes;
        let end = signs_from
            .saturating_add(lifetimes.access_token)
            .saturating_add(lifetimes.leeway);
        let index = Index::Kind(Kind::SigningKey);
        let listed = self
            .store
            .list(&index, Page::first(Page::LONGEST), now)
            .await?;
        let retired = listed
            .records
            .into_iter()
            .filter(|record| record.expires_at.is_none())
            .map(|record| Write::Replace(record.expiring(end)))
            .collect();
        let kid = self.add_key(signs_from, retired).await?;
        self.keyring.0.store(None);
        self.audit.note(AuditEvent::KeyRotated(kid.clone()));
        Ok(kid)
    }

    async fn add_key(
        &self,
        signs_from: UnixTime,
        mut writes: Vec<Write>,
    ) -> Result<String, Unavailable> {
        let now = self.now();
        let algorithm = self.settings.signing_algorithm;
        let random = self.random.as_ref();
        let (key, record) = stored::make(algorithm, signs_from, &self.sealing, random, now)?;
        writes.push(Write::Insert(record));
        self.store.write(writes, now).await?;
        Ok(key.kid)
    }

    async fn read_keys(&self, now: UnixTime) -> Result<Loaded, Unavailable> {
        let index = Index::Kind(Kind::SigningKey);
        let page = Page::first(Page::LONGEST);
        let listed = self.store.list(&index, page, now).await?;
        let mut keys = Vec::new();
        for record in &listed.records {
            keys.push(stored::read(record, &self.sealing)?);
        }
        let public: Vec<_> = keys.iter().map(|key| &key.public).collect();
        let document = json!({ "keys": public }).to_string();
        let parsed = JwkSet::parse(document.as_bytes(), KeyOrigin::Remote)
            .map_err(|_| Unavailable::SigningKey("the public keys cannot be read"))?;
        Ok(Loaded {
            at: now,
            keys,
            verifying: parsed.set,
            document,
        })
    }
}
