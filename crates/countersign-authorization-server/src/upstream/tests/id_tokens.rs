//! Row X23 and A80: ID tokens of somebody else, for somebody else, or of nobody.

use serde_json::json;
use testkit::{SignatureAlgorithm, TestIssuer, TestKey};

use super::*;

async fn refusal(text: &str, change: impl FnOnce(TokenBuilder) -> TokenBuilder) -> String {
    match login(text, change).await {
        Err(UpstreamError::Identity(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

type Change = Box<dyn FnOnce(TokenBuilder) -> TokenBuilder>;

#[tokio::test]
async fn x23_an_id_token_that_is_not_for_this_login_is_refused() {
    let changes: Vec<(&str, Change)> = vec![
        ("another login", Box::new(|token| token.claim("nonce", "x"))),
        ("another login", Box::new(|token| token.without("nonce"))),
        ("another login", Box::new(|token| token.claim("nonce", 1))),
        (
            "for another application",
            Box::new(|token| token.aud("another app")),
        ),
        (
            "for another application",
            Box::new(|token| token.audiences(["another app", "a third"])),
        ),
        ("no usable audience", Box::new(|token| token.without("aud"))),
        (
            "no usable audience",
            Box::new(|token| token.claim("aud", json!([]))),
        ),
        (
            "no usable audience",
            Box::new(|token| token.claim("aud", json!([CLIENT, 1]))),
        ),
        (
            "to another application",
            Box::new(|token| token.claim("azp", "another app")),
        ),
        (
            "to another application",
            Box::new(|token| token.claim("azp", json!([CLIENT]))),
        ),
        (
            "to another application",
            Box::new(|token| token.audiences([CLIENT, "another app"])),
        ),
        (
            "by somebody else",
            Box::new(|token| token.iss("https://op.example/")),
        ),
        (
            "by somebody else",
            Box::new(|token| token.iss("https://evil.example")),
        ),
        (
            "names no issuer",
            Box::new(|token| token.claim("iss", json!([OP]))),
        ),
        ("names no issuer", Box::new(|token| token.without("iss"))),
        ("algorithm", Box::new(TokenBuilder::unsecured)),
        (
            "algorithm",
            Box::new(|token| token.mac(SignatureAlgorithm::HS256, SECRET)),
        ),
    ];
    for (reason, change) in changes {
        let refused = refusal(PLAIN, change).await;
        assert!(refused.contains(reason), "{refused:?} is not {reason:?}");
    }
}

#[tokio::test]
async fn x23_an_id_token_that_is_not_of_this_time_or_of_another_kind_is_refused() {
    let changes: Vec<(&str, Change)> = vec![
        (
            "expired",
            Box::new(|token| token.exp(UnixTime::from_secs(NOW.as_secs() - 61))),
        ),
        ("expiry", Box::new(|token| token.without("exp"))),
        ("expiry", Box::new(|token| token.claim("exp", "never"))),
        ("time of issue", Box::new(|token| token.without("iat"))),
        ("not valid yet", Box::new(|token| token.iat(later(61)))),
        ("not valid yet", Box::new(|token| token.nbf(later(61)))),
        ("subject", Box::new(|token| token.without("sub"))),
        ("subject", Box::new(|token| token.sub(""))),
        ("subject", Box::new(|token| token.claim("sub", 7))),
        ("subject", Box::new(|token| token.sub("a\u{0}b"))),
        (
            "access token",
            Box::new(|token| token.claim("at_hash", "AAAA")),
        ),
        ("access token", Box::new(|token| token.claim("at_hash", 1))),
        ("not an ID token", Box::new(|token| token.typ("at+jwt"))),
        ("not an ID token", Box::new(|token| token.typ("logout+jwt"))),
        (
            "not an ID token",
            Box::new(|token| token.claim("token_use", "access")),
        ),
        (
            "not an ID token",
            Box::new(|token| token.claim("typ", "Refresh")),
        ),
    ];
    for (reason, change) in changes {
        let refused = refusal(PLAIN, change).await;
        assert!(refused.contains(reason), "{refused:?} is not {reason:?}");
    }
}

#[tokio::test]
async fn x23_a_key_of_somebody_else_signs_nothing() {
    let stranger = TestKey::stranger_e1();
    for change in [
        Box::new(move |token: TokenBuilder| token.signed_by(&stranger)) as Change,
        Box::new(|token: TokenBuilder| token.signature([0; 64])),
        Box::new(|token: TokenBuilder| token.header("kid", "e1").header("alg", "ES384")),
    ] {
        refusal(PLAIN, change).await;
    }
}

#[tokio::test]
async fn x23_an_id_token_that_is_no_jws_is_refused() {
    for text in ["x", "a.b.c", "a.b", "a.b.c.d.e"] {
        let attempt = attempt();
        let script = script_with(text);
        let upstream = builder(PLAIN, &script).build().unwrap();
        let refused = redeem(&upstream, &attempt).await;
        assert!(matches!(refused, Err(UpstreamError::Identity(_))), "{text}");
    }
}

#[tokio::test]
async fn x23_a_nonce_that_was_not_sent_is_refused() {
    let text = plain_with("nonce = true", "nonce = false");
    assert!(
        refusal(&text, |token| token)
            .await
            .contains("another login")
    );
    login(&text, |token| token.without("nonce")).await.unwrap();
}

#[tokio::test]
async fn x23_a_token_twice_in_one_object_has_no_reading() {
    let refused = refusal(PLAIN, |token| {
        let payload = String::from_utf8(token.payload_bytes()).unwrap();
        let doubled = payload.replacen('{', "{\"sub\":\"mallory\",", 1);
        token.raw_payload(doubled)
    })
    .await;
    assert!(refused.contains("cannot be read"), "{refused}");
}

#[tokio::test]
async fn a_good_id_token_says_who_it_is_whatever_signs_it() {
    for key in ["r1", "e1", "d1"] {
        // Left half of the digest of "upstream-at", by the hash of the algorithm.
        let hash = match key {
            "d1" => at_hash(&aws_lc_rs::digest::SHA512),
            _ => at_hash(&aws_lc_rs::digest::SHA256),
        };
        let change = |token: TokenBuilder| {
            token
                .key(key)
                .audiences([CLIENT, "a friend"])
                .claim("azp", CLIENT)
                .claim("at_hash", hash)
        };
        let arrival = login(PLAIN, change).await.unwrap();
        assert_eq!(arrival.identity.issuer, OP);
        assert_eq!(arrival.identity.subject, "alice");
        assert_eq!(arrival.identity.name.as_deref(), Some("Alice"));
        assert_eq!(arrival.identity.domain.as_deref(), Some("corp.example"));
    }
}

fn at_hash(algorithm: &'static aws_lc_rs::digest::Algorithm) -> String {
    let digest = aws_lc_rs::digest::digest(algorithm, b"upstream-at");
    testkit::issuer::key::base64url(&digest.as_ref()[..digest.as_ref().len() / 2])
}

/// Many tenants, each with an issuer of its own, under one set of keys.
fn many_tenants() -> String {
    plain_with(
        "subject = \"/sub\"",
        "issuer = \"https://op.example/{claim:tid}/v2.0\"\nsubject = \"/oid\"\ndomain = \"/tid\"",
    )
    .replace(
        "issuer = \"https://op.example\"\n",
        "issuer = \"https://op.example/{{tenantid}}/v2.0\"\n",
    )
}

#[tokio::test]
async fn a80_a_token_of_another_tenant_is_refused() {
    let attempt = attempt();
    let text = many_tenants();
    for (iss, tid) in [
        // Another tenant than the one it names.
        ("https://op.example/t-2/v2.0", "t-1"),
        // An issuer of version 1.
        ("https://sts.op.example/t-1/", "t-1"),
        ("https://op.example/t-1/", "t-1"),
        // The template itself.
        ("https://op.example/{tenantid}/v2.0", "{tenantid}"),
        ("https://op.example/{claim:tid}/v2.0", "t-1"),
        // A tenant that is a piece of an address.
        ("https://op.example/t-1/../t-2/v2.0", "t-1/../t-2"),
        ("https://op.example//v2.0", ""),
        // Allowed as an issuer, but not to log in.
        ("https://op.example/t-2/v2.0", "t-2"),
    ] {
        let token = id_token(&attempt)
            .iss(iss)
            .claim("tid", tid)
            .claim("oid", "o-1");
        let script = script_with(&token.sign());
        let mut document = metadata();
        document["issuer"] = "https://op.example/{tenantid}/v2.0".into();
        script.json("/.well-known/openid-configuration", &document);
        let upstream = builder(&text, &script).allow_domain("t-1").build().unwrap();
        let refused = redeem(&upstream, &attempt).await.unwrap_err();
        if tid == "t-2" {
            assert!(matches!(refused, UpstreamError::NotAllowed(_)), "{iss}");
        } else {
            assert!(matches!(refused, UpstreamError::Identity(_)), "{iss}");
        }
    }
}

#[tokio::test]
async fn a80_a_key_of_one_tenant_speaks_for_no_other() {
    let attempt = attempt();
    for (of, good) in [
        (json!("https://op.example/t-1/v2.0"), true),
        (json!("https://op.example/{tenantid}/v2.0"), true),
        (Value::Null, true),
        (json!("https://op.example/t-2/v2.0"), false),
        (json!("https://op.example/consumers/v2.0"), false),
        (json!("https://evil.example/{tenantid}/v2.0"), false),
        (json!(7), false),
    ] {
        let token = id_token(&attempt)
            .iss("https://op.example/t-1/v2.0")
            .claim("tid", "t-1")
            .claim("oid", "o-1");
        let script = script_with(&token.sign());
        let mut document = metadata();
        document["issuer"] = "https://op.example/{tenantid}/v2.0".into();
        script.json("/.well-known/openid-configuration", &document);
        let mut keys = op().jwks_value();
        for key in keys["keys"].as_array_mut().unwrap() {
            if of.is_null() {
                continue;
            }
            key["issuer"] = of.clone();
        }
        script.json("/jwks", &keys);
        let upstream = builder(&many_tenants(), &script)
            .allow_everyone()
            .build()
            .unwrap();
        let outcome = redeem(&upstream, &attempt).await;
        assert_eq!(outcome.is_ok(), good, "{of}: {outcome:?}");
    }
}

#[tokio::test]
async fn a80_a_guest_with_a_chosen_address_is_who_issuer_and_subject_say() {
    let attempt = attempt();
    let token = id_token(&attempt)
        .iss("https://op.example/t-1/v2.0")
        .claim("tid", "t-1")
        .claim("oid", "o-1")
        .claim("email", "boss@corp.example")
        .claim("email_verified", true);
    let script = script_with(&token.sign());
    let mut document = metadata();
    document["issuer"] = "https://op.example/{tenantid}/v2.0".into();
    script.json("/.well-known/openid-configuration", &document);
    let upstream = builder(&many_tenants(), &script)
        .allow_domain("t-1")
        .build()
        .unwrap();
    let identity = redeem(&upstream, &attempt).await.unwrap().identity;
    assert_eq!(identity.issuer, "https://op.example/t-1/v2.0");
    assert_eq!(identity.subject, "o-1");
    assert_eq!(identity.domain.as_deref(), Some("t-1"));
    // The domain of the address opens nothing where the provider names organisations.
    let upstream = builder(&many_tenants(), &script)
        .allow_domain("corp.example")
        .build()
        .unwrap();
    let refused = redeem(&upstream, &attempt).await;
    assert!(matches!(refused, Err(UpstreamError::NotAllowed(_))));
}

#[tokio::test]
async fn a_key_that_is_new_at_the_provider_is_looked_up_once() {
    let attempt = attempt();
    let script = script_with(&id_token(&attempt).key("e1").sign());
    let old = TestIssuer::with_keys(OP, [TestKey::r1()]);
    script.text("/jwks", &old.jwks());
    let upstream = builder(PLAIN, &script).build().unwrap();
    let refused = redeem(&upstream, &attempt).await;
    assert!(matches!(refused, Err(UpstreamError::Identity(_))));
    script.text("/jwks", &op().jwks());
    let code = Secret::new("c");
    upstream
        .redeem_code(&attempt, REDIRECT, &code, None, later(31), &SystemGenerator)
        .await
        .unwrap();
    assert_eq!(script.asked("/jwks").len(), 2);
}
