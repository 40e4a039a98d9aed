//! Clients in the store.

use countersign_oauth::client_id_document::ClientIdUrl;
use countersign_oauth::{ClientId, UnixTime};
use countersign_store::{Found, Key, Record};

use super::{Client, ClientFacts};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// The record of a client, for [`Store::insert`](countersign_store::Store::insert).
pub(crate) fn record_of(
    id: &ClientId,
    facts: &ClientFacts,
    now: UnixTime,
) -> Result<Record, Unavailable> {
    let id = countersign_store::ClientId::new(id.as_str());
    Ok(Record::new(Key::client(&id), now)
        .of_client(id)
        .with_body(facts)?)
}

impl Inner {
    /// The client with the id `id`, wherever it comes from.
    pub(crate) async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, Unavailable> {
        if ClientIdUrl::is_meant(id) {
            return self.fetch_client(id).await;
        }
        let key = Key::client(&countersign_store::ClientId::new(id.as_str()));
        match self.store.get(&key, self.now()).await? {
            Found::Live(record) => Ok(Some(Client {
                id: id.clone(),
                facts: record.body()?,
            })),
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    /// Notes that a client that registered itself is in use, so that it is kept.
    pub(crate) async fn keep_client(&self, client: &Client) -> Result<(), Unavailable> {
        if client.facts.source == super::ClientSource::Itself {
            let key = Key::client(&countersign_store::ClientId::new(client.id.as_str()));
            let now = self.now();
            let end = now.saturating_add(self.settings.lifetimes.grant);
            self.store.touch(&key, Some(end), now).await?;
        }
        Ok(())
    }
}
