//! Properties of tokens and key sets.

use countersign_oauth::jose::{
    Algorithm, Header, JwkSet, KeyOrigin, VerifyingKey, decode_unverified, verify_compact,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::*;

/// Texts that look like tokens more often than random ones do.
fn token_like() -> impl Strategy<Value = String> {
    let header = prop_oneof![
        Just(encode(GOOD_HEADER)),
        Just(encode(r#"{"alg":"none"}"#)),
        ".{0,40}".prop_map(encode),
        "[A-Za-z0-9_=+/-]{0,40}",
        ".{0,10}",
    ];
    (
        header,
        prop::collection::vec("[A-Za-z0-9_-]{0,30}|.{0,10}", 0..5),
    )
        .prop_map(|(header, rest)| [vec![header], rest].concat().join("."))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_taken_apart_is_spelled_canonically(token in token_like()) {
        if let Ok(unverified) = decode_unverified(&token) {
            let parts: Vec<_> = token.split('.').collect();
            prop_assert_eq!(parts.len(), 3);
            prop_assert_eq!(encode(unverified.payload()), parts[1]);
            prop_assert_eq!(encode(decode(parts[0])), parts[0]);
            prop_assert_eq!(encode(decode(parts[2])), parts[2]);
            prop_assert_eq!(&Header::parse(&decode(parts[0])).unwrap(), unverified.header());
        }
    }

    #[test]
    fn no_text_is_verified_that_the_issuer_did_not_sign(token in token_like()) {
        prop_assert!(verify_compact(&token, issuer_keys(), &Algorithm::ALL).is_err());
    }

    #[test]
    fn no_single_change_of_a_good_token_is_verified(at in any::<prop::sample::Index>(), character in any::<char>()) {
        let token = good_token();
        let at = at.index(token.len());
        prop_assume!(token.as_bytes()[at] != character as u8 || !character.is_ascii());
        for changed in [
            format!("{}{character}{}", &token[..at], &token[at + 1..]),
            format!("{}{}", &token[..at], &token[at + 1..]),
        ] {
            prop_assert!(verify_compact(&changed, issuer_keys(), &Algorithm::ALL).is_err());
        }
    }

    #[test]
    fn the_signature_covers_any_payload(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let token = D1.token(r#"{"alg":"EdDSA","kid":"d1"}"#, &payload);
        let verified = verify_compact(&token, issuer_keys(), &PUBLIC).unwrap();
        prop_assert_eq!(verified.payload(), payload);
    }
}

fn member() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "RSA", "EC", "OKP", "oct", "P-256", "P-384", "P-521", "Ed25519", "X25519", "sig", "enc",
            "RS256", "ES256", "EdDSA", "HS256", "none", "AQAB", "AQ", "", "k",
        ]).prop_map(Value::from),
        4 => (prop_oneof![Just(32), Just(31), Just(48), Just(66), Just(256), 0..300_usize])
            .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
            .prop_map(|bytes| Value::from(encode(bytes))),
        1 => Just(json!(null)),
        1 => Just(json!(["verify"])),
        1 => ".{0,5}".prop_map(Value::from),
    ]
}

fn jwk() -> impl Strategy<Value = Value> {
    let names = [
        "kty", "crv", "x", "y", "n", "e", "k", "kid", "alg", "use", "key_ops", "d",
    ];
    let random = prop::collection::vec((prop::sample::select(names.to_vec()), member()), 0..8)
        .prop_map(|members| {
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            )
        });
    let near = (
        prop::sample::select(vec![0_usize, 1, 2, 3, 4]),
        prop::collection::vec((prop::sample::select(names.to_vec()), member()), 0..3),
    )
        .prop_map(|(which, changes)| {
            let mut jwk = [&*R1, &*E1, &*E384, &*E521, &*D1][which].jwk(json!({}));
            for (name, value) in changes {
                jwk[name] = value;
            }
            jwk
        });
    prop_oneof![1 => random, 3 => near]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_key_of_a_set_is_fit_and_no_id_stands_for_two(keys in prop::collection::vec(jwk(), 0..6)) {
        let document = json!({"keys": keys}).to_string();
        let parsed = JwkSet::parse(document.as_bytes(), KeyOrigin::Remote).unwrap();
        prop_assert_eq!(parsed.set.keys().len() + parsed.warnings.len(), keys.len());
        for key in parsed.set.keys() {
            prop_assert!(!key.algorithms().any(|algorithm| algorithm.as_str().starts_with("HS")));
            let jwk = key.to_jwk().unwrap();
            if let Some(n) = jwk.get("n").and_then(Value::as_str) {
                prop_assert!((256..=1024).contains(&decode(n).len()));
            }
            prop_assert!(VerifyingKey::from_jwk(&jwk).is_ok());
            if let Some(kid) = key.kid() {
                let same = parsed.set.keys().iter().filter(|other| other.kid() == Some(kid));
                for other in same {
                    prop_assert_eq!(other.thumbprint(), key.thumbprint());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_key_set_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = JwkSet::parse(&bytes, KeyOrigin::Remote);
        let _ = VerifyingKey::from_pem(&bytes);
    }
}
