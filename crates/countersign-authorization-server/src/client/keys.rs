//! The public keys of clients that sign assertions: RFC 7591 §2.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_oauth::Lifetime;
use countersign_oauth::jose::{JwkSet, KeyOrigin};
use countersign_store::{Conflict, Found, Key, Record, Write};
use http::StatusCode;
use http::header::ACCEPT;
use serde_json::{Map, Value};

use super::Client;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How long fetched keys are used.
const LIFETIME: Lifetime = Lifetime::from_mins(5);

/// The largest set that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

impl Inner {
    /// The keys of `client`; nothing if it has none, or if they cannot be read.
    pub(super) async fn keys_of(
        &self,
        client: &Client,
        address: Option<IpAddr>,
    ) -> Result<Option<JwkSet>, Unavailable> {
        let metadata = &client.facts.metadata;
        if let Some(jwks) = &metadata.jwks {
            return Ok(parse(jwks));
        }
        let (Some(uri), Some(documents)) = (&metadata.jwks_uri, &self.documents) else {
            return Ok(None);
        };
        // Kept apart from documents of clients: no address has a blank in it.
        let key = Key::metadata_document(&format!("keys {}", uri.as_str()));
        if let Some(known) = self.known_keys(&key).await? {
            return Ok(parse(&known));
        }
        let _turn = documents.turn(uri.as_str()).await;
        if let Some(known) = self.known_keys(&key).await? {
            return Ok(parse(&known));
        }
        // Before the assertion is verified: anybody can make this server ask.
        let asked_for = self.asked_for(client, address).await?;
        self.spend_to_ask(uri.as_str(), host_of(uri.as_str()), asked_for)
            .await?;
        let Ok(request) = http::Request::get(uri.as_str())
            .header(ACCEPT, "application/json")
            .body(Bytes::new())
        else {
            return Ok(None);
        };
        let fetched = documents.fetcher().fetch(request).await;
        let answer = fetched.map_err(|_| Unavailable::Fetch)?;
        if answer.status() != StatusCode::OK || answer.body().len() > MAX_BYTES {
            return Ok(None);
        }
        let Ok(jwks) = countersign_oauth::json::parse_object(answer.body()) else {
            return Ok(None);
        };
        let now = self.now();
        let record = Record::new(key.clone(), now)
            .expiring(now.saturating_add(LIFETIME))
            .with_body(&jwks)?;
        let writes = vec![Write::Remove(key), Write::Insert(record)];
        match self
            .store
            .write(writes, now)
            .await
            .map_err(Unavailable::from)
        {
            Err(error) if error.conflict() != Some(Conflict::Exists) => Err(error),
            _ => Ok(parse(&jwks)),
        }
    }

    async fn known_keys(&self, key: &Key) -> Result<Option<Map<String, Value>>, Unavailable> {
        match self.store.get(key, self.now()).await? {
            Found::Live(record) => Ok(Some(record.body()?)),
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }
}

/// The host of an address that was checked when it was registered.
fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.split(':').next().unwrap_or(authority)
}

fn parse(jwks: &Map<String, Value>) -> Option<JwkSet> {
    let text = serde_json::to_vec(jwks).ok()?;
    let parsed = JwkSet::parse(&text, KeyOrigin::Remote).ok()?;
    (!parsed.set.is_empty()).then_some(parsed.set)
}
