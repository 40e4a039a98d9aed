//! Limits at work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::Rate;
use super::exceeded::{Budget, Exceeded, TRY_LATER};
use super::network::of_one_stranger;
use super::quota::Quota;
use super::slots::{Slot, Slots};
use super::store::{LimitStore, WhenLost};
use super::table::{Keyed, Table};
use crate::{AccessToken, Caller};

/// A quota, and how much of it everybody has.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) quota: Quota,
    pub(super) table: Table,
}

impl Limit {
    pub(super) fn new(quota: Quota, keys: usize) -> Self {
        Self {
            quota,
            table: Table::new(Rate::of(quota), keys),
        }
    }
}

/// The limit of addresses and that of the networks around them.
#[derive(Debug)]
pub(super) struct AddressLimit {
    pub(super) own: Limit,
    pub(super) around: Limit,
}

#[derive(Debug)]
pub(super) struct ComponentLimit {
    pub(super) limit: Option<Limit>,
    pub(super) cost: u32,
    pub(super) slots: Option<Arc<Slots>>,
}

/// Counts what callers do. Times are taken from a clock that only goes forward: whoever
/// sets the system clock frees and locks out nobody.
#[derive(Debug)]
pub struct Limiter {
    pub(super) user: Option<Limit>,
    pub(super) client: Option<Limit>,
    pub(super) key: Option<Limit>,
    pub(super) address: Option<AddressLimit>,
    pub(super) failures: Option<Limit>,
    pub(super) components: HashMap<Box<str>, ComponentLimit>,
    pub(super) store: Option<Arc<dyn LimitStore>>,
    pub(super) when_lost: WhenLost,
    pub(super) start: Instant,
}

/// What has been taken for a request that may not be let through after all.
#[derive(Default)]
struct Taken<'a> {
    places: [Option<(&'a Table, Keyed, u32)>; 4],
    /// Of callers with several credentials alone.
    more: Vec<(&'a Table, Keyed, u32)>,
}

impl<'a> Taken<'a> {
    fn note(&mut self, table: &'a Table, key: Keyed, cost: u32) {
        match self.places.iter_mut().find(|place| place.is_none()) {
            Some(free) => *free = Some((table, key, cost)),
            None => self.more.push((table, key, cost)),
        }
    }

    fn give_back(&self) {
        for (table, key, cost) in self.places.iter().flatten().chain(&self.more) {
            table.give_back(*key, *cost);
        }
    }
}

/// How long a caller waits who comes when all places are taken: nobody knows.
const WHILE_BUSY: u64 = 1_000_000_000;

impl Limiter {
    /// Counts a request of a verified caller for `component`, if it names one. What is
    /// refused uses nothing up. The place that is answered is held while the component
    /// runs.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] says whose budget is used up.
    pub fn charge(
        &self,
        caller: &Caller,
        component: Option<&str>,
    ) -> Result<Option<Slot>, Exceeded> {
        self.charge_at(caller, component, self.now())
    }

    /// Counts a request from `address`, of which nothing is known yet.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if there are too many.
    pub fn arrive(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        self.arrive_at(address, self.now())
    }

    fn arrive_at(&self, address: Option<IpAddr>, now: u64) -> Result<(), Exceeded> {
        match (&self.address, address) {
            (Some(limit), Some(address)) => limit.take(address, now),
            _ => Ok(()),
        }
    }

    /// Counts a wrong credential from `address`.
    ///
    /// # Errors
    ///
    /// [`Exceeded`] if there were too many.
    pub fn fail(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        self.fail_at(address, self.now())
    }

    fn fail_at(&self, address: Option<IpAddr>, now: u64) -> Result<(), Exceeded> {
        let (Some(limit), Some(address)) = (&self.failures, of_one_stranger(address)) else {
            return Ok(());
        };
        let key = limit.table.keyed(machine(address));
        let taken = limit.table.take(key, now, 1);
        taken.map_err(|wait| Exceeded::of(Budget::Address, wait.0, limit.quota, ""))
    }

    /// Whether a request has to be looked at closely enough to know its component.
    pub fn looks_at_components(&self) -> bool {
        !self.components.is_empty()
    }

    /// Whether there is anything that [`Limiter::share`] has to ask.
    pub fn is_shared(&self) -> bool {
        self.store.is_some()
    }

    fn now(&self) -> u64 {
        let since: Duration = Instant::now().saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn charge_at(
        &self,
        caller: &Caller,
        component: Option<&str>,
        now: u64,
    ) -> Result<Option<Slot>, Exceeded> {
        let mut taken = Taken::default();
        let all = self.take_all(caller, component, now, &mut taken);
        let slots = self.limit_of(component).and_then(|of| of.slots.as_ref());
        let placed = all.and_then(|()| match slots {
            None => Ok(None),
            Some(slots) => slots.take().map(Some).ok_or_else(|| {
                Exceeded::new(Budget::Concurrency, WHILE_BUSY, TRY_LATER.to_owned())
            }),
        });
        if placed.is_err() {
            taken.give_back();
        }
        placed
    }

    fn take_all<'a>(
        &'a self,
        caller: &Caller,
        component: Option<&str>,
        now: u64,
        taken: &mut Taken<'a>,
    ) -> Result<(), Exceeded> {
        for charge in self.charges(caller, component) {
            let (table, key) = (&charge.limit.table, charge.key(caller));
            if let Err(wait) = table.take(key, now, charge.cost) {
                return Err(charge.exceeded(wait.0));
            }
            taken.note(table, key, charge.cost);
        }
        Ok(())
    }

    /// Gives back what [`Limiter::charge`] took for a request.
    pub(super) fn give_back(&self, caller: &Caller, component: Option<&str>) {
        for charge in self.charges(caller, component) {
            let table = &charge.limit.table;
            table.give_back(charge.key(caller), charge.cost);
        }
    }

    fn limit_of(&self, component: Option<&str>) -> Option<&ComponentLimit> {
        match component {
            Some(name) if !self.components.is_empty() => self.components.get(name),
            _ => None,
        }
    }

    /// Which budgets a request counts against, each once for each credential: who adds
    /// another one has no other budget.
    pub(super) fn charges<'l, 'c>(
        &'l self,
        caller: &'c Caller,
        component: Option<&'c str>,
    ) -> impl Iterator<Item = Charge<'l, 'c>> {
        let of = self.limit_of(component);
        let cost = of.map_or(1, |of| of.cost);
        let charge = move |budget, limit, whom, cost| Charge {
            budget,
            limit,
            whom,
            component: component.unwrap_or_default(),
            cost,
        };
        let of_users = self.user.iter().flat_map(move |limit| {
            users(caller).map(move |whom| charge(Budget::User, limit, whom, cost))
        });
        let clients = self.client.iter().flat_map(move |limit| {
            let named = caller.credentials().filter_map(client);
            named.map(move |whom| charge(Budget::Client, limit, Some(whom), cost))
        });
        let keys = self.key.iter().flat_map(move |limit| {
            let named = caller.credentials().filter_map(api_key);
            named.map(move |whom| charge(Budget::Key, limit, Some(whom), cost))
        });
        let limited = of.and_then(|of| of.limit.as_ref()).into_iter();
        let components = limited.flat_map(move |limit| {
            users(caller).map(move |whom| charge(Budget::Component, limit, whom, 1))
        });
        of_users.chain(clients).chain(keys).chain(components)
    }
}

/// Somebody by the issuer that vouches for them and the name that it gives them; nothing
/// stands for the machine of whoever has no credential.
type Whom<'a> = Option<(&'a str, &'a str)>;

/// What one request takes from one budget.
pub(super) struct Charge<'l, 'c> {
    pub(super) budget: Budget,
    pub(super) limit: &'l Limit,
    pub(super) whom: Whom<'c>,
    /// The component that the request names.
    pub(super) component: &'c str,
    pub(super) cost: u32,
}

impl Charge<'_, '_> {
    fn key(&self, caller: &Caller) -> Keyed {
        match self.whom {
            Some(whom) => self.limit.table.keyed(whom),
            None => self.limit.table.keyed(caller.address().map(machine)),
        }
    }

    /// The refusal of whoever may come back after `wait` nanoseconds.
    pub(super) fn exceeded(&self, wait: u64) -> Exceeded {
        let name = match (self.budget, self.whom) {
            (Budget::Component, _) => Some(self.component),
            (_, whom) => whom.map(|(_, name)| name),
        };
        match name {
            Some(name) => Exceeded::of(self.budget, wait, self.limit.quota, name),
            None => Exceeded::new(self.budget, wait, TRY_LATER.to_owned()),
        }
    }
}

fn users(caller: &Caller) -> impl Iterator<Item = Whom<'_>> {
    let nobody = caller.is_anonymous().then_some(None);
    let named = caller.credentials();
    let named = named.map(|token| Some((token.iss(), token.sub())));
    nobody.into_iter().chain(named)
}

fn client(token: &AccessToken) -> Option<(&str, &str)> {
    Some((token.iss(), token.client_id()?))
}

fn api_key(token: &AccessToken) -> Option<(&str, &str)> {
    Some((token.iss(), token.key()?))
}

/// An IPv4 address, an IPv6 /64.
pub(crate) fn machine(address: IpAddr) -> (u8, u64) {
    match address.to_canonical() {
        IpAddr::V4(address) => (4, u64::from(u32::from(address))),
        IpAddr::V6(address) => (6, u64::try_from(u128::from(address) >> 64).unwrap_or(0)),
    }
}

impl AddressLimit {
    fn take(&self, address: IpAddr, now: u64) -> Result<(), Exceeded> {
        let (version, bits) = machine(address);
        let exceeded = |wait, limit: &Limit| Exceeded::of(Budget::Address, wait, limit.quota, "");
        let key = self.own.table.keyed((version, bits));
        self.own
            .table
            .take(key, now, 1)
            .map_err(|wait| exceeded(wait.0, &self.own))?;
        if version == 4 {
            return Ok(());
        }
        let around = self.around.table.keyed(bits >> 16);
        self.around.table.take(around, now, 1).map_err(|wait| {
            self.own.table.give_back(key, 1);
            exceeded(wait.0, &self.around)
        })
    }
}

#[cfg(test)]
mod tests;
