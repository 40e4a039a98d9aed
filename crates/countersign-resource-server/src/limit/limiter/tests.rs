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
