//! Making tokens and keys.

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::Secret;
use countersign_oauth::jose::{
    Algorithm, AlgorithmFamily, JwkSet, KeyOrigin, SignError, SigningKey, VerifyingKey,
    sign_compact, verify_compact,
};
use serde_json::json;

use crate::fixtures::*;

fn read(pem: &str) -> SigningKey {
    SigningKey::from_pkcs8_pem(&Secret::new(pem)).unwrap()
}

#[test]
fn a_certificate_of_another_key_is_refused_and_its_own_is_named_in_the_header() {
    let certificate = include_str!("keys/r1.certificate.pem");
    let two = format!("{certificate}{certificate}");
    for (pem, why) in [
        ("", SignError::Certificate),
        (R1.pem, SignError::Certificate),
        (include_str!("keys/r1.public.pem"), SignError::Certificate),
        (&two, SignError::Certificate),
        (
            include_str!("keys/e1.certificate.pem"),
            SignError::OtherCertificate,
        ),
    ] {
        assert_eq!(read(R1.pem).with_certificate(pem).unwrap_err(), why);
    }
    let hmac = SigningKey::from_hmac_secret(&Secret::new("s".repeat(64)), Algorithm::HS256);
    let hmac = hmac.unwrap().with_certificate(certificate);
    assert_eq!(hmac.unwrap_err(), SignError::OtherCertificate);

    let key = read(R1.pem).with_certificate(certificate).unwrap();
    let key = key.with_algorithm(Algorithm::PS256).unwrap();
    let token = sign_compact(Some("JWT"), b"{}", &key, &SystemRandom::new()).unwrap();
    let header = token.split('.').next().unwrap();
    let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    // As `openssl x509 -outform der | openssl dgst -sha256 -binary | base64` says.
    let expected = "0fHagpUMLSePGOTuQFKYOxxaOKkWXCGjM_BcgqnbzP0";
    assert_eq!(
        header,
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": expected})
    );
}

/// One signing key for every algorithm.
fn signers() -> Vec<SigningKey> {
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| match (algorithm.family(), algorithm) {
            (AlgorithmFamily::Hmac, _) => {
                SigningKey::from_hmac_secret(&Secret::new("s".repeat(64)), algorithm).unwrap()
            }
            (AlgorithmFamily::Rsa, _) => read(R1.pem).with_algorithm(algorithm).unwrap(),
            (_, Algorithm::ES384) => read(E384.pem),
            (_, Algorithm::ES512) => read(E521.pem),
            (AlgorithmFamily::Ec, _) => read(E1.pem),
            (AlgorithmFamily::Ed, _) => read(D1.pem),
        })
        .collect()
}

#[test]
fn a_signed_token_is_verified_by_its_own_key_and_by_no_other() {
    let random = SystemRandom::new();
    for key in signers() {
        let algorithm = key.algorithm();
        let key = key.with_kid("k").unwrap();
        let token = sign_compact(Some("at+jwt"), b"payload", &key, &random).unwrap();
        let keys = JwkSet::from_keys(vec![key.verifying_key().clone()]);
        let verified = verify_compact(&token, &keys, &[algorithm]).unwrap();
        assert_eq!(verified.payload(), b"payload");
        assert_eq!(verified.header().alg, algorithm);
        assert_eq!(verified.header().kid.as_deref(), Some("k"));
        assert_eq!(verified.header().typ.as_deref(), Some("at+jwt"));
        assert_eq!(verified.thumbprint(), key.verifying_key().thumbprint());
        for other in signers() {
            let same = other.algorithm() == algorithm;
            let other = JwkSet::from_keys(vec![other.verifying_key().clone()]);
            let verdict = verify_compact(&token, &other, &Algorithm::ALL);
            assert_eq!(verdict.is_ok(), same, "{algorithm}");
        }
    }
}

#[test]
fn a_key_without_id_writes_none_and_no_type_unless_told() {
    let token = sign_compact(None, b"{}", &read(D1.pem), &SystemRandom::new()).unwrap();
    assert_eq!(
        decode(token.split('.').next().unwrap()),
        br#"{"alg":"EdDSA"}"#
    );
}

#[test]
fn generated_keys_sign_and_their_public_halves_verify() {
    let random = SystemRandom::new();
    for algorithm in Algorithm::ALL {
        let generated = SigningKey::generate_pkcs8_pem(algorithm, &random);
        if algorithm.family() == AlgorithmFamily::Hmac {
            assert_eq!(generated.unwrap_err(), SignError::NoKeyPair);
            continue;
        }
        let key = SigningKey::from_pkcs8_pem(&generated.unwrap()).unwrap();
        let key = key
            .with_algorithm(algorithm)
            .unwrap()
            .with_kid("new")
            .unwrap();
        let token = sign_compact(None, b"{}", &key, &random).unwrap();
        let document = json!({"keys": [key.public_jwk().unwrap()]}).to_string();
        let parsed = JwkSet::parse(document.as_bytes(), KeyOrigin::Remote).unwrap();
        assert_eq!(parsed.warnings, []);
        assert!(
            verify_compact(&token, &parsed.set, &[algorithm]).is_ok(),
            "{algorithm}"
        );
        let from_pem = VerifyingKey::from_pem(key.public_pem().unwrap().as_bytes()).unwrap();
        let keys = JwkSet::from_keys(vec![from_pem]);
        assert!(
            verify_compact(&token, &keys, &[algorithm]).is_ok(),
            "{algorithm}"
        );
    }
}

#[test]
fn two_generated_keys_differ() {
    let random = SystemRandom::new();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let [a, b] = [(); 2].map(|()| SigningKey::generate_pkcs8_pem(algorithm, &random).unwrap());
        assert_ne!(a, b);
    }
}

#[test]
fn the_public_half_is_what_other_tools_write() {
    for (forge, pem) in [
        (&*R1, include_str!("keys/r1.public.pem")),
        (&*E1, include_str!("keys/e1.public.pem")),
        (&*D1, include_str!("keys/d1.public.pem")),
    ] {
        assert_eq!(read(forge.pem).public_pem().unwrap().trim(), pem.trim());
    }
    let secret = SigningKey::from_hmac_secret(&Secret::new("s".repeat(64)), Algorithm::HS256);
    let secret = secret.unwrap();
    assert_eq!((secret.public_pem(), secret.public_jwk()), (None, None));
}

#[test]
fn what_is_no_usable_private_key_is_refused() {
    let refusal = |pem: &str| SigningKey::from_pkcs8_pem(&Secret::new(pem)).unwrap_err();
    for (pem, reason) in [
        ("", SignError::Pem),
        (include_str!("keys/e1.public.pem"), SignError::Public),
        (include_str!("keys/r1.pkcs1-private.pem"), SignError::Pem),
        (include_str!("keys/e1.sec1-private.pem"), SignError::Pem),
        (include_str!("keys/e1.encrypted.pem"), SignError::Encrypted),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            SignError::KeyType,
        ),
    ] {
        assert_eq!(refusal(pem), reason);
    }
    assert_eq!(
        read(E1.pem).with_algorithm(Algorithm::ES384).unwrap_err(),
        SignError::Algorithm
    );
    assert_eq!(
        read(D1.pem).with_algorithm(Algorithm::RS256).unwrap_err(),
        SignError::Algorithm
    );
    assert_eq!(
        read(R1.pem).with_algorithm(Algorithm::HS256).unwrap_err(),
        SignError::Algorithm
    );
}

#[test]
fn debug_output_shows_no_private_part() {
    for forge in [&*R1, &*E1, &*D1] {
        let shown = format!("{:?} {:?}", read(forge.pem), Secret::new(forge.pem));
        let body: String = forge.pem.lines().nth(1).unwrap().chars().take(20).collect();
        assert!(!shown.contains(&body) && shown.len() < 400, "{shown}");
    }
}
