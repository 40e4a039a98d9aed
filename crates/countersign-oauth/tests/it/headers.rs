//! Attack rows A35, A36, A41 to A45 and the header rows of A49.

use countersign_oauth::jose::{JwkSet, JwsError, VerifyingKey, decode_unverified};
use countersign_oauth::json::JsonError;
use serde_json::json;

use crate::fixtures::*;

fn refusal(header: &str) -> JwsError {
    jws_refusal(&E1.token(header, good_claims().to_string()))
}

#[test]
fn a35_a_key_id_that_no_key_has_is_refused() {
    for kid in [
        "../../dev/null",
        "/proc/self/environ",
        "' OR 1=1--",
        "r1%00",
        "r1\0",
        "R1",
        "r1 ",
        " r1",
        "r",
        "r11",
        "",
        "E1",
        "é1",
    ] {
        for (alg, signer) in [("ES256", &*E1), ("RS256", &*R1)] {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let token = signer.token(header, good_claims().to_string());
            assert_eq!(jws_refusal(&token), JwsError::UnknownKeyId, "{kid:?}");
        }
    }
    for kid in [
        json!(1),
        json!(["e1"]),
        json!({"e1": 1}),
        json!(null),
        json!(true),
    ] {
        let header = json!({"alg": "ES256", "kid": kid}).to_string();
        assert_eq!(refusal(&header), JwsError::KeyIdInvalid, "{kid}");
    }
    let header = |bytes| json!({"alg": "ES256", "kid": "e".repeat(bytes)}).to_string();
    assert_eq!(refusal(&header(1024 * 1024)), JwsError::TooLong);
    assert_eq!(refusal(&header(513)), JwsError::KeyIdInvalid);
    assert_eq!(refusal(&header(512)), JwsError::UnknownKeyId);
}

#[test]
fn only_a_missing_key_can_be_found_in_a_newer_set() {
    assert!(JwsError::UnknownKeyId.may_be_a_new_key());
    assert!(JwsError::NoCandidateKey.may_be_a_new_key());
    for refusal in [
        JwsError::BadSignature,
        JwsError::KeyMismatch,
        JwsError::AmbiguousKeyId,
    ] {
        assert!(!refusal.may_be_a_new_key());
    }
}

#[test]
fn a36_rs_17_no_kid_and_several_candidates_is_refused() {
    let header = r#"{"alg":"ES256"}"#;
    let token = E1.token(header, good_claims().to_string());
    judge(&token).expect("e1 is the only candidate");
    let two = key_set(&[E1.jwk(json!({})), E2.jwk(json!({}))]);
    let refused = decode_unverified(&token)
        .unwrap()
        .verify(&two, &PUBLIC)
        .unwrap_err();
    assert_eq!(refused, JwsError::SeveralCandidateKeys);
    let none = key_set(&[R1.jwk(json!({}))]);
    let refused = decode_unverified(&token)
        .unwrap()
        .verify(&none, &PUBLIC)
        .unwrap_err();
    assert_eq!(refused, JwsError::NoCandidateKey);
}

#[test]
fn a_configured_key_without_id_is_used_whatever_id_the_token_has() {
    let e1 = VerifyingKey::from_pem(include_bytes!("keys/e1.public.pem")).unwrap();
    let keys = JwkSet::from_keys(vec![e1.clone()]);
    let verdict = |token: &str, keys: &JwkSet| {
        decode_unverified(token)
            .unwrap()
            .verify(keys, &PUBLIC)
            .map(|_| ())
    };
    let token = E1.token(r#"{"alg":"ES256","kid":"of the issuer"}"#, "{}");
    assert_eq!(verdict(&token, &keys), Ok(()));
    let stranger = E2.token(r#"{"alg":"ES256","kid":"of the issuer"}"#, "{}");
    assert_eq!(verdict(&stranger, &keys), Err(JwsError::BadSignature));
    // With an id it must match, and beside a second key there is no single candidate.
    let named = JwkSet::from_keys(vec![e1.clone().with_kid("e1").unwrap()]);
    assert_eq!(verdict(&token, &named), Err(JwsError::UnknownKeyId));
    let e2 = VerifyingKey::from_jwk(&E2.bare_jwk())
        .unwrap()
        .with_kid("of the issuer")
        .unwrap();
    let both = JwkSet::from_keys(vec![e1, e2]);
    assert_eq!(verdict(&stranger, &both), Ok(()));
    assert_eq!(verdict(&token, &both), Err(JwsError::BadSignature));
}

#[test]
fn a_fetched_key_without_id_is_not_used_for_a_token_that_names_one() {
    let mut jwk = E1.bare_jwk();
    jwk.remove("kid");
    let keys = key_set(&[jwk.into()]);
    let named = E1.token(r#"{"alg":"ES256","kid":"e1"}"#, "{}");
    let refused = decode_unverified(&named)
        .unwrap()
        .verify(&keys, &PUBLIC)
        .unwrap_err();
    assert_eq!(refused, JwsError::UnknownKeyId);
    let unnamed = E1.token(r#"{"alg":"ES256"}"#, "{}");
    assert!(
        decode_unverified(&unnamed)
            .unwrap()
            .verify(&keys, &PUBLIC)
            .is_ok()
    );
}

#[test]
fn a41_a42_a_key_or_address_in_the_header_is_never_used() {
    let attacker = E2.bare_jwk();
    let chain = {
        let (_, der) = pem_rfc7468::decode_vec(include_bytes!("keys/e1.certificate.pem")).unwrap();
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der)
    };
    let mut variants = 0;
    for more in [
        json!({"jwk": attacker}),
        json!({"jku": "https://evil.test/jwks.json"}),
        json!({"x5u": "https://evil.test/chain.pem"}),
        json!({"x5c": [chain]}),
        json!({"x5t": "AAAA", "x5t#S256": "AAAA"}),
    ] {
        for (kid, expected) in [
            (Some("e1"), JwsError::BadSignature),
            (Some("e2"), JwsError::UnknownKeyId),
            (None, JwsError::BadSignature),
        ] {
            let mut header = json!({"alg": "ES256"});
            header
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            if let Some(kid) = kid {
                header["kid"] = kid.into();
            }
            let forged = E2.token(header.to_string(), good_claims().to_string());
            assert_eq!(jws_refusal(&forged), expected, "{header}");
            variants += 1;
            // The same headers do no harm to a token of the issuer.
            if kid != Some("e2") {
                judge(&E1.token(header.to_string(), good_claims().to_string())).unwrap();
            }
        }
    }
    assert_eq!(variants, 15);
}

#[test]
fn a43_a_critical_extension_is_refused_in_every_form() {
    for crit in [
        r#"["x"]"#,
        "[]",
        r#""x""#,
        "[1]",
        r#"["alg"]"#,
        r#"["exp"]"#,
        r#"["x","x"]"#,
        "null",
        "{}",
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"e1","crit":{crit}}}"#);
        assert_eq!(refusal(&header), JwsError::CriticalExtension, "{crit}");
        let header = format!(r#"{{"alg":"ES256","kid":"e1","x":1,"exp":1,"crit":{crit}}}"#);
        assert_eq!(refusal(&header), JwsError::CriticalExtension, "{crit}");
    }
    let twice = r#"{"alg":"ES256","kid":"e1","crit":["x"],"crit":["x"]}"#;
    assert_eq!(
        refusal(twice),
        JwsError::HeaderJson(JsonError::DuplicateMember)
    );
}

#[test]
fn a44_an_unencoded_or_detached_payload_is_refused() {
    for (header, expected) in [
        (
            r#"{"alg":"ES256","kid":"e1","b64":false}"#,
            JwsError::UnencodedPayload,
        ),
        (
            r#"{"alg":"ES256","kid":"e1","b64":true}"#,
            JwsError::UnencodedPayload,
        ),
        (
            r#"{"alg":"ES256","kid":"e1","b64":false,"crit":["b64"]}"#,
            JwsError::CriticalExtension,
        ),
    ] {
        assert_eq!(refusal(header), expected);
        let input = format!("{}.{}", encode(header), "payload");
        let signature = encode(E1.sign("ES256", input.as_bytes()));
        assert_eq!(jws_refusal(&format!("{input}.{signature}")), expected);
    }
    let token = good_token();
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(
        jws_refusal(&format!("{}..{}", parts[0], parts[2])),
        JwsError::BadSignature
    );
}

#[test]
fn a45_compression_is_refused() {
    for zip in [r#""DEF""#, "null", r#""""#] {
        let header = format!(r#"{{"alg":"ES256","kid":"e1","zip":{zip}}}"#);
        assert_eq!(refusal(&header), JwsError::Compressed);
    }
}

#[test]
fn a49_a_header_member_that_occurs_twice_is_refused() {
    for header in [
        r#"{"alg":"none","alg":"ES256","kid":"e1"}"#,
        r#"{"alg":"ES256","alg":"ES256","kid":"e1"}"#,
        r#"{"alg":"ES256","kid":"e1","kid":"r1"}"#,
        r#"{"alg":"ES256","kid":"e1","k\u0069d":"e1"}"#,
        r#"{"alg":"ES256","kid":"e1","typ":"at+jwt","typ":"JWT"}"#,
    ] {
        assert_eq!(
            refusal(header),
            JwsError::HeaderJson(JsonError::DuplicateMember),
            "{header}"
        );
    }
}

#[test]
fn a46_a_type_that_is_no_text_is_refused() {
    for typ in ["1", "null", r#"["at+jwt"]"#] {
        let header = format!(r#"{{"alg":"ES256","kid":"e1","typ":{typ}}}"#);
        assert_eq!(refusal(&header), JwsError::TypeInvalid);
    }
}
