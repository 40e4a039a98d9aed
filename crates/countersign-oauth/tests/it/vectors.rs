//! Known answers of the RFCs.

use countersign_oauth::jose::{Algorithm, JwkSet, KeyOrigin, VerifyingKey, verify_compact};
use countersign_oauth::json;
use serde_json::{Value, json};

use crate::fixtures::{decode, encode};

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn keys(vector: &Value) -> JwkSet {
    let document = json!({ "keys": [vector["jwk"]] }).to_string();
    let parsed = JwkSet::parse(document.as_bytes(), KeyOrigin::Local).unwrap();
    assert_eq!(parsed.warnings, [], "{}", vector["name"]);
    parsed.set
}

fn positive() -> Vec<Value> {
    [
        include_str!("vectors/rfc7515.json"),
        include_str!("vectors/rfc7520.json"),
        include_str!("vectors/rfc8037.json"),
    ]
    .into_iter()
    .flat_map(vectors)
    .collect()
}

#[test]
fn every_compact_example_of_the_rfcs_is_verified() {
    let vectors = positive();
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let token = vector["token"].as_str().unwrap();
        let verified = verify_compact(token, &keys(&vector), &Algorithm::ALL).unwrap();
        assert_eq!(
            verified.payload(),
            vector["payload"].as_str().unwrap().as_bytes()
        );
    }
}

#[test]
fn every_example_with_one_changed_byte_is_refused() {
    for vector in positive() {
        let token = vector["token"].as_str().unwrap();
        let keys = keys(&vector);
        let parts: Vec<_> = token.split('.').map(decode).collect();
        for part in 0..3 {
            for at in [0, parts[part].len() / 2, parts[part].len() - 1] {
                for bit in [1, 0x80] {
                    let mut changed = parts.clone();
                    changed[part][at] ^= bit;
                    let changed: Vec<_> = changed.iter().map(encode).collect();
                    let refused = verify_compact(&changed.join("."), &keys, &Algorithm::ALL);
                    assert!(refused.is_err(), "{} part {part} byte {at}", vector["name"]);
                }
            }
        }
    }
}

#[test]
fn every_example_is_refused_where_its_algorithm_is_not_listed() {
    for vector in positive() {
        let token = vector["token"].as_str().unwrap();
        let keys = keys(&vector);
        let used = verify_compact(token, &keys, &Algorithm::ALL)
            .unwrap()
            .header()
            .alg;
        let others: Vec<_> = Algorithm::ALL
            .into_iter()
            .filter(|other| *other != used)
            .collect();
        assert!(
            verify_compact(token, &keys, &others).is_err(),
            "{}",
            vector["name"]
        );
        assert!(
            verify_compact(token, &keys, &[]).is_err(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn unsecured_detached_unencoded_and_json_examples_are_refused() {
    let vectors = vectors(include_str!("vectors/refused.json"));
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let token = vector["token"].as_str().unwrap();
        let refused = verify_compact(token, &keys(&vector), &Algorithm::ALL);
        assert!(refused.is_err(), "{}", vector["name"]);
    }
}

#[test]
fn the_thumbprints_of_rfc_7638_and_rfc_8037_are_computed() {
    for (jwk, thumbprint) in [
        (
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ] {
        let key = VerifyingKey::from_jwk(&json::parse_object(jwk.as_bytes()).unwrap()).unwrap();
        assert_eq!(key.thumbprint(), Some(thumbprint));
    }
}
