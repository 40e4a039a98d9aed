//! What is found through the metadata of a provider.

use http::Response;
use serde_json::{Value, json};
use testkit::{AUDIENCE, TestClock, TestIssuer};

use super::{Internet, built_in, verifier};
use crate::key_sets::{assert_unavailable, secs};
use crate::protected::{admitted, assert_refused, gate_at};

const ISSUER: &str = "https://login.example.test";
const METADATA: &str = "https://login.example.test/.well-known/openid-configuration";
const KEYS: &str = "https://keys.example.test/jwks";

fn metadata(name: &str, value: Value) -> String {
    let mut document = json!({ "issuer": ISSUER, "jwks_uri": KEYS });
    document[name] = value;
    document.to_string()
}

fn gate(internet: &Internet, clock: &TestClock) -> countersign_resource_server::Gate {
    let provider = built_in("oidc", &[("issuer", ISSUER), ("audience", AUDIENCE)]);
    gate_at(verifier(provider, internet), clock, "")
}

fn token(clock: &TestClock) -> String {
    TestIssuer::new(ISSUER).token().valid_at(clock.now()).sign()
}

#[tokio::test]
async fn i3_i4_metadata_of_another_issuer_or_with_keys_elsewhere_is_not_followed() {
    for (name, value, what) in [
        (
            "issuer",
            json!("https://login.example.test/"),
            "another issuer",
        ),
        ("issuer", json!(null), "no issuer"),
        (
            "jwks_uri",
            json!("http://keys.example.test/jwks"),
            "without TLS",
        ),
        ("jwks_uri", json!("http://127.0.0.1/jwks"), "this machine"),
        (
            "jwks_uri",
            json!("http://169.254.169.254/latest"),
            "cloud metadata",
        ),
        ("jwks_uri", json!("file:///etc/passwd"), "a file"),
        (
            "jwks_uri",
            json!("https://a:b@keys.example.test/jwks"),
            "credentials",
        ),
        (
            "jwks_uri",
            json!(["https://keys.example.test/jwks"]),
            "a list",
        ),
        ("jwks_uri", json!(null), "nowhere"),
    ] {
        let issuer = TestIssuer::new(ISSUER);
        let internet = Internet::default()
            .with(METADATA, metadata(name, value))
            .with(KEYS, issuer.jwks());
        let clock = TestClock::new();
        let gate = gate(&internet, &clock);
        assert_unavailable(&gate, &token(&clock), what).await;
        let asked: Vec<_> = internet.requests();
        assert!(
            asked.iter().all(|request| *request.uri() == METADATA),
            "{what}: {asked:?}"
        );
        // It heals without a restart.
        internet.set(METADATA, Response::new(metadata("n", json!(1)).into()));
        clock.advance(secs(31));
        admitted(&gate, &token(&clock)).await;
    }
}

#[tokio::test]
async fn a71_a72_a_provider_that_is_down_is_503_and_does_not_take_keys_away() {
    let issuer = TestIssuer::new(ISSUER);
    let (internet, clock) = (Internet::default(), TestClock::new());
    let gate = gate(&internet, &clock);
    assert_eq!(internet.requests().len(), 0);
    assert_unavailable(&gate, &token(&clock), "cold").await;
    internet.set(METADATA, Response::new(metadata("n", json!(1)).into()));
    internet.set(KEYS, Response::new(issuer.jwks().into()));
    clock.advance(secs(31));
    admitted(&gate, &token(&clock)).await;
    assert_eq!(internet.count(KEYS), 1);
    internet.remove(METADATA);
    clock.advance(secs(3600));
    admitted(&gate, &token(&clock)).await;
    assert_refused(
        &gate,
        &TestIssuer::stranger()
            .token()
            .iss(ISSUER)
            .valid_at(clock.now())
            .sign(),
        "stranger",
    )
    .await;
}

#[tokio::test]
async fn a75_keys_that_move_are_found_again() {
    let issuer = TestIssuer::new(ISSUER);
    let internet = Internet::default()
        .with(METADATA, metadata("n", json!(1)))
        .with(KEYS, issuer.jwks());
    let clock = TestClock::new();
    let gate = gate(&internet, &clock);
    admitted(&gate, &token(&clock)).await;
    let elsewhere = "https://new.example.test/jwks";
    internet.set(
        METADATA,
        Response::new(metadata("jwks_uri", json!(elsewhere)).into()),
    );
    internet.set(elsewhere, Response::new(issuer.jwks().into()));
    internet.remove(KEYS);
    clock.advance(secs(1200));
    admitted(&gate, &token(&clock)).await;
    assert_eq!(internet.count(elsewhere), 1);
}
