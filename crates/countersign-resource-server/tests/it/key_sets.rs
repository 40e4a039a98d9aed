//! Remote key sets: rows A38 to A42 and A68 to A75 of the corpus.

use bytes::Bytes;
use countersign_resource_server::fetch::{FetchError, Fetcher};
use countersign_resource_server::oauth::Lifetime;
use countersign_resource_server::{Gate, JwtVerifier, JwtVerifierBuilder, Keys};
use futures_util::future::join_all;
use http::Response;
use serde_json::json;
use testkit::{AUDIENCE, FakeIssuerServer, ISSUER, ScriptedAnswer, TestClock, TestIssuer, TestKey};

use crate::protected::{admitted, asks, assert_refused, bearer, gate_at, send};
use crate::scripted::Scripted;

pub(crate) const JWKS: &str = "https://as.test/jwks";

pub(crate) fn remote(script: &Scripted) -> JwtVerifierBuilder {
    JwtVerifier::jwks(JWKS)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .fetcher(script.clone())
}

pub(crate) fn gate(script: &Scripted, clock: &TestClock) -> Gate {
    gate_at(remote(script), clock, "")
}

pub(crate) fn secs(seconds: u64) -> Lifetime {
    Lifetime::from_secs(seconds)
}

/// A token that is good whatever the clock says, unlike any made before.
pub(crate) fn token(issuer: &TestIssuer, kid: &str, clock: &TestClock) -> String {
    issuer.token().key(kid).valid_at(clock.now()).sign()
}

/// 503 with `Retry-After` and without a challenge.
pub(crate) async fn assert_unavailable(gate: &Gate, token: &str, what: &str) {
    let answer = send(gate, &bearer(token)).await.unwrap_err();
    assert_eq!(answer.status(), 503, "{what}");
    let seconds: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{what}: {seconds}");
    assert!(!answer.headers().contains_key("www-authenticate"), "{what}");
    assert!(answer.body().is_empty(), "{what}");
}

#[tokio::test]
async fn m_01_the_set_is_fetched_once_for_all_tokens() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    assert_eq!(
        script.count(),
        0,
        "nothing is fetched before the first token"
    );
    for kid in ["r1", "e1", "d1"] {
        admitted(&gate, &token(&issuer, kid, &clock)).await;
    }
    assert_eq!(script.count(), 1);
    assert_eq!(script.last().uri(), JWKS);
    assert_refused(&gate, &TestIssuer::stranger().token().sign(), "stranger").await;
    assert_eq!(script.count(), 1, "a wrong signature fetches nothing");
}

#[tokio::test]
async fn a71_cold_and_unreachable_is_503_and_heals_without_restart() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::failing(FetchError::Timeout);
    let gate = gate(&script, &clock);
    let good = token(&issuer, "e1", &clock);
    assert_unavailable(&gate, &good, "cold").await;
    assert_eq!(script.count(), 1);
    assert_unavailable(&gate, &good, "too soon for another attempt").await;
    assert_eq!(script.count(), 1);
    script.now_json(issuer.jwks());
    clock.advance(secs(2));
    admitted(&gate, &good).await;
    assert_eq!(script.count(), 2);
}

#[tokio::test]
async fn m_04_the_pauses_between_failing_fetches_grow_up_to_thirty_seconds() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::failing(FetchError::Connection);
    let gate = gate(&script, &clock);
    let good = token(&issuer, "e1", &clock);
    assert_unavailable(&gate, &good, "first").await;
    for (fetches, pause) in [2, 4, 8, 16, 30, 30, 30].into_iter().enumerate() {
        clock.advance(secs(pause - 1));
        assert_unavailable(&gate, &good, "within the pause").await;
        assert_eq!(script.count(), fetches + 1, "{pause}");
        clock.advance(secs(1));
        assert_unavailable(&gate, &good, "after the pause").await;
        assert_eq!(script.count(), fetches + 2, "{pause}");
    }
}

#[tokio::test]
async fn a68_only_a_readable_set_with_a_usable_key_replaces_the_last_one() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    let mut fetches = 1;
    for body in [
        "<html>",
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[]}"#,
        "",
    ] {
        script.now_json(body);
        clock.advance(secs(700));
        admitted(&gate, &token(&issuer, "e1", &clock)).await;
        fetches += 1;
        assert_eq!(script.count(), fetches, "{body}");
    }
    for broken in [
        json!({"kty": "XYZ", "kid": "x"}),
        json!({"kty": "RSA", "kid": "x"}),
        json!(7),
    ] {
        let mut set = TestIssuer::with_keys(ISSUER, [TestKey::d1()]).jwks_value();
        set["keys"]
            .as_array_mut()
            .unwrap()
            .insert(0, broken.clone());
        script.now_json(set.to_string());
        clock.advance(secs(700));
        admitted(&gate, &token(&issuer, "d1", &clock)).await;
        assert_refused(
            &gate,
            &token(&issuer, "e1", &clock),
            "not in the set any more",
        )
        .await;
    }
}

#[tokio::test]
async fn a70_answers_other_than_200_are_no_set() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let stranger = TestIssuer::stranger();
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    for status in [201, 204, 206, 301, 302, 307, 308, 404, 500, 503] {
        let answer = Response::builder().status(status);
        script.now_answers(answer.body(Bytes::from(stranger.jwks())).unwrap());
        clock.advance(secs(700));
        admitted(&gate, &token(&issuer, "e1", &clock)).await;
        assert_refused(&gate, &token(&stranger, "e1", &clock), "stranger").await;
    }
}

#[tokio::test]
async fn a72_a_warm_set_serves_up_to_its_stated_age_and_then_503() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let builder = remote(&script).key_set_max_stale(Lifetime::from_hours(2));
    let gate = gate_at(builder, &clock, "");
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    script.now_fails(FetchError::Timeout);
    clock.advance(secs(7199));
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    clock.advance(secs(1));
    assert_unavailable(&gate, &token(&issuer, "e1", &clock), "too old").await;
    script.now_json(issuer.jwks());
    clock.advance(secs(30));
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
}

#[tokio::test]
async fn a72_an_unknown_key_id_is_503_while_the_issuer_does_not_answer() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    script.now_fails(FetchError::Timeout);
    clock.advance(secs(30));
    // It may be a new key; 401 would send a good client into a login loop.
    let unknown = issuer.token().header("kid", "e2").sign();
    assert_unavailable(&gate, &unknown, "the fetch fails").await;
    assert_unavailable(&gate, &unknown, "within the pause").await;
    assert_eq!(script.count(), 2);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
}

#[tokio::test]
async fn a72_a_remembered_token_does_not_outlive_the_stale_set() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let builder = remote(&script).key_set_max_stale(Lifetime::from_mins(10));
    let gate = gate_at(builder, &clock, "");
    let long = issuer
        .token()
        .exp(clock.now().saturating_add(Lifetime::from_hours(9)));
    let long = long.sign();
    admitted(&gate, &long).await;
    script.now_fails(FetchError::Timeout);
    clock.advance(secs(599));
    admitted(&gate, &long).await;
    clock.advance(secs(1));
    assert_unavailable(&gate, &long, "remembered").await;
}

#[tokio::test]
async fn a73_rs_18_a_thousand_unknown_key_ids_at_once_cause_one_fetch() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    clock.advance(secs(30));
    script.close();
    let tokens: Vec<String> = (0..1000)
        .map(|number| issuer.token().header("kid", format!("x{number}")).sign())
        .collect();
    let storm = join_all(
        tokens
            .iter()
            .map(|token| assert_refused(&gate, token, "storm")),
    );
    let release = async {
        script.received(2).await;
        // Good traffic is not held up by the fetch that the storm caused.
        admitted(&gate, &token(&issuer, "d1", &clock)).await;
        script.open();
    };
    tokio::join!(storm, release);
    assert_eq!(script.count(), 2);
    for second in 0..30 {
        for token in tokens.iter().take(20) {
            assert_refused(&gate, token, "cooldown").await;
        }
        assert_eq!(script.count(), 2, "second {second}");
        clock.advance(secs(1));
    }
    assert_refused(&gate, &tokens[0], "after the cooldown").await;
    assert_eq!(script.count(), 3);
}

#[tokio::test]
async fn a73_a_thousand_first_tokens_cause_one_fetch() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    script.close();
    let gate = gate(&script, &clock);
    let good = token(&issuer, "e1", &clock);
    let all = join_all((0..1000).map(|_| admitted(&gate, &good)));
    let release = async {
        script.received(1).await;
        script.open();
    };
    tokio::join!(all, release);
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_abort_the_fetch_of_the_others() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    script.close();
    let gate = gate(&script, &clock);
    let good = token(&issuer, "e1", &clock);
    let headers = bearer(&good);
    tokio::select! {
        biased;
        _ = send(&gate, &headers) => panic!("the answer is held back"),
        () = script.received(1) => {}
    }
    script.open();
    admitted(&gate, &good).await;
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn a74_a_rotated_key_is_accepted_within_one_cooldown_even_during_a_storm() {
    let clock = TestClock::new();
    let before = TestIssuer::with_keys(ISSUER, [TestKey::e1()]);
    let after = TestIssuer::with_keys(ISSUER, [TestKey::e1(), TestKey::d1()]);
    let script = Scripted::with_json(before.jwks());
    let gate = gate(&script, &clock);
    admitted(&gate, &token(&before, "e1", &clock)).await;
    script.now_json(after.jwks());
    let mut accepted_after = None;
    for second in 0..=30 {
        let junk = before.token().header("kid", format!("x{second}")).sign();
        assert_refused(&gate, &junk, "storm").await;
        admitted(&gate, &token(&before, "e1", &clock)).await;
        if send(&gate, &bearer(&token(&after, "d1", &clock)))
            .await
            .is_ok()
        {
            accepted_after = accepted_after.or(Some(second));
        } else {
            assert!(accepted_after.is_none(), "refused again at second {second}");
        }
        clock.advance(secs(1));
    }
    assert_eq!(accepted_after, Some(30));
}

#[tokio::test]
async fn a75_a_withdrawn_key_ends_its_tokens_and_those_remembered() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    let long = |kid: &str| {
        let end = clock.now().saturating_add(Lifetime::from_hours(9));
        issuer.token().key(kid).exp(end).sign()
    };
    let (withdrawn, kept) = (long("e1"), long("d1"));
    admitted(&gate, &withdrawn).await;
    admitted(&gate, &kept).await;
    script.now_json(TestIssuer::with_keys(ISSUER, [TestKey::d1()]).jwks());
    clock.advance(secs(600));
    assert_refused(&gate, &withdrawn, "after the age of the set").await;
    admitted(&gate, &kept).await;
}

#[tokio::test]
async fn a75_a_set_fetched_early_ends_the_tokens_of_its_missing_keys_at_once() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    let withdrawn = token(&issuer, "e1", &clock);
    admitted(&gate, &withdrawn).await;
    let remembered = |gate: &Gate| {
        gate.admit_at_once(asks(&bearer(&withdrawn), None), clock.now())
            .said()
    };
    assert!(remembered(&gate).is_some());
    script.now_json(TestIssuer::with_keys(ISSUER, [TestKey::d1()]).jwks());
    clock.advance(secs(30));
    let junk = issuer.token().key("d1").header("kid", "x").sign();
    assert_refused(&gate, &junk, "unknown key").await;
    assert!(remembered(&gate).is_none());
    assert_refused(&gate, &withdrawn, "withdrawn").await;
}

#[tokio::test]
async fn a_set_is_renewed_in_the_background_before_it_expires() {
    let (issuer, clock) = (TestIssuer::as_test(), TestClock::new());
    let script = Scripted::with_json(issuer.jwks());
    let gate = gate(&script, &clock);
    let long = issuer
        .token()
        .exp(clock.now().saturating_add(Lifetime::from_hours(9)));
    let long = long.sign();
    admitted(&gate, &long).await;
    script.close();
    clock.advance(secs(480));
    // Nobody waits for the fetch, not even the one whose token is remembered.
    admitted(&gate, &long).await;
    admitted(&gate, &token(&issuer, "d1", &clock)).await;
    script.received(2).await;
    script.open();
    clock.advance(secs(130));
    admitted(&gate, &token(&issuer, "d1", &clock)).await;
    assert_eq!(
        script.count(),
        2,
        "the renewed set counts from when it was asked for"
    );
}

#[tokio::test]
async fn d35_the_age_that_the_issuer_states_is_clamped() {
    let issuer = TestIssuer::as_test();
    for (header, fresh_for, stale_at) in [
        ("max-age=1", 47, 60),
        ("no-store", 47, 60),
        ("max-age=300", 239, 300),
        ("max-age=315360000", 69_119, 86_400),
        ("public", 479, 600),
    ] {
        let clock = TestClock::new();
        let script = Scripted::with_json("");
        let answer = Response::builder().header("cache-control", header);
        script.now_answers(answer.body(Bytes::from(issuer.jwks())).unwrap());
        let gate = gate(&script, &clock);
        admitted(&gate, &token(&issuer, "e1", &clock)).await;
        clock.advance(secs(fresh_for));
        admitted(&gate, &token(&issuer, "e1", &clock)).await;
        assert_eq!(script.count(), 1, "{header}: fresh");
        clock.advance(secs(stale_at - fresh_for));
        admitted(&gate, &token(&issuer, "e1", &clock)).await;
        assert_eq!(script.count(), 2, "{header}: expired");
    }
    let (clock, script) = (TestClock::new(), Scripted::with_json(issuer.jwks()));
    let gate = gate_at(remote(&script).key_set_max_age(secs(60)), &clock, "");
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    clock.advance(secs(60));
    admitted(&gate, &token(&issuer, "e1", &clock)).await;
    assert_eq!(script.count(), 2, "configured");
}

#[tokio::test]
async fn a60_two_remote_sets_stay_apart() {
    let clock = TestClock::new();
    let first = TestIssuer::as_test();
    let second = TestIssuer::with_keys("https://two.test", [TestKey::stranger_e1()]);
    let server = FakeIssuerServer::start().await;
    server.answer("/one", ScriptedAnswer::json(first.jwks()));
    server.answer("/two", ScriptedAnswer::json(second.jwks()));
    let builder = JwtVerifier::jwks(server.url("/one"))
        .danger_allow_loopback()
        .issuer(ISSUER)
        .with_issuer(second.issuer(), Keys::jwks(server.url("/two")))
        .audience(AUDIENCE);
    let gate = gate_at(builder, &clock, "");
    admitted(&gate, &first.token().sign()).await;
    admitted(&gate, &second.token().sign()).await;
    assert_refused(&gate, &first.token().iss(second.issuer()).sign(), "crossed").await;
    assert_refused(&gate, &second.token().iss(ISSUER).sign(), "crossed back").await;
    assert_eq!((server.count("/one"), server.count("/two")), (1, 1));
}

#[tokio::test]
async fn a69_a70_a71_hostile_answers_over_the_wire_are_503_while_cold() {
    let issuer = TestIssuer::as_test();
    let hundred_thousand = format!("{{\"keys\":[{}7]}}", "7,".repeat(99_999));
    let server = FakeIssuerServer::start().await;
    for (what, answer) in [
        ("10 MiB", ScriptedAnswer::json(vec![b' '; 10 * 1024 * 1024])),
        ("endless", ScriptedAnswer::endless(vec![b' '; 65_536])),
        ("100,000 keys", ScriptedAnswer::json(hundred_thousand)),
        (
            "gzip",
            ScriptedAnswer::json(issuer.jwks()).header("content-encoding", "gzip"),
        ),
        ("cut", ScriptedAnswer::broken("{\"keys\":")),
        (
            "redirect",
            ScriptedAnswer::redirect(302, &server.url("/other")),
        ),
        (
            "inward",
            ScriptedAnswer::redirect(307, "http://169.254.169.254/"),
        ),
    ] {
        server.answer("/jwks", answer);
        server.answer("/other", ScriptedAnswer::json(issuer.jwks()));
        let clock = TestClock::new();
        let builder = JwtVerifier::jwks(server.url("/jwks"))
            .fetcher(Fetcher::builder().danger_allow_loopback().build().unwrap())
            .issuer(ISSUER)
            .audience(AUDIENCE);
        let gate = gate_at(builder, &clock, "");
        assert_unavailable(&gate, &issuer.token().sign(), what).await;
        assert_eq!(server.count("/other"), 0, "{what}");
        server.answer("/jwks", ScriptedAnswer::json(issuer.jwks()));
        clock.advance(secs(2));
        admitted(&gate, &issuer.token().sign()).await;
    }
}
