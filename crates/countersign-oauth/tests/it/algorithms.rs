//! Attack rows A26 to A34: which algorithm, with which key.

use countersign_oauth::Secret;
use countersign_oauth::jose::{
    Algorithm, JwkSet, JwsError, KeyError, KeyOrigin, VerifyingKey, verify_compact,
};
use serde_json::{Value, json};

use crate::fixtures::*;

#[test]
fn a26_none_and_everything_that_is_no_algorithm_is_refused() {
    let signature = good_token().rsplit('.').next().unwrap().to_owned();
    for alg in [
        "\"none\"",
        "\"None\"",
        "\"NONE\"",
        "\"nOnE\"",
        "\"none \"",
        "\"none\\u0000\"",
        "\"\"",
        "null",
        "0",
        "[\"RS256\"]",
        "{}",
        "true",
    ] {
        for kid in ["", r#","kid":"e1""#] {
            let header = format!(r#"{{"alg":{alg}{kid}}}"#);
            let input = format!("{}.{}", encode(&header), encode(good_claims().to_string()));
            let real = E1.token(&header, good_claims().to_string());
            for token in [
                format!("{input}."),
                format!("{input}.AAAA"),
                format!("{input}.{signature}"),
                real,
            ] {
                let refusal = jws_refusal(&token);
                let expected = [JwsError::AlgorithmUnknown, JwsError::AlgorithmMissing];
                assert!(expected.contains(&refusal), "{alg} {refusal:?}");
            }
        }
    }
    for header in [r"{}", r#"{"kid":"e1"}"#, r#"{"ALG":"ES256","kid":"e1"}"#] {
        let token = E1.token(header, good_claims().to_string());
        assert_eq!(jws_refusal(&token), JwsError::AlgorithmMissing, "{header}");
    }
}

/// Texts of a public key that an attacker could use as an HMAC secret.
fn secrets_made_of(key: &Forge) -> Vec<Vec<u8>> {
    let mut secrets = vec![
        key.spki(),
        Value::Object(key.bare_jwk()).to_string().into_bytes(),
    ];
    let jwk = key.bare_jwk();
    for member in ["n", "x", "y"] {
        if let Some(value) = jwk.get(member).and_then(Value::as_str) {
            secrets.push(decode(value));
            secrets.push(value.as_bytes().to_vec());
        }
    }
    if let (Some(x), Some(y)) = (jwk.get("x"), jwk.get("y")) {
        let both = [x, y].map(|value| decode(value.as_str().unwrap())).concat();
        secrets.push([&[4], both.as_slice()].concat());
        secrets.push(both);
    }
    let mut pems = vec![
        pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, &key.spki()).unwrap(),
    ];
    if key.kid == "r1" {
        let pkcs1 = include_str!("keys/r1.pkcs1-public.pem");
        secrets.push(pem_rfc7468::decode_vec(pkcs1.as_bytes()).unwrap().1);
        pems.push(pkcs1.to_owned());
        pems.push(include_str!("keys/r1.certificate.pem").to_owned());
    }
    for pem in pems {
        secrets.push(pem.trim_end().as_bytes().to_vec());
        secrets.push(format!("  {pem}").into_bytes());
        secrets.push(pem.replace('\n', "\r\n").into_bytes());
        secrets.push(pem.into_bytes());
    }
    secrets
}

#[test]
fn a27_a28_a_public_key_is_never_an_hmac_secret() {
    let mut variants = 0;
    for key in [&*R1, &*E1, &*D1] {
        let undeclared = key_set(&[key.jwk(json!({}))]);
        let configured = JwkSet::from_keys(vec![VerifyingKey::from_jwk(&key.bare_jwk()).unwrap()]);
        for secret in secrets_made_of(key) {
            for algorithm in ["HS256", "HS384", "HS512"] {
                for kid in [String::new(), format!(r#","kid":"{}""#, key.kid)] {
                    let header = format!(r#"{{"alg":"{algorithm}"{kid}}}"#);
                    let token = hmac_token(algorithm, &header, &secret);
                    for keys in [&undeclared, &configured, issuer_keys()] {
                        // Even where somebody lists every algorithm.
                        let refusal = verify_compact(&token, keys, &Algorithm::ALL).unwrap_err();
                        let expected = [JwsError::KeyMismatch, JwsError::NoCandidateKey];
                        assert!(expected.contains(&refusal), "{refusal:?}");
                    }
                    assert_eq!(jws_refusal(&token), JwsError::AlgorithmNotAllowed);
                    variants += 1;
                }
            }
        }
    }
    assert!(variants >= 24 + 12, "{variants}");
}

#[test]
fn a29_an_empty_hmac_secret_verifies_nothing() {
    let keys = key_set(&[R1.jwk(json!({})), E1.jwk(json!({})), D1.jwk(json!({}))]);
    for algorithm in ["HS256", "HS384", "HS512"] {
        for kid in ["", r#","kid":"r1""#] {
            let header = format!(r#"{{"alg":"{algorithm}"{kid}}}"#);
            for secret in [&b""[..], &[0; 32], &[0; 64]] {
                let token = hmac_token(algorithm, &header, secret);
                assert!(verify_compact(&token, &keys, &Algorithm::ALL).is_err());
                assert_eq!(jws_refusal(&token), JwsError::AlgorithmNotAllowed);
            }
        }
    }
}

#[test]
fn a30_an_hmac_secret_that_is_short_empty_or_a_pem_text_is_refused() {
    let refusal = |text: &str, algorithm| {
        VerifyingKey::from_hmac_secret(&Secret::new(text), algorithm).unwrap_err()
    };
    for (algorithm, bytes) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        for short in [0, 1, bytes - 1] {
            assert_eq!(
                refusal(&"s".repeat(short), algorithm),
                KeyError::HmacTooShort
            );
        }
        assert!(hmac_key(algorithm, bytes).allows(algorithm));
        for pem in [
            include_str!("keys/r1.public.pem"),
            include_str!("keys/r1.pkcs1-public.pem"),
            include_str!("keys/r1.certificate.pem"),
            "\r\n  -----BEGIN PUBLIC KEY-----\nand something else that is long enough for SHA-512",
        ] {
            assert_eq!(refusal(pem, algorithm), KeyError::HmacIsPem);
        }
    }
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        assert_eq!(refusal(&"s".repeat(64), algorithm), KeyError::HmacAlgorithm);
    }
}

#[test]
fn an_hmac_secret_verifies_its_own_algorithm_only() {
    let keys = JwkSet::from_keys(vec![hmac_key(Algorithm::HS256, 64)]);
    let secret = "s".repeat(64);
    for (algorithm, accepted) in [("HS256", true), ("HS384", false), ("HS512", false)] {
        let token = hmac_token(
            algorithm,
            &format!(r#"{{"alg":"{algorithm}"}}"#),
            secret.as_bytes(),
        );
        assert_eq!(
            verify_compact(&token, &keys, &Algorithm::ALL).is_ok(),
            accepted,
            "{algorithm}"
        );
    }
}

#[test]
fn a31_a_token_that_names_a_key_of_another_kind_is_refused() {
    for (alg, kid, signer) in [
        ("RS256", "e1", &*R1),
        ("ES256", "r1", &*E1),
        ("EdDSA", "e1", &*D1),
        ("ES384", "e1", &*E384),
    ] {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let token = signer.token(header, good_claims().to_string());
        let refusal = verify_compact(&token, issuer_keys(), &Algorithm::ALL).unwrap_err();
        assert_eq!(refusal, JwsError::KeyMismatch, "{alg} {kid}");
    }
}

#[test]
fn a32_an_algorithm_that_is_not_listed_is_refused_although_the_key_could_verify_it() {
    let keys = key_set(&[R1.jwk(json!({}))]);
    for alg in ["PS256", "RS512"] {
        let header = json!({"alg": alg, "kid": "r1"}).to_string();
        let token = R1.token(header, good_claims().to_string());
        let refusal = verify_compact(&token, &keys, &PUBLIC).unwrap_err();
        assert_eq!(refusal, JwsError::AlgorithmNotAllowed, "{alg}");
        assert!(
            verify_compact(&token, &keys, &Algorithm::ALL).is_ok(),
            "{alg}"
        );
    }
}

#[test]
fn a33_an_algorithm_that_the_key_does_not_declare_is_refused() {
    for alg in ["PS256", "RS384", "RS512", "PS512"] {
        let header = json!({"alg": alg, "kid": "r1"}).to_string();
        let token = R1.token(header, good_claims().to_string());
        let refusal = verify_compact(&token, issuer_keys(), &Algorithm::ALL).unwrap_err();
        assert_eq!(refusal, JwsError::KeyMismatch, "{alg}");
    }
}

#[test]
fn a34_an_algorithm_in_another_spelling_is_refused() {
    for alg in [
        "rs256", "RS256 ", " RS256", "RЅ256", "Rs256", "RS256\0", "EDDSA", "eddsa", "ES256K",
    ] {
        let header = json!({"alg": alg, "kid": "r1"}).to_string();
        let token = R1.token(header, good_claims().to_string());
        assert_eq!(jws_refusal(&token), JwsError::AlgorithmUnknown, "{alg}");
    }
}

#[test]
fn ed25519_of_rfc_9864_is_read_as_eddsa() {
    for alg in ["EdDSA", "Ed25519"] {
        let header = json!({"alg": alg, "kid": "d1"}).to_string();
        judge(&D1.token(header, good_claims().to_string())).unwrap();
        let document = json!({"keys": [D1.jwk(json!({"alg": alg}))]}).to_string();
        let parsed = JwkSet::parse(document.as_bytes(), KeyOrigin::Remote).unwrap();
        assert!(parsed.set.keys()[0].allows(Algorithm::EdDSA));
    }
}

#[test]
fn every_algorithm_is_named_as_it_is_parsed() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
    }
}
