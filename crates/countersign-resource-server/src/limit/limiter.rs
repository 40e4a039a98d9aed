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
mod tests {
    use countersign_oauth::Lifetime;

    use crate::Assertion;
    use crate::limit::{LimitStore, Limits, SharedBudget, Taking};

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
    fn g6_each_credential_counts_against_every_budget_whichever_comes_first() {
        let ten = Quota::per_minute(10);
        for limits in [
            Limits::none().per_component("export", ten),
            Limits::none().per_key(ten),
            Limits::none().per_client(ten),
        ] {
            let limiter = limiter(limits);
            let key = |id: &str| {
                let token = Assertion::new("urn:countersign:api-keys", "service:nightly");
                let token = token.key(id).client_id(id);
                Caller::authenticated(AccessToken::assertion(token))
            };
            // A credential of somebody else is before it each time, a key too.
            let passed = (0..1_000)
                .take_while(|number| {
                    let other = Assertion::new("https://as.example", format!("ada-{number}"));
                    let other = other.key(format!("other-{number}"));
                    let other = Caller::authenticated(AccessToken::assertion(other));
                    let both = other.and(key("k"));
                    limiter.charge_at(&both, Some("export"), SECOND).is_ok()
                })
                .count();
            assert_eq!(passed, 10);
            // What was refused cost the other nothing.
            let other = Assertion::new("https://as.example", "ada-10").key("other-10");
            let other = Caller::authenticated(AccessToken::assertion(other));
            assert!(passing(&limiter, &other, Some("export"), 1) >= 10);
        }
    }

    /// Counts who is asked about.
    #[derive(Debug, Default)]
    struct Asked(std::sync::Mutex<Vec<String>>);

    impl LimitStore for Asked {
        fn take<'a>(&'a self, budget: SharedBudget<'a>, cost: u32) -> Taking<'a> {
            let asked = format!("{:?} {} {cost}", budget.budget, budget.name);
            self.0.lock().unwrap().push(asked);
            Box::pin(async { Ok(None) })
        }
    }

    #[tokio::test]
    async fn g6_servers_that_share_their_limits_count_each_credential_too() {
        let store = Arc::new(Asked::default());
        let ten = Quota::per_minute(10);
        let limits = Limits::none().per_user(ten).per_key(ten).cost("export", 3);
        let limiter = limiter(limits.shared(store.clone(), WhenLost::Refuse));
        let token = Assertion::new("urn:countersign:api-keys", "service:nightly").key("k");
        let key = Caller::authenticated(AccessToken::assertion(token));
        let both = ada().and(key);
        limiter.share(&both, Some("export")).await.unwrap();
        let asked = store.0.lock().unwrap().clone();
        assert_eq!(asked, ["User ada 3", "User service:nightly 3", "Key k 3"]);
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
