//! Keys that must not verify anything: rows A35 to A42 of the corpus at a remote set.

use serde_json::{Value, json};
use testkit::{ISSUER, SignatureAlgorithm, TestClock, TestIssuer, TestKey};

use crate::key_sets::{JWKS, gate, secs, token};
use crate::protected::{admitted, assert_refused};
use crate::scripted::Scripted;

#[tokio::test]
async fn a36_rs_17_no_key_id_and_several_candidates_is_refused() {
    let clock = TestClock::new();
    let two = TestIssuer::with_keys(
        ISSUER,
        [TestKey::e1(), TestKey::stranger_e1().with_kid("e2")],
    );
    let script = Scripted::with_json(two.jwks());
    let gate = gate(&script, &clock);
    assert_refused(
        &gate,
        &two.token().without_header("kid").sign(),
        "two candidates",
    )
    .await;
    let script = Scripted::with_json(TestIssuer::as_test().jwks());
    let gate = self::gate(&script, &clock);
    let one = TestIssuer::as_test().token().without_header("kid").sign();
    admitted(&gate, &one).await;
}

#[tokio::test]
async fn a37_a38_a39_a40_keys_that_are_not_fit_verify_nothing() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let secret = "0123456789abcdef0123456789abcdef";
    let with = |name: &str, value: Value| {
        let mut key = TestKey::e1().jwk();
        key[name] = value;
        key
    };
    let oct = json!({"kty": "oct", "kid": "e1", "k": testkit::issuer::key::base64url(secret)});
    for (what, keys) in [
        ("use=enc", vec![with("use", json!("enc"))]),
        ("key_ops", vec![with("key_ops", json!(["encrypt"]))]),
        (
            "two keys, one id",
            vec![TestKey::e1().jwk(), TestKey::stranger_e1().jwk()],
        ),
        ("a private member", vec![with("d", json!("AA"))]),
        ("a symmetric key", vec![oct]),
    ] {
        let mut all = vec![TestKey::d1().jwk()];
        all.extend(keys);
        let script = Scripted::with_json(json!({ "keys": all }).to_string());
        let gate = gate(&script, &clock);
        assert_refused(&gate, &token(&issuer, "e1", &clock), what).await;
        let forged = issuer
            .token()
            .mac(SignatureAlgorithm::HS256, secret)
            .header("kid", "e1");
        assert_refused(&gate, &forged.sign(), what).await;
        admitted(&gate, &token(&issuer, "d1", &clock)).await;
    }
}

#[tokio::test]
async fn a41_a42_keys_brought_by_the_token_are_not_looked_at() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let stranger = TestIssuer::stranger();
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    for (name, value) in [
        ("jwk", TestKey::stranger_e1().jwk()),
        ("jku", json!("https://evil.test/jwks")),
        ("x5u", json!("https://evil.test/chain")),
        ("x5c", json!(["AA"])),
        ("x5t", json!("AA")),
    ] {
        let token = stranger.token().header(name, value).sign();
        assert_refused(&gate, &token, name).await;
    }
    assert_eq!(script.count(), 1, "nothing was fetched for them");
}

#[tokio::test]
async fn a35_a_strange_key_id_stays_within_the_budget() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    clock.advance(secs(30));
    for kid in [
        json!("../../dev/null"),
        json!("/proc/self/environ"),
        json!("' OR 1=1--"),
        json!("r1%00"),
        json!("x".repeat(4096)),
        json!(1),
        json!(["e1"]),
        json!({}),
        Value::Null,
        json!("E1"),
        json!("e1 "),
    ] {
        let token = issuer.token().header("kid", kid.clone()).sign();
        assert_refused(&gate, &token, &kid.to_string()).await;
    }
    assert_eq!(script.count(), 2);
    let uris = script.last().uri().to_string();
    assert_eq!(uris, JWKS);
}

#[tokio::test]
async fn an_algorithm_that_is_not_accepted_causes_no_fetch() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    let hmac = issuer
        .token()
        .mac(SignatureAlgorithm::HS256, "x".repeat(32))
        .sign();
    assert_refused(&gate, &hmac, "HS256").await;
    assert_refused(&gate, &issuer.token().unsecured().sign(), "none").await;
    assert_refused(
        &gate,
        &issuer.token().iss("https://evil.test").sign(),
        "issuer",
    )
    .await;
    assert_eq!(script.count(), 0);
}
