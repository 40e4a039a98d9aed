//! Clients in the store.

use std::net::IpAddr;

use countersign_oauth::client_id_document::ClientIdUrl;
use countersign_oauth::{ClientId, UnixTime};
use countersign_store::{
    Conflict, Found, GrantId, Index, Key, Kind, Page, Record, StoreError, Write,
};

use super::outbound::used;
use super::{Client, ClientFacts, ClientSource};
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

fn key_of(id: &ClientId) -> Key {
    Key::client(&countersign_store::ClientId::new(id.as_str()))
}

impl Inner {
    /// The client with the id `id`, wherever it comes from.
    pub(crate) async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, Unavailable> {
        self.find_client_for(id, None).await
    }

    /// The client with the id `id`, for a request from `address` that names it.
    pub(crate) async fn find_client_for(
        &self,
        id: &ClientId,
        address: Option<IpAddr>,
    ) -> Result<Option<Client>, Unavailable> {
        let found = if ClientIdUrl::is_meant(id) {
            self.fetch_client(id, address).await?
        } else {
            match self.store.get(&key_of(id), self.now()).await? {
                Found::Live(record) => Some(Client::read(id.clone(), &record)?),
                Found::Spent(_) | Found::Absent => None,
            }
        };
        Ok(found.filter(|client| self.client_policy.accepts(client)))
    }

    pub(crate) async fn add_client(
        &self,
        id: &ClientId,
        facts: &ClientFacts,
    ) -> Result<(), Unavailable> {
        let now = self.now();
        Ok(self.store.insert(record_of(id, facts, now)?, now).await?)
    }

    pub(crate) async fn replace_client(
        &self,
        id: &ClientId,
        facts: &ClientFacts,
    ) -> Result<(), Unavailable> {
        let now = self.now();
        let key = key_of(id);
        let Found::Live(record) = self.store.get(&key, now).await? else {
            return Err(StoreError::from(Conflict::Changed).into());
        };
        Ok(self.store.replace(record.with_body(facts)?, now).await?)
    }

    /// First the client, so that no grant begins while the others are revoked.
    pub(crate) async fn delete_client(&self, id: &ClientId) -> Result<(), Unavailable> {
        let now = self.now();
        self.store.remove(key_of(id), now).await?;
        let owner = countersign_store::ClientId::new(id.as_str());
        let index = Index::Client(Kind::Grant, owner);
        let mut page = Page::first(Page::LONGEST);
        loop {
            let listed = self.store.list(&index, page, now).await?;
            for record in &listed.records {
                let grant = GrantId::new(record.key.id());
                self.end_grant(&grant).await?;
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => break,
            }
        }
        self.withdraw_exchanged(id).await
    }

    /// What a client that is gone got by exchanges hangs on grants of others.
    async fn withdraw_exchanged(&self, id: &ClientId) -> Result<(), Unavailable> {
        let now = self.now();
        let owner = countersign_store::ClientId::new(id.as_str());
        let index = Index::Client(Kind::AccessToken, owner);
        let mut page = Page::first(Page::LONGEST);
        loop {
            let listed = self.store.list(&index, page, now).await?;
            for record in &listed.records {
                let redeemed = self.store.redeem(&record.key, Vec::new(), None, now).await;
                self.confirmed.forget(&record.key);
                redeemed?;
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => return Ok(()),
            }
        }
    }

    /// Notes that a client is in use: that a person allowed it something, or that it
    /// used what they allowed. One that registered itself is kept for it, and for one
    /// with a document others are asked whatever strangers do. What a stranger can do
    /// with its id does not count, or clients that nobody uses would be kept for long.
    /// It may be lost.
    pub(crate) async fn keep_client(&self, client: &Client) {
        let noted = match client.facts.source {
            ClientSource::Document => self.note_used_document(client.id.as_str()).await,
            ClientSource::Administrator => Ok(()),
            ClientSource::Itself => {
                let (key, end) = (key_of(&client.id), self.kept_until());
                let touched = self.store.touch(&key, Some(end), self.now()).await;
                touched.map(|_| ()).map_err(Unavailable::from)
            }
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of a client was not noted");
        }
    }

    /// The same, for the commit that issues tokens to the client.
    pub(crate) fn keep_client_with(&self, client: &Client) -> Option<Write> {
        let key = match client.facts.source {
            ClientSource::Document => used(client.id.as_str()),
            ClientSource::Administrator => return None,
            ClientSource::Itself => key_of(&client.id),
        };
        let extend_to = Some(self.kept_until());
        Some(Write::Touch { key, extend_to })
    }

    pub(super) fn kept_until(&self) -> UnixTime {
        self.now().saturating_add(self.settings.lifetimes.grant)
    }
}
