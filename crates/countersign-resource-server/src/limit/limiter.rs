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
use crate::{Caller, Principal};

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
        let of = match component {
            Some(name) if !self.components.is_empty() => self.components.get(name),
            _ => None,
        };
        let cost = of.map_or(1, |of| of.cost);
        let mut taken = Taken::default();
        let all = self.take_all(caller, component.zip(of), cost, now, &mut taken);
        let placed = all.and_then(|()| match of.and_then(|of| of.slots.as_ref()) {
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
        component: Option<(&str, &'a ComponentLimit)>,
        cost: u32,
        now: u64,
        taken: &mut Taken<'a>,
    ) -> Result<(), Exceeded> {
        let mut take = |budget, limit: &'a Limit, key: Keyed, cost, name: Option<&str>| {
            if let Err(wait) = limit.table.take(key, now, cost) {
                return Err(match name {
                    Some(name) => Exceeded::of(budget, wait.0, limit.quota, name),
                    None => Exceeded::new(budget, wait.0, TRY_LATER.to_owned()),
                });
            }
            taken.note(&limit.table, key, cost);
            Ok(())
        };
        // Each of several credentials: who adds another one has no other budget.
        if let Some(limit) = &self.user {
            if caller.is_anonymous() {
                let key = user(&limit.table, caller);
                take(Budget::User, limit, key, cost, None)?;
            }
            for token in caller.credentials() {
                let key = limit.table.keyed((token.iss(), token.sub()));
                take(Budget::User, limit, key, cost, Some(token.sub()))?;
            }
        }
        if let Some(limit) = &self.client {
            for token in caller.credentials() {
                if let Some(client) = token.client_id() {
                    let key = limit.table.keyed((token.iss(), client));
                    take(Budget::Client, limit, key, cost, Some(client))?;
                }
            }
        }
        if let Some(limit) = &self.key
            && let Some((issuer, id)) = api_key(caller)
        {
            let key = limit.table.keyed((issuer, id));
            take(Budget::Key, limit, key, cost, Some(id))?;
        }
        if let Some((name, of)) = component
            && let Some(limit) = &of.limit
        {
            take(
                Budget::Component,
                limit,
                user(&limit.table, caller),
                1,
                Some(name),
            )?;
        }
        Ok(())
    }
}

/// Whom a caller is: issuer and subject, else a machine.
pub(super) fn user(table: &Table, caller: &Caller) -> Keyed {
    match caller.principal() {
        Some(Principal {
            issuer, subject, ..
        }) => table.keyed((&**issuer, &**subject)),
        None => table.keyed(caller.address().map(machine)),
    }
}

/// The API key among the credentials of a caller, if there is one: who vouches for it, and
/// its id.
pub(super) fn api_key(caller: &Caller) -> Option<(&str, &str)> {
    let mut keys = caller
        .credentials()
        .filter_map(|token| Some((token.iss(), token.key()?)));
    keys.next()
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
mod tests {
    use countersign_oauth::Lifetime;

    use crate::limit::Limits;
    use crate::{AccessToken, Assertion};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn caller(issuer: &str, subject: &str, client: &str) -> Caller {
        let token = Assertion::new(issuer, subject).client_id(client);
        Caller::authenticated(AccessToken::assertion(token))
    }

    fn ada() -> Caller {
        caller("https://as.example", "ada", "c")
    }

    fn limiter(limits: Limits) -> Limiter {
        limits.build().unwrap()
    }

    /// How many requests pass at the second `at`.
    fn passing(limiter: &Limiter, caller: &Caller, component: Option<&str>, at: u64) -> usize {
        let charge = || limiter.charge_at(caller, component, at * SECOND).is_ok();
        (0..1_000).take_while(|_| charge()).count()
    }

    #[test]
    fn m_23_a_user_has_a_hundred_a_minute_and_is_told_so_in_the_words_of_the_documents() {
        let limiter = limiter(Limits::new());
        assert_eq!(passing(&limiter, &ada(), None, 1), 100);
        let refused = limiter.charge_at(&ada(), None, SECOND).unwrap_err();
        assert_eq!(
            refused.message(),
            "Rate limit exceeded for user ada. Max 100 requests per minute."
        );
        assert_eq!(refused.budget, Budget::User);
        // 0.6 seconds, rounded up.
        assert_eq!(refused.retry_after, Lifetime::from_secs(1));
        let nobody = Caller::anonymous().at("192.0.2.1".parse().unwrap());
        assert_eq!(passing(&limiter, &nobody, None, 1), 100);
        let refused = limiter.charge_at(&nobody, None, SECOND).unwrap_err();
        assert_eq!(
            refused.message(),
            "Rate limit exceeded. Please try again later."
        );
        assert_eq!(passing(&limiter, &ada(), None, 61), 100);
    }

    #[test]
    fn g6_who_adds_another_credential_has_no_other_budget() {
        let limiter = limiter(Limits::none().per_user(Quota::per_minute(10)));
        let key = caller("urn:countersign:api-keys", "service:nightly", "k");
        // Each time with a token of somebody else in front of it.
        let passed = (0..1_000)
            .map(|number| caller("https://as.example", &format!("ada-{number}"), "c"))
            .take_while(|other| {
                let both = other.clone().and(key.clone());
                limiter.charge_at(&both, None, SECOND).is_ok()
            });
        assert_eq!(passed.count(), 10);
        assert!(limiter.charge_at(&key, None, SECOND).is_err());
        // What was refused cost those in front nothing.
        let refused = caller("https://as.example", "ada-10", "c");
        assert_eq!(passing(&limiter, &refused, None, 1), 10);
    }

    #[test]
    fn g5_g6_g7_nothing_but_issuer_and_subject_makes_another_user() {
        let limiter = limiter(Limits::none().per_user(Quota::per_minute(10)));
        let mut claims = serde_json::Map::new();
        for (number, name) in ["Ada", "ADA", "ada.", "ada ", "a\u{200b}da", "\u{e4}da"]
            .into_iter()
            .enumerate()
        {
            for claim in ["email", "preferred_username", "name"] {
                claims.insert(claim.to_owned(), name.into());
            }
            let token = Assertion::new("https://as.example", "ada")
                .client_id(format!("https://client-{number}.example/"))
                .claims(claims.clone());
            let caller = Caller::authenticated(AccessToken::assertion(token)).at(IpAddr::from([
                192,
                0,
                2,
                u8::try_from(number).unwrap(),
            ]));
            let passed = usize::from(number == 0) * 10;
            assert_eq!(passing(&limiter, &caller, None, 1), passed, "{name}");
        }
        // Another issuer's ada is somebody else.
        let other = caller("https://other.example", "ada", "c");
        assert_eq!(passing(&limiter, &other, None, 1), 10);
    }

    #[test]
    fn g4_an_ipv6_network_is_one_address_however_it_is_written() {
        let of = |text: &str| -> Option<IpAddr> { text.parse().ok() };
        let passing = |limiter: &Limiter, addresses: &mut dyn Iterator<Item = Option<IpAddr>>| {
            addresses
                .filter(|address| limiter.arrive_at(*address, SECOND).is_ok())
                .count()
        };
        let limits = || limiter(Limits::none().per_address(Quota::per_day(20)));
        let mut network = (0..10_000).map(|n| of(&format!("2001:db8::{n:x}")));
        assert_eq!(passing(&limits(), &mut network), 20);
        let spellings = [
            "2001:db8:0:0:0:0:0:1",
            "2001:db8::1",
            "2001:0db8::0001",
            "2001:DB8::1",
            "2001:db8:0:0::1",
            "2001:db8::0.0.0.1",
        ];
        let mut same = spellings.iter().cycle().take(60).map(|text| of(text));
        assert_eq!(passing(&limits(), &mut same), 20);
        let mapped = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"];
        let mut mapped = mapped.iter().cycle().take(60).map(|text| of(text));
        assert_eq!(passing(&limits(), &mut mapped), 20);
        // A zone is no part of an address that anybody is believed.
        assert_eq!(of("fe80::1%eth0"), None);
        // Ten networks of one customer have as much as ten customers; more have no more.
        let mut customer = (0..10_000).map(|n| of(&format!("2001:db8:1:{n:x}::1")));
        assert_eq!(passing(&limits(), &mut customer), 200);
    }

    #[test]
    fn clients_keys_and_components_have_budgets_of_their_own() {
        let ten = Quota::per_minute(10);
        let per_client = limiter(Limits::none().per_client(ten));
        assert_eq!(passing(&per_client, &ada(), None, 1), 10);
        let bob = caller("https://as.example", "bob", "c");
        let refused = per_client.charge_at(&bob, None, SECOND).unwrap_err();
        assert_eq!(
            refused.message(),
            "Rate limit exceeded for client c. Max 10 requests per minute."
        );
        let key = |id: &str| {
            let token = Assertion::new("urn:countersign:api-keys", "nightly").key(id);
            Caller::authenticated(AccessToken::assertion(token))
        };
        let per_key = limiter(Limits::none().per_key(ten));
        assert_eq!(passing(&per_key, &key("k1"), None, 1), 10);
        assert_eq!(passing(&per_key, &key("k2"), None, 1), 10);
        let refused = per_key.charge_at(&key("k1"), None, SECOND).unwrap_err();
        assert_eq!(refused.budget, Budget::Key);
        let per_tool = limiter(Limits::none().per_component("export", ten));
        assert_eq!(passing(&per_tool, &ada(), Some("export"), 1), 10);
        assert_eq!(passing(&per_tool, &ada(), Some("import"), 1), 1_000);
        assert_eq!(passing(&per_tool, &bob, Some("export"), 1), 10);
        let refused = per_tool
            .charge_at(&ada(), Some("export"), SECOND)
            .unwrap_err();
        assert_eq!(
            refused.message(),
            "Rate limit exceeded for export. Max 10 requests per minute."
        );
    }

    #[test]
    fn what_is_refused_by_one_limit_uses_up_nothing_of_the_others() {
        let limits = Limits::none()
            .per_user(Quota::per_minute(10))
            .per_component("export", Quota::per_minute(2))
            .cost("export", 3);
        let limiter = limiter(limits);
        assert_eq!(passing(&limiter, &ada(), Some("export"), 1), 2);
        assert!(limiter.charge_at(&ada(), Some("export"), SECOND).is_err());
        // Two of three are ten less six.
        assert_eq!(passing(&limiter, &ada(), None, 1), 4);
    }

    #[test]
    fn expensive_work_has_places_and_a_refused_call_takes_none() {
        let limits = Limits::none()
            .per_user(Quota::per_minute(10))
            .concurrent("export", 2);
        let limiter = limiter(limits);
        let charge = || limiter.charge_at(&ada(), Some("export"), SECOND);
        let (first, second) = (charge().unwrap(), charge().unwrap());
        for _ in 0..50 {
            assert_eq!(charge().unwrap_err().budget, Budget::Concurrency);
        }
        drop(first);
        let third = charge().unwrap();
        assert!(charge().is_err());
        drop((second, third));
        // Three were let through.
        assert_eq!(passing(&limiter, &ada(), None, 1), 7);
    }

    #[test]
    fn c12_wrong_credentials_of_one_stranger_are_counted_and_those_behind_a_proxy_are_not() {
        let limiter = limiter(Limits::unless_said());
        let failing = |text: &str| {
            let fail = || limiter.fail_at(text.parse().ok(), SECOND).is_ok();
            (0..10_000).take_while(|_| fail()).count()
        };
        assert_eq!(failing("203.0.113.9"), 100);
        assert_eq!(failing("2001:db8::1"), 100);
        assert_eq!(failing("10.0.0.1"), 10_000);
    }

    #[test]
    fn limits_that_let_nothing_through_stop_the_start() {
        let zero = Quota::per_minute(0);
        for (limits, word) in [
            (Limits::none().per_user(zero), "`user`"),
            (Limits::none().per_client(zero), "`client`"),
            (Limits::none().per_key(zero), "`key`"),
            (
                Limits::none().per_address(Quota::per_minute(9).burst(0)),
                "`address`",
            ),
            (Limits::none().failed_authentications(zero), "failed"),
            (Limits::none().per_component("export", zero), "`export`"),
            (Limits::none().cost("export", 0), "`export`"),
            (Limits::none().concurrent("export", 0), "`export`"),
            (Limits::new().room_for(0), "room_for"),
            (Limits::new().cost("export", 101), "never has more than 100"),
        ] {
            let refused = limits.build().unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
