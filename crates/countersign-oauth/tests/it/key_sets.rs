//! Attack rows A37 to A40 and A68: key sets as documents.

use countersign_oauth::jose::{
    Algorithm, JwkSet, JwkSetError, JwsError, KeyError, KeyOrigin, MAX_KEYS, ParsedSet,
    VerifyingKey, verify_compact,
};
use countersign_oauth::json::JsonError;
use serde_json::{Value, json};

use crate::fixtures::*;

fn parse(keys: &[Value], origin: KeyOrigin) -> ParsedSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes(), origin).unwrap()
}

fn reasons(parsed: &ParsedSet) -> Vec<KeyError> {
    parsed
        .warnings
        .iter()
        .map(|warning| warning.reason)
        .collect()
}

#[test]
fn a37_a_key_that_is_not_meant_for_verifying_is_ignored() {
    let token = good_token();
    for (more, reason) in [
        (json!({"use": "enc"}), KeyError::Use),
        (json!({"use": "SIG"}), KeyError::Use),
        (json!({"use": null}), KeyError::Use),
        (json!({"use": ["sig"]}), KeyError::Use),
        (json!({"key_ops": ["encrypt"]}), KeyError::KeyOps),
        (json!({"key_ops": []}), KeyError::KeyOps),
        (json!({"key_ops": "verify"}), KeyError::KeyOps),
        (json!({"use": "sig", "key_ops": ["sign"]}), KeyError::KeyOps),
        (json!({"alg": "RSA-OAEP"}), KeyError::Algorithm),
        (json!({"alg": "RS256"}), KeyError::Algorithm),
        (json!({"alg": "ES384"}), KeyError::Algorithm),
        (json!({"alg": "HS256"}), KeyError::Algorithm),
        (json!({"alg": null}), KeyError::Algorithm),
        (json!({"kid": 1}), KeyError::KeyId),
        (json!({"kid": "x".repeat(513)}), KeyError::KeyId),
    ] {
        let parsed = parse(&[E1.jwk(more.clone())], KeyOrigin::Remote);
        assert_eq!(reasons(&parsed), [reason], "{more}");
        let refused = verify_compact(&token, &parsed.set, &PUBLIC).unwrap_err();
        assert_eq!(refused, JwsError::UnknownKeyId);
    }
    let parsed = parse(
        &[E1.jwk(json!({"use": "sig", "key_ops": ["verify"]}))],
        KeyOrigin::Remote,
    );
    assert!(verify_compact(&token, &parsed.set, &PUBLIC).is_ok());
}

#[test]
fn a38_two_keys_with_one_id_are_both_ignored_and_others_are_not() {
    for twin in [E2.jwk(json!({"kid": "e1"})), R2.jwk(json!({"kid": "e1"}))] {
        let keys = [E1.jwk(json!({})), R1.jwk(json!({})), twin];
        let parsed = parse(&keys, KeyOrigin::Remote);
        assert_eq!(reasons(&parsed), [KeyError::DuplicateKeyId; 2]);
        assert_eq!(parsed.warnings[1].position, 2);
        assert_eq!(parsed.warnings[1].kid.as_deref(), Some("e1"));
        for signer in [&*E1, &*E2] {
            let token = signer.token(GOOD_HEADER, good_claims().to_string());
            let refused = verify_compact(&token, &parsed.set, &PUBLIC).unwrap_err();
            assert_eq!(refused, JwsError::AmbiguousKeyId);
        }
        let other = R1.token(r#"{"alg":"RS256","kid":"r1"}"#, good_claims().to_string());
        assert!(verify_compact(&other, &parsed.set, &PUBLIC).is_ok());
    }
}

#[test]
fn a38_configured_keys_with_one_id_are_ignored_too() {
    let named = |forge: &Forge| {
        VerifyingKey::from_jwk(&forge.bare_jwk())
            .unwrap()
            .with_kid("k")
            .unwrap()
    };
    let keys = JwkSet::from_keys(vec![named(&E1), named(&E2), hmac_key(Algorithm::HS256, 32)]);
    assert_eq!(keys.keys().len(), 1);
    let token = E1.token(r#"{"alg":"ES256","kid":"k"}"#, "{}");
    let refused = verify_compact(&token, &keys, &PUBLIC).unwrap_err();
    assert_eq!(refused, JwsError::AmbiguousKeyId);
}

#[test]
fn one_key_may_stand_in_a_set_twice_for_two_algorithms() {
    let keys = [
        R1.jwk(json!({"alg": "RS256"})),
        R1.jwk(json!({"alg": "PS256"})),
    ];
    let parsed = parse(&keys, KeyOrigin::Remote);
    assert_eq!(parsed.warnings, []);
    for alg in ["RS256", "PS256"] {
        let token = R1.token(json!({"alg": alg, "kid": "r1"}).to_string(), "{}");
        assert!(
            verify_compact(&token, &parsed.set, &Algorithm::ALL).is_ok(),
            "{alg}"
        );
    }
    let other = R1.token(r#"{"alg":"RS512","kid":"r1"}"#, "{}");
    let refused = verify_compact(&other, &parsed.set, &Algorithm::ALL).unwrap_err();
    assert_eq!(refused, JwsError::KeyMismatch);
}

#[test]
fn a39_a_symmetric_key_in_a_fetched_set_is_ignored() {
    let secret = [7; 64];
    let jwk = json!({"kty": "oct", "kid": "h1", "k": encode(secret)});
    let parsed = parse(&[jwk.clone(), E1.jwk(json!({}))], KeyOrigin::Remote);
    assert_eq!(reasons(&parsed), [KeyError::SymmetricFromRemote]);
    assert!(parsed.warnings[0].is_alarm());
    for header in [r#"{"alg":"HS256","kid":"h1"}"#, r#"{"alg":"HS256"}"#] {
        let token = hmac_token("HS256", header, &secret);
        assert!(verify_compact(&token, &parsed.set, &Algorithm::ALL).is_err());
        let local = parse(std::slice::from_ref(&jwk), KeyOrigin::Local);
        assert!(verify_compact(&token, &local.set, &Algorithm::ALL).is_ok());
    }
    assert!(verify_compact(&good_token(), &parsed.set, &PUBLIC).is_ok());
}

#[test]
fn a40_a_key_that_exposes_its_private_part_is_ignored_with_an_alarm() {
    for (key, members) in [
        (&*R1, &["d", "p", "q", "dp", "dq", "qi", "oth"][..]),
        (&*E1, &["d"]),
        (&*D1, &["d", "priv"]),
    ] {
        for member in members {
            for value in [json!("AQAB"), json!(null), json!("")] {
                for origin in [KeyOrigin::Remote, KeyOrigin::Local] {
                    let parsed = parse(&[key.jwk(json!({*member: value}))], origin);
                    assert_eq!(reasons(&parsed), [KeyError::PrivateMembers], "{member}");
                    assert!(parsed.warnings[0].is_alarm());
                    assert!(parsed.set.is_empty());
                }
            }
        }
    }
    // Also beside another fault, so that the alarm is never hidden.
    let parsed = parse(
        &[E1.jwk(json!({"d": "AQAB", "use": "enc"}))],
        KeyOrigin::Remote,
    );
    assert!(parsed.warnings[0].is_alarm());
}

#[test]
fn a68_a_document_that_is_no_key_set_is_refused() {
    let refusal = |text: &str| JwkSet::parse(text.as_bytes(), KeyOrigin::Remote).unwrap_err();
    for (text, expected) in [
        (
            "<!doctype html><p>Sign in</p>",
            JwkSetError::Json(JsonError::Syntax),
        ),
        ("", JwkSetError::Json(JsonError::Syntax)),
        ("[]", JwkSetError::Json(JsonError::NotAnObject)),
        ("{}", JwkSetError::KeysMissing),
        (r#"{"keys":null}"#, JwkSetError::KeysMissing),
        (r#"{"keys":{}}"#, JwkSetError::KeysMissing),
        (r#"{"keys":"x"}"#, JwkSetError::KeysMissing),
        (
            r#"{"keys":[],"keys":[]}"#,
            JwkSetError::Json(JsonError::DuplicateMember),
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn a68_a_broken_or_unknown_key_beside_a_good_one_is_skipped() {
    for (broken, reason) in [
        (
            json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "q", "pub": "AA"}),
            KeyError::KeyType,
        ),
        (
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            KeyError::Curve,
        ),
        (
            json!({"kty": "EC", "crv": "Ed25519", "x": "AA", "y": "AA"}),
            KeyError::Curve,
        ),
        (
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            KeyError::Curve,
        ),
        (
            json!({"kty": "OKP", "crv": "P-256", "x": "AA"}),
            KeyError::Curve,
        ),
        (
            json!({"kty": "EC", "crv": "P-256", "x": 1, "y": "AA"}),
            KeyError::Malformed,
        ),
        (json!({"kty": "RSA", "e": "AQAB"}), KeyError::Malformed),
        (
            json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
            KeyError::RsaModulus,
        ),
        (json!({"kty": 1}), KeyError::Malformed),
        (json!({}), KeyError::Malformed),
        (json!(null), KeyError::Malformed),
        (json!("key"), KeyError::Malformed),
        (json!([]), KeyError::Malformed),
    ] {
        for keys in [
            [broken.clone(), E1.jwk(json!({}))],
            [E1.jwk(json!({})), broken.clone()],
        ] {
            let parsed = parse(&keys, KeyOrigin::Remote);
            assert_eq!(reasons(&parsed), [reason], "{broken}");
            assert!(verify_compact(&good_token(), &parsed.set, &PUBLIC).is_ok());
        }
    }
}

#[test]
fn a69_a_set_of_more_than_100_keys_is_refused() {
    let keys = |count| json!({"keys": vec![json!({"kty": "x"}); count]}).to_string();
    assert!(JwkSet::parse(keys(MAX_KEYS).as_bytes(), KeyOrigin::Remote).is_ok());
    for count in [MAX_KEYS + 1, 100_000] {
        let refused = JwkSet::parse(keys(count).as_bytes(), KeyOrigin::Remote).unwrap_err();
        assert_eq!(refused, JwkSetError::TooManyKeys);
    }
}

#[test]
fn a_warning_shows_at_most_64_characters_of_the_key_id() {
    let parsed = parse(
        &[E1.jwk(json!({"kid": "é".repeat(200), "use": "enc"}))],
        KeyOrigin::Remote,
    );
    assert_eq!(parsed.warnings[0].kid.as_ref().unwrap().chars().count(), 64);
}

#[test]
fn debug_output_of_keys_shows_no_secret() {
    let key = hmac_key(Algorithm::HS256, 64);
    let shown = format!("{key:?} {:?}", JwkSet::from_keys(vec![key.clone()]));
    assert!(!shown.contains("ssss"), "{shown}");
    assert_eq!(key.thumbprint(), None);
    assert_eq!(key.to_jwk(), None);
}
