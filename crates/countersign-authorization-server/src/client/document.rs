//! Clients that are described by the document under their id:
//! draft-ietf-oauth-client-id-metadata-document §5 and §6.
//!
//! The guard against addresses inside our network is in the [`Fetch`] that is
//! handed in; here the answer is judged, kept for a bounded time, and fetched once
//! for all requests that wait for it.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::client_id_document::{self, ClientIdUrl};
use countersign_oauth::client_metadata::ClientMetadata;
use countersign_oauth::{ClientId, Lifetime};
use countersign_resource_server::fetch::Fetch;
use countersign_store::{Conflict, Found, Key, Record, Write};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use tokio::sync::{Mutex, MutexGuard};

use super::{Client, ClientFacts, ClientSource};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How long a document is used at least and at most, and without a word about it.
const SHORTEST: Lifetime = Lifetime::from_mins(1);
const LONGEST: Lifetime = Lifetime::from_hours(24);
const USUAL: Lifetime = Lifetime::from_hours(1);

/// How many documents can be fetched at once.
const LANES: usize = 64;

/// Which hosts may vouch for clients.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DocumentTrust {
    /// Every host on the public Internet. Consent names it.
    AnyHost,
    /// These hosts alone, in lower case.
    Hosts(BTreeSet<String>),
}

/// How documents are fetched and whose are believed.
#[derive(Debug)]
pub struct ClientIdDocuments {
    fetch: Arc<dyn Fetch>,
    trust: DocumentTrust,
    /// One request for one address at a time; the number of locks is fixed.
    lanes: Vec<Mutex<()>>,
    /// Nobody outside knows which addresses share a lock.
    lots: RandomState,
}

impl ClientIdDocuments {
    /// Documents of the hosts in `trust`, fetched by `fetch`, which must refuse
    /// addresses that are not on the public Internet.
    pub fn new(fetch: Arc<dyn Fetch>, trust: DocumentTrust) -> Self {
        Self {
            fetch,
            trust,
            lots: RandomState::new(),
            lanes: std::iter::repeat_with(Mutex::default).take(LANES).collect(),
        }
    }

    pub(super) fn fetcher(&self) -> &Arc<dyn Fetch> {
        &self.fetch
    }

    fn trusts(&self, host: &str) -> bool {
        match &self.trust {
            DocumentTrust::AnyHost => true,
            DocumentTrust::Hosts(hosts) => hosts.contains(host),
        }
    }

    /// Waits until nobody else asks for what is at `url`.
    pub(super) async fn turn(&self, url: &str) -> Option<MutexGuard<'_, ()>> {
        let lane = self.lots.hash_one(url) % LANES as u64;
        let lane = self.lanes.get(usize::try_from(lane).unwrap_or_default());
        Some(lane?.lock().await)
    }
}

impl Inner {
    /// The client whose id is the address `id`; nothing if it is no acceptable
    /// address, or if there is no acceptable document.
    pub(super) async fn fetch_client(
        &self,
        id: &ClientId,
        address: Option<IpAddr>,
    ) -> Result<Option<Client>, Unavailable> {
        let Some(documents) = &self.documents else {
            return Ok(None);
        };
        let Ok(url) = ClientIdUrl::parse(id, self.settings.client_rules.loopback) else {
            return Ok(None);
        };
        // A document of our own could be one that somebody uploaded here.
        if !documents.trusts(url.host()) || self.is_our_host(url.host()) {
            return Ok(None);
        }
        if let Some(client) = self.known_document(id, &url).await? {
            return Ok(Some(client));
        }
        let _turn = documents.turn(url.as_str()).await;
        if let Some(client) = self.known_document(id, &url).await? {
            return Ok(Some(client));
        }
        let asked_for = self.asked_for_document(url.as_str(), address).await?;
        self.spend_to_ask(url.as_str(), url.host(), asked_for)
            .await?;
        let Some((metadata, lifetime)) = self.fetch_document(documents, &url).await else {
            return Ok(None);
        };
        self.remember_document(&url, &metadata, lifetime).await?;
        Ok(Some(client(id, metadata)))
    }

    async fn known_document(
        &self,
        id: &ClientId,
        url: &ClientIdUrl,
    ) -> Result<Option<Client>, Unavailable> {
        let key = Key::metadata_document(url.as_str());
        match self.store.get(&key, self.now()).await? {
            Found::Live(record) => Ok(Some(client(id, record.body()?))),
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    async fn fetch_document(
        &self,
        documents: &ClientIdDocuments,
        url: &ClientIdUrl,
    ) -> Option<(ClientMetadata, Lifetime)> {
        let request = http::Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
            .ok()?;
        let answer = documents.fetch.fetch(request).await.ok()?;
        let text = |name| answer.headers().get(name)?.to_str().ok();
        client_id_document::check_answer(answer.status().as_u16(), text(CONTENT_TYPE)).ok()?;
        let lifetime = lifetime_of(text(CACHE_CONTROL));
        let rules = &self.settings.client_rules;
        let metadata = client_id_document::parse(url, answer.body(), rules).ok()?;
        Some((metadata, lifetime))
    }

    /// Errors and unacceptable documents are not remembered (§5.2).
    async fn remember_document(
        &self,
        url: &ClientIdUrl,
        metadata: &ClientMetadata,
        lifetime: Lifetime,
    ) -> Result<(), Unavailable> {
        let (key, now) = (Key::metadata_document(url.as_str()), self.now());
        let record = Record::new(key.clone(), now)
            .expiring(now.saturating_add(lifetime))
            .with_body(metadata)?;
        let writes = vec![Write::Remove(key), Write::Insert(record)];
        let written = self.store.write(writes, now).await;
        match written.map_err(Unavailable::from) {
            Err(error) if error.conflict() != Some(Conflict::Exists) => Err(error),
            _ => Ok(()),
        }
    }

    fn is_our_host(&self, host: &str) -> bool {
        let ours = self.settings.issuer.as_str();
        let authority = ours.split("://").nth(1).unwrap_or(ours);
        let authority = authority.split('/').next().unwrap_or(authority);
        authority.split(':').next() == Some(host)
    }
}

fn client(id: &ClientId, metadata: ClientMetadata) -> Client {
    Client {
        id: id.clone(),
        facts: ClientFacts::new(metadata, ClientSource::Document),
        registered: None,
    }
}

/// RFC 9111 §5.2.2: `max-age` within our bounds; `no-store` and `no-cache` mean the
/// shortest time, because one login asks several times.
fn lifetime_of(cache_control: Option<&str>) -> Lifetime {
    let mut lifetime = USUAL;
    for directive in cache_control.unwrap_or_default().split(',') {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return SHORTEST;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse();
            lifetime = seconds.map_or(SHORTEST, Lifetime::from_secs);
        }
    }
    lifetime.clamp(SHORTEST, LONGEST)
}
