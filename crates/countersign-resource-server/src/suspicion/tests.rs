//! Rows G13, M-25: who is noticed, who is slowed, and who is not.

use std::net::{IpAddr, Ipv4Addr};

use tokio::time::Instant;

use super::*;

const START: u64 = 1_900_000_000_000;

#[derive(Debug, Default)]
struct Noted(Mutex<Vec<Record>>);

impl Sink for Noted {
    fn note(&self, record: Record) {
        self.0.lock().unwrap().push(record);
    }
}

impl Noted {
    /// The suspicions since the last call.
    fn raised(&self) -> Vec<String> {
        let records = std::mem::take(&mut *self.0.lock().unwrap());
        let raised = records
            .into_iter()
            .filter(|record| record.severity >= Severity::Warning);
        raised.map(|record| record.event.to_string()).collect()
    }
}

fn watch() -> (Watch, Arc<Noted>) {
    let noted = Arc::new(Noted::default());
    (Suspicion::new().over(noted.clone()), noted)
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

fn refused(at: u64, from: u8, client: &str, request: &str) -> Record {
    Record::new("client_refused", "a client did not authenticate", at)
        .outcome(Outcome::Refused)
        .client(client.to_owned())
        .reason("wrong_secret")
        .request(request.to_owned())
        .address(address(from))
}

/// How long the answer to `request` is held back.
async fn held(watch: &Watch, request: &str) -> Duration {
    let began = Instant::now();
    let id = RequestId::parse(request).unwrap();
    watch.suspicion().hold_back(&id).await;
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn g13_who_fails_often_is_noticed_once_and_slowed_and_the_owner_is_not() {
    let (watch, noted) = watch();
    for attempt in 0..10 {
        watch.note(refused(START, 7, "C1", "early"));
        assert_eq!(held(&watch, "early").await, Duration::ZERO, "{attempt}");
    }
    assert_eq!(noted.raised(), Vec::<String>::new());
    for attempt in 0..20 {
        watch.note(refused(START, 7, "C1", "r1"));
        let held = held(&watch, "r1").await;
        assert_eq!(held, Duration::from_millis(1500), "{attempt}");
    }
    assert_eq!(noted.raised(), ["many_failures"]);
    // From elsewhere, under another name, and whoever is let in.
    for record in [
        refused(START, 8, "C1", "r2"),
        refused(START, 7, "C2", "r2"),
        Record::new("tokens_issued", "tokens were issued", START)
            .outcome(Outcome::Allowed)
            .client("C1")
            .request("r2")
            .address(address(7)),
    ] {
        watch.note(record);
        assert_eq!(held(&watch, "r2").await, Duration::ZERO);
    }
    // In time it is forgotten.
    let later = START + 60 * 60 * 1000;
    watch.note(refused(later, 7, "C1", "r3"));
    assert_eq!(held(&watch, "r3").await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn g13_what_waits_is_bounded_and_the_rest_is_answered_at_once() {
    let (watch, _) = watch();
    for number in 0..(SLOW + WAITING + 50) {
        watch.note(refused(START, 7, "C1", &number.to_string()));
    }
    assert_eq!(watch.suspicion().slowed.load(Ordering::Relaxed), SLOW);
    let mut waiting = tokio::task::JoinSet::new();
    for number in 300..700 {
        let watch = watch.clone();
        waiting.spawn(async move { held(&watch, &number.to_string()).await });
    }
    let held = waiting.join_all().await;
    let slow = held.iter().filter(|held| !held.is_zero()).count();
    assert_eq!(slow, WAITING);
}

#[test]
fn m_25_many_failures_from_one_place_under_many_names_are_noticed() {
    let (watch, noted) = watch();
    for number in 0..150 {
        watch.note(refused(START, 7, &format!("C{number}"), "r"));
    }
    assert_eq!(noted.raised(), ["many_failures"]);
}

#[test]
fn m_25_one_grant_from_many_places_is_noticed_and_many_calls_from_one_are_not() {
    let (watch, noted) = watch();
    let call = |from: u8| {
        Record::new("request_allowed", "a request was allowed", START)
            .outcome(Outcome::Allowed)
            .issuer("https://as.test")
            .subject("ada")
            .client("C1")
            .address(address(from))
    };
    (0..100).for_each(|_| watch.note(call(1)));
    assert_eq!(noted.raised(), Vec::<String>::new());
    (0..60).for_each(|from| watch.note(call(from)));
    assert!(noted.raised().iter().any(|event| event == "many_addresses"));
}

#[test]
fn m_25_what_goes_on_after_its_end_is_an_alert() {
    let (watch, noted) = watch();
    let issued = || Record::new("tokens_issued", "tokens were issued", START).grant("G1");
    watch.note(issued());
    assert_eq!(noted.raised(), Vec::<String>::new());
    watch.note(Record::new("grant_revoked", "a grant was revoked", START).grant("G1"));
    watch.note(issued().grant("G2"));
    assert_eq!(noted.raised(), Vec::<String>::new());
    watch.note(issued());
    assert_eq!(noted.raised(), ["impossible_sequence"]);
}

#[test]
fn m_25_a_token_that_was_given_up_is_not_used_again_unnoticed() {
    let (watch, noted) = watch();
    let of = |event: &'static str, grant: &str| {
        let outcome = match event {
            "token_request_refused" => Outcome::Refused,
            _ => Outcome::Noted,
        };
        let record = Record::new(event, "it happened", START).outcome(outcome);
        record.grant(grant.to_owned())
    };
    // Whose person took back what they allowed is told so by the refusal.
    watch.note(of("grant_revoked", "G1"));
    watch.note(of("token_request_refused", "G1"));
    assert_eq!(noted.raised(), Vec::<String>::new());
    for (event, grant) in [("token_revoked", "G2"), ("replay_detected", "G3")] {
        watch.note(of(event, grant));
        watch.note(of("token_request_refused", "G4"));
        assert_eq!(noted.raised(), Vec::<String>::new());
        (0..20).for_each(|_| watch.note(of("token_request_refused", grant)));
        assert_eq!(noted.raised(), ["impossible_sequence"], "{event}");
    }
}

#[test]
fn g11_a_flood_of_names_takes_no_more_memory() {
    let sightings = Sightings::new(64);
    for number in 0..1_000_000_u32 {
        sightings.see(number, 1, START, WINDOW);
    }
    let known = (0..1_000_000_u32).filter(|number| sightings.has(number, START, WINDOW));
    assert_eq!(known.count(), 64);
}
