//! How often one address may ask for what, and limits of several servers: G4 to G6, G8,
//! G10, G14, G16, G17.

use std::net::IpAddr;
use std::sync::Arc;

use countersign_authorization_server::SharedLimits;
use countersign_authorization_server::endpoint_budgets::EndpointBudgets;
use countersign_authorization_server::oauth::{Lifetime, UnixTime};
use countersign_resource_server::limit::{
    Budget, LimitStore, Limiter, Limits, Quota, SharedBudget, WhenLost,
};
use countersign_resource_server::{AccessToken, Assertion, Caller};
use countersign_store::MemoryStore;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use testkit::{NOW, TestClock};

use crate::fixture::*;
use crate::watched_store::{Health, WatchedStore};

fn ask(method: Method, path: &str, address: &str) -> Request<Full<bytes::Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .extension(address.parse::<IpAddr>().unwrap())
        .body(Full::default())
        .unwrap()
}

fn three(change: impl FnOnce(&mut EndpointBudgets)) -> countersign_authorization_server::Settings {
    let mut settings = settings();
    change(&mut settings.budgets.endpoints);
    settings
}

#[tokio::test(start_paused = true)]
async fn g17_each_endpoint_has_a_limit_of_its_own() {
    const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
    let few = Quota::per_hour(3);
    let settings = three(|budgets| {
        budgets.metadata = few;
        budgets.jwks = few;
        budgets.authorize = few;
        budgets.token = few;
        budgets.register = few;
        budgets.revoke = few;
        budgets.introspect = few;
        budgets.status = few;
    });
    let world = world_with(settings, |builder| builder).await;
    for (method, path) in [
        (Method::GET, WELL_KNOWN),
        (Method::GET, "/jwks"),
        (Method::GET, "/authorize"),
        (Method::POST, "/token"),
        (Method::POST, "/register"),
        (Method::POST, "/revoke"),
        (Method::POST, "/introspect"),
        (Method::GET, "/auth/status"),
    ] {
        for number in 0..6 {
            let address = format!("2001:db8:0:1::{number}");
            let seen = world.send(ask(method.clone(), path, &address)).await;
            let is_over = seen.status == StatusCode::TOO_MANY_REQUESTS;
            assert_eq!(is_over, number >= 3, "{path} {number} {seen:?}");
            if is_over {
                assert_eq!(seen.header("retry-after"), Some("1200"), "{path}");
                assert_eq!(seen.header("cache-control"), Some("no-store"));
            }
        }
        // Others are served, and so is everybody behind a proxy.
        for address in [
            "198.51.100.1",
            "10.0.0.1",
            "10.0.0.1",
            "10.0.0.1",
            "10.0.0.1",
        ] {
            let seen = world.send(ask(method.clone(), path, address)).await;
            assert_ne!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g14_no_other_spelling_and_no_other_method_has_another_budget() {
    let settings = three(|budgets| budgets.token = Quota::per_hour(3));
    let world = world_with(settings, |builder| builder).await;
    let home = "192.0.2.1";
    for method in [Method::GET, Method::HEAD, Method::POST] {
        world.send(ask(method, "/token", home)).await;
    }
    for path in ["/token", "/token?x=1"] {
        for method in [Method::POST, Method::GET, Method::HEAD, Method::OPTIONS] {
            let seen = world.send(ask(method, path, home)).await;
            assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
    }
    for path in ["/token/", "//token", "/TOKEN", "/%74oken"] {
        let seen = world.send(ask(Method::POST, path, home)).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn g8_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_window() {
    let world = world().await;
    let mint = async |secret: &str| {
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", basic("S", secret))
            .extension("192.0.2.1".parse::<IpAddr>().unwrap())
            .body(Full::from(form(&[("grant_type", "client_credentials")])));
        world.send(request.unwrap()).await.status
    };
    let begin = world.clock.now();
    // The clock is a day ahead for a moment, in which somebody guesses.
    world
        .clock
        .set(begin.saturating_add(Lifetime::from_hours(24)));
    for _ in 0..20 {
        assert_eq!(mint("guess").await, StatusCode::UNAUTHORIZED);
    }
    world.clock.set(begin);
    assert_eq!(mint(SECRET).await, StatusCode::TOO_MANY_REQUESTS);
    world.clock.advance(Lifetime::from_mins(14));
    assert_eq!(mint(SECRET).await, StatusCode::TOO_MANY_REQUESTS);
    world.clock.advance(Lifetime::from_mins(1));
    assert_eq!(mint(SECRET).await, StatusCode::OK);
    // An hour back: nobody begins anew, and nobody waits for the hour to pass again.
    let before = world.clock.now();
    for _ in 0..20 {
        assert_eq!(mint("guess").await, StatusCode::UNAUTHORIZED);
    }
    let back = before.saturating_sub(Lifetime::from_hours(1));
    world.clock.set(back);
    for secret in ["guess", SECRET] {
        assert_eq!(mint(secret).await, StatusCode::TOO_MANY_REQUESTS);
    }
    world.clock.advance(Lifetime::from_mins(15));
    assert_eq!(mint(SECRET).await, StatusCode::OK);
}

fn caller(subject: &str) -> Caller {
    let token = Assertion::new("https://as.example", subject);
    Caller::authenticated(AccessToken::assertion(token))
}

fn node(store: &SharedLimits, when_lost: WhenLost) -> Limiter {
    let limits = Limits::none().per_user(Quota::per_minute(100));
    let shared = Arc::new(store.clone());
    limits.shared(shared, when_lost).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn g10_three_servers_together_pass_no_more_than_one() {
    let clock = TestClock::at(UnixTime::from_secs(NOW.as_secs() / 60 * 60 + 59));
    let shared = SharedLimits::new(Arc::new(MemoryStore::new()), Arc::new(clock.clone()));
    let nodes: Vec<_> = (0..3).map(|_| node(&shared, WhenLost::Refuse)).collect();
    let spread = async |subject: &str| {
        let (mut passed, ada) = (0, caller(subject));
        for number in 0..600 {
            let limiter = &nodes[number % 3];
            let local = limiter.charge(&ada, None).is_ok();
            passed += u32::from(local && limiter.share(&ada, None).await.is_ok());
        }
        passed
    };
    assert_eq!(spread("ada").await, 100);
    // At the edge of the period nothing has come back, half a period later half of it.
    tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
    clock.advance(Lifetime::from_secs(1));
    assert_eq!(spread("ada").await, 0);
    clock.advance(Lifetime::from_secs(30));
    assert_eq!(spread("ada").await, 50);
    assert_eq!(spread("bob").await, 100);
    tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
    clock.advance(Lifetime::from_secs(120));
    assert_eq!(spread("ada").await, 100);
}

#[tokio::test]
async fn g10_those_who_come_at_the_same_moment_are_counted_all_the_same() {
    let shared = SharedLimits::new(Arc::new(MemoryStore::new()), Arc::new(TestClock::at(NOW)));
    let budget = SharedBudget::new(
        Budget::User,
        "https://as.example",
        "ada",
        Quota::per_minute(100),
    );
    let all = (0..300).map(|_| shared.take(budget, 1));
    let taken = crate::codes::join_all(all).await;
    let passed = taken.iter().filter(|taken| **taken == Ok(None)).count();
    assert!((90..=100).contains(&passed), "{passed}");
    // What costs more than is left is refused, and told when to come back.
    let refused = shared.take(budget, 5).await.unwrap();
    assert!(refused.is_some_and(|wait| wait.as_secs() >= 1));
}

#[tokio::test]
async fn g16_a_store_that_fails_is_lost_and_not_a_free_ride() {
    let store = WatchedStore::new(Health::FailsTo("hits"));
    let shared = SharedLimits::new(store, Arc::new(TestClock::at(NOW)));
    let refusing = node(&shared, WhenLost::Refuse);
    assert!(refusing.share(&caller("ada"), None).await.is_err());
    let counting = node(&shared, WhenLost::CountHere);
    let mut passed = 0;
    for _ in 0..300 {
        let local = counting.charge(&caller("ada"), None).is_ok();
        passed += u32::from(local && counting.share(&caller("ada"), None).await.is_ok());
    }
    assert!((100..=101).contains(&passed), "{passed}");
}
