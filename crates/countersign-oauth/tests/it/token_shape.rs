//! Attack rows A15 to A25: the outer form of a token.

use countersign_oauth::bearer::MAX_TOKEN_BYTES;
use countersign_oauth::claims::ClaimsError;
use countersign_oauth::jose::JwsError;
use countersign_oauth::json::JsonError;

use crate::fixtures::*;

#[test]
fn the_control_token_is_accepted() {
    let claims = judge(&good_token()).unwrap();
    assert_eq!(claims.sub.as_ref(), "alice");
    assert_eq!(claims.scopes.to_string(), "read write");
    assert_eq!(claims.client_id.as_deref(), Some("c1"));
}

#[test]
fn a15_a_token_longer_than_8_kib_is_refused_before_it_is_decoded() {
    for bytes in [MAX_TOKEN_BYTES + 1, 64 * 1024, 1024 * 1024] {
        let mut claims = good_claims();
        claims["padding"] = "x".repeat(bytes).into();
        let token = E1.token(GOOD_HEADER, claims.to_string());
        assert_eq!(jws_refusal(&token), JwsError::TooLong);
        // Cut to the exact length, so that only the length can refuse it.
        assert_eq!(jws_refusal(&token[..bytes]), JwsError::TooLong);
    }
}

#[test]
fn a16_a_token_of_dots_is_refused() {
    for dots in [3, 4, 1000, MAX_TOKEN_BYTES] {
        assert_eq!(jws_refusal(&".".repeat(dots)), JwsError::NotThreeParts);
    }
}

#[test]
fn a17_a_token_without_exactly_three_parts_is_refused() {
    for token in ["", ".", "a.b", "a.b.c.d", "a"] {
        assert_eq!(jws_refusal(token), JwsError::NotThreeParts, "{token}");
    }
    assert_eq!(jws_refusal(".."), JwsError::HeaderJson(JsonError::Syntax));
}

#[test]
fn a18_a19_an_encrypted_token_is_refused_without_decryption() {
    for header in [
        r#"{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}"#,
        r#"{"alg":"dir","enc":"unknown"}"#,
        r#"{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT","kid":"r1"}"#,
    ] {
        let unsigned = format!(
            "{}.{}.",
            encode(r#"{"alg":"none"}"#),
            encode(good_claims().to_string())
        );
        let five = [header, "key", "iv", unsigned.as_str(), "tag"]
            .map(encode)
            .join(".");
        assert_eq!(jws_refusal(&five), JwsError::NotThreeParts, "{header}");
        let three = [header, "key", "iv"].map(encode).join(".");
        assert!(matches!(
            jws_refusal(&three),
            JwsError::AlgorithmUnknown | JwsError::Compressed
        ));
    }
}

#[test]
fn a20_the_json_serialisations_are_refused() {
    let token = good_token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    for json in [
        serde_json::json!({"payload": payload, "protected": header, "signature": signature}),
        serde_json::json!({"payload": payload,
            "signatures": [{"protected": header, "signature": signature}]}),
    ] {
        assert_eq!(jws_refusal(&json.to_string()), JwsError::NotThreeParts);
    }
}

#[test]
fn a21_characters_outside_base64url_are_refused_in_every_part() {
    let token = good_token();
    let parts: Vec<_> = token.split('.').collect();
    let refusals = [
        JwsError::HeaderEncoding,
        JwsError::PayloadEncoding,
        JwsError::SignatureEncoding,
    ];
    for (part, refusal) in refusals.into_iter().enumerate() {
        for alien in [
            "=", "==", "+", "/", " ", "\n", "\r\n", "?", "%2E", "\0", "é",
        ] {
            let middle = parts[part].len() / 2;
            for at in [0, middle, parts[part].len()] {
                let mut changed: Vec<_> = parts.iter().map(ToString::to_string).collect();
                changed[part].insert_str(at, alien);
                assert_eq!(
                    jws_refusal(&changed.join(".")),
                    refusal,
                    "{alien:?} {part} {at}"
                );
            }
        }
    }
}

#[test]
fn a22_unused_bits_that_are_not_zero_are_refused() {
    // Spaces bring the parts to lengths whose last character has unused bits.
    let mut checked = 0;
    for spaces in 0..3 {
        let blank = " ".repeat(spaces);
        let token = E1.token(
            format!("{blank}{GOOD_HEADER}"),
            format!("{blank}{}", good_claims()),
        );
        judge(&token).unwrap();
        let parts: Vec<_> = token.split('.').collect();
        for part in 0..3 {
            let unused = match parts[part].len() % 4 {
                2 => 4,
                3 => 2,
                _ => continue,
            };
            const ALPHABET: &[u8; 64] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = parts[part].bytes().last().unwrap();
            let value = ALPHABET
                .iter()
                .position(|character| *character == last)
                .unwrap();
            for bits in 1..1 << unused {
                let mut changed: Vec<_> = parts.iter().map(ToString::to_string).collect();
                changed[part].pop();
                changed[part].push(char::from(ALPHABET[value | bits]));
                let refusal = [
                    JwsError::HeaderEncoding,
                    JwsError::PayloadEncoding,
                    JwsError::SignatureEncoding,
                ][part];
                assert_eq!(jws_refusal(&changed.join(".")), refusal);
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "{checked}");
}

/// Texts that are no strict JSON object, and why.
fn no_objects() -> Vec<(Vec<u8>, JsonError)> {
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    vec![
        (b"null".to_vec(), JsonError::NotAnObject),
        (b"[]".to_vec(), JsonError::NotAnObject),
        (b"\"x\"".to_vec(), JsonError::NotAnObject),
        (b"1".to_vec(), JsonError::NotAnObject),
        (b"{".to_vec(), JsonError::Syntax),
        (b"".to_vec(), JsonError::Syntax),
        (b"{\"a\":\"\xFF\"}".to_vec(), JsonError::NotUtf8),
        (b"\xEF\xBB\xBF{}".to_vec(), JsonError::ByteOrderMark),
        (utf16("{}"), JsonError::Syntax),
        (b"{} {}".to_vec(), JsonError::Syntax),
        (b"{'a':1}".to_vec(), JsonError::Syntax),
        (b"{\"a\":1,}".to_vec(), JsonError::Syntax),
        (b"{\"a\":NaN}".to_vec(), JsonError::Syntax),
        (b"/**/{}".to_vec(), JsonError::Syntax),
    ]
}

#[test]
fn a23_a_header_that_is_no_strict_json_object_is_refused() {
    for (header, reason) in no_objects() {
        let token = E1.token(&header, good_claims().to_string());
        assert_eq!(
            jws_refusal(&token),
            JwsError::HeaderJson(reason),
            "{header:?}"
        );
    }
}

#[test]
fn a24_a_payload_that_is_no_strict_json_object_is_refused() {
    for (payload, reason) in no_objects() {
        let refusal = judge(&E1.token(GOOD_HEADER, &payload)).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Claims(ClaimsError::Json(reason)),
            "{payload:?}"
        );
    }
}

#[test]
fn a25_deep_nesting_is_refused_without_overflowing_the_stack() {
    for depth in [33, 128, 1000] {
        for (open, close) in [("[", "]"), ("{\"\":", "}")] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let header = format!(r#"{{"alg":"ES256","kid":"e1","x":{value}}}"#);
            let token = E1.token(&header, good_claims().to_string());
            assert_eq!(
                jws_refusal(&token),
                JwsError::HeaderJson(JsonError::TooDeep),
            );
            let payload = good_claims()
                .to_string()
                .replace('}', &format!(",\"x\":{value}}}"));
            let refusal = judge(&E1.token(GOOD_HEADER, payload)).unwrap_err();
            let too_deep = ClaimsError::Json(JsonError::TooDeep);
            assert_eq!(refusal, Refusal::Claims(too_deep), "{depth}");
        }
    }
    // Deeper ones do not fit into a token; whoever reads JSON elsewhere meets them.
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(
            countersign_oauth::json::parse(text.as_bytes()),
            Err(JsonError::TooDeep)
        );
    }
}
