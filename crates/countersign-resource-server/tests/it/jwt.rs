//! JWTs with keys that are configured here: rows A18 to A60 and A81 at the gate.

use countersign_resource_server::oauth::claims::TypPolicy;
use countersign_resource_server::oauth::jose::Algorithm;
use countersign_resource_server::oauth::{Lifetime, Secret, UnixTime};
use countersign_resource_server::{IntoVerifier, JwtVerifier, JwtVerifierBuilder, Keys};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, NOW, SignatureAlgorithm, TestClock, TestIssuer, TestKey};

use crate::protected::{
    admitted, asks, assert_insufficient_scope, assert_refused, bearer, challenge, gate, gate_at,
    good, refused, trusting,
};

fn named(builder: JwtVerifierBuilder) -> JwtVerifierBuilder {
    builder.issuer(ISSUER).audience(AUDIENCE)
}

#[tokio::test]
async fn rs_14_rs_17_the_claims_that_decide_are_all_required() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer));
    let late = UnixTime::from_secs(NOW.as_secs() + 61);
    for (token, what) in [
        (issuer.token().aud("https://rs.test/mcp2"), "sibling"),
        (issuer.token().without("aud"), "no audience"),
        (issuer.token().without("iss"), "no issuer"),
        (issuer.token().iss("https://evil.test"), "stranger's name"),
        (issuer.token().claim("iss", json!([ISSUER])), "array"),
        (issuer.token().without("exp"), "no expiry"),
        (
            issuer.token().exp(UnixTime::from_secs(NOW.as_secs() - 61)),
            "expired",
        ),
        (issuer.token().nbf(late), "not yet"),
        (issuer.token().iat(late), "from the future"),
        (issuer.token().without("sub"), "no subject"),
        (issuer.token().typ("refresh+jwt"), "refresh token"),
        (issuer.token().unsecured(), "alg none"),
    ] {
        assert_refused(&gate, &token.sign(), what).await;
    }
    assert_refused(
        &gate,
        &TestIssuer::stranger().token().sign(),
        "stranger's key",
    )
    .await;
    assert_eq!(
        admitted(&gate, &good()).await.access_token().unwrap().sub(),
        "alice"
    );
}

#[tokio::test]
async fn m_14_the_caller_carries_what_the_token_says() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer));
    // A name that the parser uses for itself.
    let odd = json!({ "$serde_json::private::RawValue": "[1]" });
    let token = issuer
        .token()
        .audiences(["https://other.test", AUDIENCE])
        .scopes("read write")
        .claim("email", "alice@as.test")
        .claim("odd", odd.clone());
    let caller = admitted(&gate, &token.sign()).await;
    let token = caller.access_token().unwrap();
    assert_eq!(token.sub(), "alice");
    assert_eq!(token.iss(), ISSUER);
    assert_eq!(token.aud(), ["https://other.test", AUDIENCE]);
    assert_eq!(token.client_id(), Some("c1"));
    assert_eq!(token.scopes().to_string(), "read write");
    assert_eq!(token.get("email"), Some(&json!("alice@as.test")));
    assert_eq!(token.get("odd"), Some(&odd));
    assert_eq!(token.iat(), Some(NOW));
    assert_eq!(
        token.exp(),
        Some(NOW.saturating_add(Lifetime::from_secs(300)))
    );
}

#[tokio::test]
async fn m_02_m_03_every_way_to_give_keys_verifies_and_refuses_the_stranger() {
    let issuer = TestIssuer::as_test();
    let secret = "0123456789abcdef0123456789abcdef";
    let (r1, e1, d1) = (TestKey::r1(), TestKey::e1(), TestKey::d1());
    let mut cases = vec![
        (
            JwtVerifier::public_key(r1.spki_pem()),
            issuer.token().key("r1"),
        ),
        (
            JwtVerifier::public_key(r1.pkcs1_pem()),
            issuer.token().key("r1"),
        ),
    ];
    for key in [&r1, &e1, &d1] {
        let token = issuer.token().signed_by(key);
        cases.push((
            JwtVerifier::public_key(key.certificate_pem()),
            token.clone(),
        ));
        cases.push((JwtVerifier::public_key(key.spki_pem()), token.clone()));
        cases.push((JwtVerifier::jwk(key.jwk().to_string()), token.clone()));
        cases.push((JwtVerifier::key_set(issuer.jwks()), token));
    }
    cases.push((
        JwtVerifier::hmac(Secret::new(secret), Algorithm::HS256),
        issuer.token().mac(SignatureAlgorithm::HS256, secret),
    ));
    for (index, (builder, token)) in cases.into_iter().enumerate() {
        let gate = gate(named(builder));
        admitted(&gate, &token.sign()).await;
        let stranger = TestIssuer::stranger();
        for kid in ["r1", "e1", "d1"] {
            let what = format!("case {index}, stranger's {kid}");
            assert_refused(&gate, &stranger.token().key(kid).sign(), &what).await;
        }
    }
}

#[tokio::test]
async fn a27_a28_rs_19_no_spelling_of_a_public_key_is_a_secret() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer));
    let spellings = [
        TestKey::r1().rsa_secret_spellings(),
        TestKey::e1().ec_secret_spellings(),
        TestKey::d1().ed_secret_spellings(),
    ];
    for (what, secret) in spellings.into_iter().flatten() {
        for algorithm in [
            SignatureAlgorithm::HS256,
            SignatureAlgorithm::HS384,
            SignatureAlgorithm::HS512,
        ] {
            for kid in ["r1", "e1", "d1"] {
                let token = issuer.token().mac(algorithm, &secret).header("kid", kid);
                assert_refused(&gate, &token.sign(), what).await;
            }
        }
    }
}

#[tokio::test]
async fn a32_an_algorithm_that_is_not_listed_is_refused_even_if_the_key_could() {
    let issuer = TestIssuer::as_test();
    let key = TestKey::r1();
    let gate = gate(named(JwtVerifier::public_key(key.spki_pem())).algorithms([Algorithm::RS256]));
    for algorithm in [SignatureAlgorithm::PS256, SignatureAlgorithm::RS512] {
        let token = issuer.token().signed_as(&key, algorithm).sign();
        assert_refused(&gate, &token, algorithm.name()).await;
    }
    admitted(&gate, &issuer.token().key("r1").sign()).await;
}

#[tokio::test]
async fn a46_the_profile_of_rfc_9068_takes_at_jwt_only() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer).typ(TypPolicy::AccessToken));
    for typ in [
        "JWT",
        "refresh+jwt",
        "logout+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
    ] {
        assert_refused(&gate, &issuer.token().typ(typ).sign(), typ).await;
    }
    assert_refused(&gate, &issuer.token().without_header("typ").sign(), "none").await;
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        admitted(&gate, &issuer.token().typ(typ).sign()).await;
    }
}

#[tokio::test]
async fn a48_an_id_token_of_the_trusted_issuer_is_refused() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer));
    let token = issuer.token().typ("JWT").aud("c1").claim("nonce", "n");
    assert_refused(&gate, &token.sign(), "id token").await;
}

#[tokio::test]
async fn a60_rs_19_keys_of_one_issuer_never_verify_tokens_of_another() {
    let (first, second) = (TestIssuer::as_test(), "https://two.test");
    let other = TestIssuer::with_keys(
        second,
        [
            TestKey::stranger_e1(),
            TestKey::stranger_r1(),
            TestKey::stranger_d1(),
        ],
    );
    let gate = gate(trusting(&first).with_issuer(second, Keys::key_set(other.jwks())));
    for kid in ["r1", "e1", "d1"] {
        admitted(&gate, &first.token().key(kid).sign()).await;
        let caller = admitted(&gate, &other.token().key(kid).sign()).await;
        assert_eq!(caller.access_token().unwrap().iss(), second);
        let crossed = first.token().key(kid).iss(second);
        assert_refused(&gate, &crossed.sign(), "first key, second name").await;
        let crossed = other.token().key(kid).iss(ISSUER);
        assert_refused(&gate, &crossed.sign(), "second key, first name").await;
    }
    let doubled = format!(r#"{{"iss":"{second}","iss":"{ISSUER}","sub":"a"}}"#);
    assert_refused(
        &gate,
        &first.token().raw_payload(doubled).sign(),
        "two names",
    )
    .await;
    let servers: Vec<_> = gate.metadata().authorization_servers.clone();
    assert_eq!(
        servers.iter().map(|one| one.as_str()).collect::<Vec<_>>(),
        [ISSUER, second]
    );
}

#[tokio::test]
async fn a81_scopes_match_whole_names_only() {
    let issuer = TestIssuer::as_test();
    let gate = gate_at(trusting(&issuer), &TestClock::new(), "read");
    for scope in [
        json!("readwrite"),
        json!("rea"),
        json!("READ"),
        json!(""),
        json!(["readwrite"]),
    ] {
        let token = issuer.token().claim("scope", scope.clone()).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_insufficient_scope(&answer, "read", &scope.to_string());
    }
    for (name, scope) in [
        ("scope", json!("write read")),
        ("scope", json!(["read"])),
        ("scp", json!("read")),
        ("scp", json!(["write", "read"])),
        ("scopes", json!(["read"])),
        ("permissions", json!(["read"])),
    ] {
        let token = issuer.token().without("scope").claim(name, scope).sign();
        admitted(&gate, &token).await;
    }
}

#[tokio::test]
async fn a81_a_scope_claim_outside_its_grammar_grants_nothing() {
    let issuer = TestIssuer::as_test();
    let gate = gate_at(trusting(&issuer), &TestClock::new(), "read");
    for scope in [
        json!("read\twrite"),
        json!("read\u{a0}write"),
        json!("read  write"),
        json!(" read"),
        json!("read\u{0}"),
        json!(["read write"]),
    ] {
        let token = issuer.token().claim("scope", scope.clone()).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_insufficient_scope(&answer, "read", &scope.to_string());
    }
}

#[tokio::test]
async fn a_scope_claim_of_another_type_spoils_the_whole_token() {
    let issuer = TestIssuer::as_test();
    let gate = gate_at(trusting(&issuer), &TestClock::new(), "read");
    for scope in [json!(["read", 1]), json!(true), json!({}), json!(7)] {
        let token = issuer.token().claim("scope", scope.clone()).sign();
        let answer = refused(&gate, &bearer(&token)).await;
        assert_eq!(answer.status(), 401, "{scope}");
        assert!(
            challenge(&answer).contains("error=\"invalid_token\""),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn a76_a_token_is_not_served_from_the_cache_after_its_expiry() {
    let issuer = TestIssuer::as_test();
    let clock = TestClock::new();
    let gate = gate_at(trusting(&issuer).leeway(Lifetime::ZERO), &clock, "");
    let token = issuer.token().sign();
    assert!(
        gate.admit_at_once(asks(&bearer(&token), None), clock.now())
            .said()
            .is_none()
    );
    admitted(&gate, &token).await;
    assert!(
        gate.admit_at_once(asks(&bearer(&token), None), clock.now())
            .said()
            .unwrap()
            .is_ok()
    );
    clock.advance(Lifetime::from_secs(300));
    assert!(
        gate.admit_at_once(asks(&bearer(&token), None), clock.now())
            .said()
            .is_none()
    );
    assert_refused(&gate, &token, "expired").await;
}

#[tokio::test]
async fn a76_a77_tokens_that_differ_in_one_bit_are_judged_apart() {
    let issuer = TestIssuer::as_test();
    let gate = gate(trusting(&issuer));
    let good = issuer.token().sign();
    admitted(&gate, &good).await;
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = issuer.token().claim("jti", "t-2").sign();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert_refused(&gate, &format!("{signed}.{signature}"), "another signature").await;
    let reordered = r#"{"kid":"e1","alg":"ES256","typ":"at+jwt"}"#;
    let (_, rest) = good.split_once('.').unwrap();
    let header = testkit::issuer::key::base64url(reordered);
    assert_refused(&gate, &format!("{header}.{rest}"), "another header order").await;
}

fn sentence(builder: impl IntoVerifier) -> String {
    match builder.into_verifier() {
        Ok(_) => panic!("the configuration was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a30_m_03_secrets_that_are_short_or_public_stop_the_start() {
    let e1 = TestKey::e1();
    for (secret, algorithm, said) in [
        (String::new(), Algorithm::HS256, "at least 32 bytes"),
        ("x".repeat(31), Algorithm::HS256, "at least 32 bytes"),
        ("x".repeat(32), Algorithm::HS512, "64 for HS512"),
        (e1.spki_pem(), Algorithm::HS256, "PEM"),
        ("x".repeat(64), Algorithm::RS256, "needs a public key"),
    ] {
        let builder = named(JwtVerifier::hmac(Secret::new(secret), algorithm));
        let text = sentence(builder);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn m_06_a52_settings_that_would_accept_too_much_stop_the_start() {
    let issuer = TestIssuer::as_test();
    let keys = || JwtVerifier::key_set(issuer.jwks());
    let secret = || Secret::new("x".repeat(64));
    for (builder, said) in [
        (keys(), "set an issuer, an audience, or both"),
        (keys().issuer(""), "empty"),
        (
            trusting(&issuer).leeway(Lifetime::from_secs(301)),
            "at most 300",
        ),
        (trusting(&issuer).algorithms([]), "name at least one"),
        (
            trusting(&issuer).algorithms([Algorithm::RS256, Algorithm::HS256]),
            "mixes HMAC",
        ),
        (
            named(JwtVerifier::hmac(secret(), Algorithm::HS256)).algorithms([Algorithm::RS256]),
            "no key can verify",
        ),
        (
            named(JwtVerifier::public_key(TestKey::e1().spki_pem())).algorithms([Algorithm::RS256]),
            "the keys are for ES256",
        ),
        (named(JwtVerifier::public_key("not PEM")), "PEM block"),
        (
            named(JwtVerifier::public_key(TestKey::e1().private_pem())),
            "private key",
        ),
        (named(JwtVerifier::jwk("{")), "the JWK cannot be used"),
        (named(JwtVerifier::key_set(r#"{"keys":[]}"#)), "has no keys"),
        (
            named(JwtVerifier::jwks("http://as.test/jwks")),
            "must start with https://",
        ),
        (
            named(JwtVerifier::jwks("http://127.0.0.1/jwks")),
            "danger_allow_loopback()",
        ),
        (named(JwtVerifier::jwks("jwks.json")), "not a URL"),
        (
            named(JwtVerifier::jwks("https://as.test/jwks")).algorithms([Algorithm::HS256]),
            "remove the HMAC algorithms",
        ),
        (
            keys()
                .audience(AUDIENCE)
                .with_issuer("https://b.test", Keys::key_set(issuer.jwks())),
            "call issuer(…)",
        ),
        (
            trusting(&issuer).with_issuer(ISSUER, Keys::key_set(issuer.jwks())),
            "has two sets of keys",
        ),
    ] {
        let text = sentence(builder);
        assert!(text.contains(said), "{text}");
    }
}
