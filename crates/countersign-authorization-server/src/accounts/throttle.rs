//! How many logins may be tried: RFC 6749 §10.10, NIST SP 800-63B §3.2.2.
//!
//! A browser that logged in before has a budget of its own for its account, which
//! nobody else can use up. All others share budgets: one for each network and
//! account, one for each network, and a large one for each account, so that a
//! stranger can keep strangers out for a while, and never the person at home. Where the
//! address may be that of a proxy there is no budget for the network.

use std::net::IpAddr;

use countersign_oauth::{Lifetime, UnixTime};
use countersign_resource_server::limit::network::{network_of, of_one_stranger, shares_of};
use countersign_store::CounterKey;

use super::Accounts;
use crate::unavailable::Unavailable;

/// How many logins may be tried within `window`. A login that succeeds gives back
/// what was tried before it by the same browser or from the same network.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LoginBudgets {
    /// The time within which they are counted.
    pub window: Lifetime,
    /// By a browser that logged in before, for its account.
    pub device: u64,
    /// From one network, for one account.
    pub account_from_network: u64,
    /// From one network, an IPv4 /24 or an IPv6 /64, for all accounts; an IPv6 /48 may
    /// try ten times as many.
    pub network: u64,
    /// By all strangers together, for one account.
    pub account: u64,
}

impl Default for LoginBudgets {
    fn default() -> Self {
        Self {
            window: Lifetime::from_mins(15),
            device: 10,
            account_from_network: 10,
            network: 100,
            account: 100,
        }
    }
}

/// Who tries to log in.
pub(super) enum Trier<'a> {
    /// The browser under this name, which logged in before.
    Device(&'a str),
    /// Somebody else.
    Stranger(Option<IpAddr>),
}

impl Accounts {
    /// Counts an attempt for `account`, which is a name or a subject. When the budget
    /// is used up it answers from when on it can be tried again.
    pub(super) async fn spend(
        &self,
        account: &str,
        trier: &Trier<'_>,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let mut until = None;
        for (counter, most) in self.counters(account, trier) {
            let hits = self
                .store
                .hit(&counter, self.budgets.window, self.now())
                .await?;
            if hits.count > most {
                until = until.max(Some(hits.until));
                // What is refused must not use up what is shared with others.
                break;
            }
        }
        Ok(until)
    }

    /// Gives back what this browser, or this network for this account, has used.
    pub(super) async fn give_back(
        &self,
        account: &str,
        trier: &Trier<'_>,
    ) -> Result<(), Unavailable> {
        if let Some((counter, _)) = self.counters(account, trier).first() {
            self.store.forget_hits(counter).await?;
        }
        Ok(())
    }

    /// The narrowest first.
    fn counters(&self, account: &str, trier: &Trier<'_>) -> Vec<(CounterKey, u64)> {
        let budgets = &self.budgets;
        match trier {
            Trier::Device(device) => {
                let counter = CounterKey::new("login by device", &[account, device]);
                vec![(counter, budgets.device)]
            }
            Trier::Stranger(address) => {
                let network = of_one_stranger(*address).map(network_of);
                let parts = [account, network.as_deref().unwrap_or_default()];
                let pair = CounterKey::new("login to account from network", &parts);
                let mut counters = vec![(pair, budgets.account_from_network)];
                if let Some(address) = of_one_stranger(*address) {
                    for (network, most) in shares_of(address, budgets.network) {
                        let counter = CounterKey::new("login from network", &[&network]);
                        counters.push((counter, most));
                    }
                }
                let all = CounterKey::new("login to account", &[account]);
                counters.push((all, budgets.account));
                counters
            }
        }
    }
}
