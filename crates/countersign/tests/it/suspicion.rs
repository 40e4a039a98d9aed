//! What looks like an attack, over HTTP: it is noted, slows whoever does it, and nobody
//! else. M-25 and row G13.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use countersign::audit::{Record, Severity, Suspicion};
use countersign::authorization_server::overview::GrantsOf;
use countersign::authorization_server::upstream::Upstream;
use countersign::oauth::{Lifetime, Secret};
use countersign::{App, EmbeddedAuth, Http, Limits};
use countersign_resource_server::provider::Preset;
use serde_json::json;
use testkit::client::http::RequestBuilder;
use testkit::{ModernClient, TestClock};
use tokio::time::Instant;

use crate::embedded::client::Client;
use crate::embedded::{headless, server};
use crate::fixture::{Noted, Seen};

const ATTACKER: &str = "203.0.113.66";
const OWNER: &str = "198.51.100.7";
/// How long a suspicious refusal is held back.
const HELD: Duration = Duration::from_millis(1500);

struct House {
    app: App,
    clock: TestClock,
    noted: Noted,
}

/// Time stands still unless somebody waits.
fn house(auth: EmbeddedAuth) -> House {
    house_with(auth, Limits::unless_said())
}

fn house_with(auth: EmbeddedAuth, limits: Limits) -> House {
    let (clock, noted) = (TestClock::new(), Noted::default());
    let app = server(auth, &clock)
        .limits(limits)
        .audit(noted.clone())
        .suspicion(Suspicion::new())
        .into_app(&Http::bind("127.0.0.1:8000"))
        .unwrap();
    House { app, clock, noted }
}

impl House {
    /// As it is seen from `address`.
    fn from(&self, address: &str) -> testkit::Http {
        let (app, peer) = (self.app.clone(), address.parse::<IpAddr>().unwrap());
        testkit::Http::function(move |request| {
            let app = app.clone();
            async move { app.respond(request, Some(peer)).await }
        })
    }

    /// `client` as if it were at `address`.
    fn moved(&self, client: &Client, address: &str) -> Client {
        Client {
            http: self.from(address),
            metadata: client.metadata.clone(),
            resource: client.resource.clone(),
            scope: client.scope.clone(),
            id: client.id.clone(),
            callback: client.callback.clone(),
        }
    }

    /// The suspicions of this name since the last call, each with how much it matters.
    fn suspicions(&self, event: &str) -> Vec<Severity> {
        let records = self.noted.taken();
        let of_it = records
            .iter()
            .filter(|record| record.event.as_str() == event);
        of_it.map(|record| record.severity).collect()
    }
}

/// The status, and how long the answer took.
async fn timed(request: RequestBuilder) -> (u16, Duration) {
    let began = Instant::now();
    let seen = Seen::of(request.send().await).await;
    (seen.status, began.elapsed())
}

fn greeting(http: &testkit::Http, token: &str) -> RequestBuilder {
    let client = ModernClient::new(http.clone(), "/mcp").bearer(token);
    client.mcp("tools/call", json!({ "name": "whoami", "arguments": {} }))
}

fn posted(http: &testkit::Http, path: &str, form: &str) -> RequestBuilder {
    http.post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
}

fn refresh(http: &testkit::Http, client: &Client, token: &str) -> RequestBuilder {
    let form = format!(
        "grant_type=refresh_token&client_id={}&refresh_token={token}",
        client.id
    );
    posted(http, "/token", &form)
}

#[tokio::test(start_paused = true)]
async fn m_25_a_spent_refresh_token_is_an_alert_and_whoever_goes_on_with_it_becomes_slow() {
    let house = house(headless());
    let owner = Client::discover(&house.from(OWNER)).await;
    let (_, stolen) = owner.tokens().await;
    let (_, current) = owner.refresh(&stolen).await;
    house.clock.advance(Lifetime::from_mins(1));
    house.noted.taken();
    let thief = house.from(ATTACKER);
    let (status, took) = timed(refresh(&thief, &owner, &stolen)).await;
    assert_eq!((status, took), (400, Duration::ZERO));
    assert_eq!(house.suspicions("replay_detected"), [Severity::Alert]);
    // The tokens that came of it are good no more, for nobody, and that is told once.
    let mut told = 0;
    for attempt in 0..30 {
        let (status, took) = timed(refresh(&thief, &owner, &current)).await;
        assert_eq!(status, 400, "{attempt}");
        // The first was the spent token.
        let held = if attempt < 9 { Duration::ZERO } else { HELD };
        assert_eq!(took, held, "{attempt}");
        told += house.suspicions("impossible_sequence").len();
    }
    assert_eq!(told, 1);
    // The owner is refused without a wait, and begins again without one.
    let (status, took) = timed(refresh(&house.from(OWNER), &owner, &current)).await;
    assert_eq!((status, took), (400, Duration::ZERO));
    let began = Instant::now();
    let (access, _) = owner.tokens().await;
    assert_eq!(owner.call("whoami", &access).await.0, 200);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn m_25_a_token_that_its_client_revoked_is_not_used_again_unnoticed() {
    let house = house(headless());
    let owner = Client::discover(&house.from(OWNER)).await;
    let (_, token) = owner.tokens().await;
    owner.revoke(&token).await;
    house.noted.taken();
    let thief = house.from(ATTACKER);
    assert_eq!(timed(refresh(&thief, &owner, &token)).await.0, 400);
    assert_eq!(house.suspicions("impossible_sequence"), [Severity::Warning]);
    // Whose person took the grant back asks once more, and learns it so.
    let (_, token) = owner.tokens().await;
    let server = house.app.authorization_server().unwrap();
    let listed = server.grants(GrantsOf::Everybody, None).await.unwrap();
    assert!(!listed.entries.is_empty());
    for grant in listed.entries {
        server.revoke_grant(&grant.id).await.unwrap();
    }
    house.noted.taken();
    let answer = refresh(&house.from(OWNER), &owner, &token);
    assert_eq!(timed(answer).await.0, 400);
    assert_eq!(house.suspicions("impossible_sequence"), []);
}

/// What an attacker can get wrong again and again.
fn wrong(what: &str, number: usize, http: &testkit::Http, client: &Client) -> RequestBuilder {
    match what {
        "access tokens" => greeting(http, &format!("guess-{number}")),
        "refresh tokens" => refresh(http, client, &format!("guess-{number}")),
        "codes" => {
            let form = format!(
                "grant_type=authorization_code&client_id={}&code=guess-{number}\
                 &redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&code_verifier={}",
                client.id,
                "v".repeat(43)
            );
            posted(http, "/token", &form)
        }
        _ => {
            let form = "grant_type=client_credentials&client_id=nobody&client_secret=guess";
            posted(http, "/token", form)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g13_many_failures_from_one_address_are_a_warning_and_slow_nobody_else() {
    for what in ["access tokens", "refresh tokens", "codes", "client secrets"] {
        let house = house(headless());
        let owner = Client::discover(&house.from(OWNER)).await;
        let (access, token) = owner.tokens().await;
        house.noted.taken();
        let attacker = house.from(ATTACKER);
        for number in 0..30 {
            let (status, took) = timed(wrong(what, number, &attacker, &owner)).await;
            assert!([400, 401, 429].contains(&status), "{what} {status}");
            let held = if number < 10 { Duration::ZERO } else { HELD };
            assert_eq!(took, held, "{what} {number}");
        }
        let told = house.suspicions("many_failures");
        assert_eq!(told, [Severity::Warning], "{what}");
        // From elsewhere whoever fails is answered at once, and so is the owner,
        // who is even where the attacker is.
        let elsewhere = wrong(what, 31, &house.from(OWNER), &owner);
        assert_eq!(timed(elsewhere).await.1, Duration::ZERO, "{what}");
        for address in [OWNER, ATTACKER] {
            let here = house.from(address);
            let (status, took) = timed(greeting(&here, &access)).await;
            assert_eq!((status, took), (200, Duration::ZERO), "{what} {address}");
        }
        let (status, took) = timed(refresh(&attacker, &owner, &token)).await;
        assert_eq!((status, took), (200, Duration::ZERO), "{what}");
        assert_eq!(house.suspicions("many_failures"), [], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn m_25_one_grant_at_many_addresses_is_a_warning_and_everybody_is_served() {
    let house = house(headless());
    let owner = Client::discover(&house.from(OWNER)).await;
    let (access, mut token) = owner.tokens().await;
    house.noted.taken();
    // One person on the road.
    for number in 0..5 {
        let here = house.from(&format!("198.51.{number}.1"));
        for _ in 0..20 {
            let (status, took) = timed(greeting(&here, &access)).await;
            assert_eq!((status, took), (200, Duration::ZERO));
        }
    }
    assert_eq!(house.suspicions("many_addresses"), []);
    for number in 0..60 {
        let here = house.from(&format!("192.0.{number}.1"));
        let (status, took) = timed(greeting(&here, &access)).await;
        assert_eq!((status, took), (200, Duration::ZERO), "{number}");
    }
    assert_eq!(house.suspicions("many_addresses"), [Severity::Warning]);
    // The same of refreshes, which name their grant.
    for number in 0..60 {
        let moved = house.moved(&owner, &format!("203.0.{number}.1"));
        let began = Instant::now();
        token = moved.refresh(&token).await.1;
        assert_eq!(began.elapsed(), Duration::ZERO, "{number}");
    }
    let told = house.suspicions("many_addresses");
    assert!(told.iter().all(|severity| *severity == Severity::Warning));
    assert_eq!(told.len(), 1, "it is told once, not for each address");
}

fn github() -> Upstream {
    let preset = Preset::parse(Preset::text("github").unwrap()).unwrap();
    let values = BTreeMap::from([("client_id".to_owned(), "client".to_owned())]);
    Upstream::builder(preset.fill(&values).unwrap(), "client")
        .secret(Secret::new("a secret of this test"))
        .allow_everyone()
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn m_25_who_comes_back_without_having_been_sent_is_a_warning_and_becomes_slow() {
    let upstream = github();
    let auth = EmbeddedAuth::in_memory().configure(move |server| server.upstream(upstream));
    let house = house(auth);
    let callback = |http: &testkit::Http, number: usize| {
        http.get(&format!(
            "/callback/github?code=stolen&state=guess-{number}"
        ))
    };
    let attacker = house.from(ATTACKER);
    let mut severities = Vec::new();
    for number in 0..20 {
        let (status, took) = timed(callback(&attacker, number)).await;
        assert_eq!(status, 400);
        // Each counts twice.
        let held = if number < 5 { Duration::ZERO } else { HELD };
        assert_eq!(took, held, "{number}");
        let records: Vec<Record> = house.noted.taken();
        let refused = |record: &&Record| record.event.as_str() == "callback_refused";
        let reasons = records.iter().filter(refused);
        let reasons: Vec<_> = reasons
            .map(|record| (record.reason.as_ref().unwrap().as_str(), record.severity))
            .collect();
        assert_eq!(reasons, [("unknown_state", Severity::Warning)], "{number}");
        let many = records.iter();
        let many = many.filter(|record| record.event.as_str() == "many_failures");
        severities.extend(many.map(|record| record.severity));
    }
    assert_eq!(severities, [Severity::Warning]);
    let elsewhere = timed(callback(&house.from(OWNER), 99)).await;
    assert_eq!(elsewhere, (400, Duration::ZERO));
    let page = timed(attacker.get("/account")).await;
    assert_eq!(page.1, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn g13_slow_answers_hold_up_nobody_and_are_bounded() {
    // The limit of failures would end most of this earlier.
    let house = house_with(headless(), Limits::none());
    let owner = Client::discover(&house.from(OWNER)).await;
    let (access, _) = owner.tokens().await;
    let attacker = house.from(ATTACKER);
    for number in 0..10 {
        timed(wrong("access tokens", number, &attacker, &owner)).await;
    }
    let began = Instant::now();
    let mut waiting = Vec::new();
    for number in 0..1_000 {
        let request = greeting(&attacker, &format!("guess-{number}"));
        waiting.push(tokio::spawn(async move { timed(request).await.1 }));
    }
    tokio::task::yield_now().await;
    // Beside them the owner is served, also from the address of the attacker.
    for address in [OWNER, ATTACKER] {
        let here = house.from(address);
        assert_eq!(timed(greeting(&here, &access)).await.0, 200);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    let mut held = 0;
    for answer in waiting {
        let took = answer.await.unwrap();
        assert!([Duration::ZERO, HELD].contains(&took), "{took:?}");
        held += usize::from(took == HELD);
    }
    assert_eq!(held, 256);
    assert_eq!(began.elapsed(), HELD);
}
