//! How often this server asks others about clients: their documents and their keys.
//!
//! Strangers can make it ask, so it is limited for each network that asks, for each host,
//! so that one cannot be flooded, and in all. What belongs to a client that is in use is
//! asked for within a budget of its own, so that strangers who use up the others keep no
//! client out. What is beyond a budget is only read.

use std::net::IpAddr;

use countersign_oauth::Lifetime;
use countersign_resource_server::limit::network::{network_of, of_one_stranger, shares_of};
use countersign_store::{CounterKey, Found, Key, Record, Write};

use super::{Client, ClientSource};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// The time within which it is counted.
const WINDOW: Lifetime = Lifetime::from_mins(1);

/// Of one host, for one network.
const OF_HOST_FOR_NETWORK: u64 = 10;
/// Of one host.
const OF_HOST: u64 = 30;
/// For one network.
const FOR_NETWORK: u64 = 60;
/// In all.
const IN_ALL: u64 = 300;
/// Of one address that belongs to a client in use.
const OF_KNOWN: u64 = 10;

/// Who wants to know.
#[derive(Clone, Copy)]
pub(super) enum AskedFor {
    /// A client that is in use.
    Known,
    /// Anybody, from this address.
    Strangers(Option<IpAddr>),
}

impl Inner {
    /// Spends of the budgets for what is at `url`, of `host`.
    ///
    /// # Errors
    ///
    /// [`Unavailable::Fetch`] if there is nothing left of one.
    pub(super) async fn spend_to_ask(
        &self,
        url: &str,
        host: &str,
        asked_for: AskedFor,
    ) -> Result<(), Unavailable> {
        let budgets = match asked_for {
            AskedFor::Known => vec![(CounterKey::new("asked for known", &[url]), OF_KNOWN)],
            AskedFor::Strangers(address) => of_strangers(host, address),
        };
        let now = self.now();
        for (counter, most) in &budgets {
            let hits = self.store.hits(counter, now).await?;
            if hits.is_some_and(|hits| hits.count >= *most) {
                return Err(Unavailable::Fetch);
            }
        }
        for (counter, _) in &budgets {
            self.store.hit(counter, WINDOW, now).await?;
        }
        Ok(())
    }

    /// For whom the keys of `client` are asked for.
    pub(super) async fn asked_for(
        &self,
        client: &Client,
        address: Option<IpAddr>,
    ) -> Result<AskedFor, Unavailable> {
        let is_known = match client.facts.source {
            ClientSource::Administrator => true,
            ClientSource::Itself => client
                .registered
                .is_some_and(|registered| registered.last_used_at.is_some()),
            ClientSource::Document => {
                return self.asked_for_document(client.id.as_str(), address).await;
            }
        };
        Ok(if is_known {
            AskedFor::Known
        } else {
            AskedFor::Strangers(address)
        })
    }

    /// For whom the document at `url` is asked for.
    pub(super) async fn asked_for_document(
        &self,
        url: &str,
        address: Option<IpAddr>,
    ) -> Result<AskedFor, Unavailable> {
        let found = self.store.get(&used(url), self.now()).await?;
        Ok(match found {
            Found::Live(_) => AskedFor::Known,
            Found::Spent(_) | Found::Absent => AskedFor::Strangers(address),
        })
    }

    /// Notes that a person allowed the client with the document at `url` something.
    pub(super) async fn note_used_document(&self, url: &str) -> Result<(), Unavailable> {
        let (key, now) = (used(url), self.now());
        let end = self.kept_until();
        if self.store.touch(&key, Some(end), now).await? {
            return Ok(());
        }
        let record = Record::new(key.clone(), now).expiring(end).with_body(&())?;
        let writes = vec![Write::Remove(key), Write::Insert(record)];
        match self
            .store
            .write(writes, now)
            .await
            .map_err(Unavailable::from)
        {
            // Another request was quicker.
            Err(error) if error.conflict().is_some() => Ok(()),
            written => written,
        }
    }
}

/// The place of the note that a document is used. No address has a blank in it.
pub(super) fn used(url: &str) -> Key {
    Key::metadata_document(&format!("used {url}"))
}

fn of_strangers(host: &str, address: Option<IpAddr>) -> Vec<(CounterKey, u64)> {
    let mut budgets = vec![
        (CounterKey::new("documents fetched", &[host]), OF_HOST),
        (CounterKey::new("documents fetched", &[]), IN_ALL),
    ];
    if let Some(address) = of_one_stranger(address) {
        let purpose = "documents fetched for";
        for (network, most) in shares_of(address, FOR_NETWORK) {
            budgets.push((CounterKey::new(purpose, &[&network]), most));
        }
        let parts = [&network_of(address), host];
        budgets.push((CounterKey::new(purpose, &parts), OF_HOST_FOR_NETWORK));
    }
    budgets
}
