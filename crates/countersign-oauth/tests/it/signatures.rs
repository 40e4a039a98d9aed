//! Attack rows A61 to A63 and A67: signatures that must not verify.

use countersign_oauth::jose::{Algorithm, JwsError, verify_compact};
use serde_json::{Value, json};

use crate::fixtures::*;
use crate::public_keys::small_order_points;

fn with_signature(header: &str, signature: &[u8]) -> String {
    let claims = good_claims().to_string();
    format!(
        "{}.{}.{}",
        encode(header),
        encode(claims),
        encode(signature)
    )
}

/// The orders of the curves, big-endian.
const ORDERS: [(&str, &str); 3] = [
    (
        "ES256",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    (
        "ES384",
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    (
        "ES512",
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn a61_an_ecdsa_signature_of_special_numbers_is_refused() {
    let keys = key_set(&[E1.jwk(json!({})), E384.jwk(json!({})), E521.jwk(json!({}))]);
    let mut variants = 0;
    for (alg, order) in ORDERS {
        let order = hex(order);
        let number = |value: u8| [vec![0; order.len() - 1], vec![value]].concat();
        let mut less = order.clone();
        *less.last_mut().unwrap() -= 1;
        let mut more = order.clone();
        *more.last_mut().unwrap() += 1;
        let numbers = [
            number(0),
            number(1),
            less,
            order.clone(),
            more,
            vec![0xFF; order.len()],
        ];
        let kid = match alg {
            "ES256" => "e1",
            "ES384" => "e384",
            _ => "e521",
        };
        let header = json!({"alg": alg, "kid": kid}).to_string();
        for r in &numbers {
            for s in &numbers {
                let token = with_signature(&header, &[r.as_slice(), s].concat());
                let refused = verify_compact(&token, &keys, &Algorithm::ALL).unwrap_err();
                assert_eq!(refused, JwsError::BadSignature);
                variants += 1;
            }
        }
    }
    assert_eq!(variants, 3 * 36);
}

/// An ASN.1 INTEGER of a big-endian number.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap();
    let sign = if number[start] >= 0x80 { &[0][..] } else { &[] };
    let content = [sign, &number[start..]].concat();
    [
        &[2, u8::try_from(content.len()).unwrap()],
        content.as_slice(),
    ]
    .concat()
}

#[test]
fn a62_an_ecdsa_signature_in_another_encoding_is_refused() {
    let token = good_token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = decode(signature);
    let (r, s) = signature.split_at(32);
    let content = [integer(r), integer(s)].concat();
    let der = [
        &[0x30, u8::try_from(content.len()).unwrap()],
        content.as_slice(),
    ]
    .concat();
    let padded = [&[0], r, &[0], s].concat();
    for (what, changed) in [
        ("DER", der),
        ("first byte lost", signature[1..].to_vec()),
        ("last byte lost", signature[..63].to_vec()),
        ("zero before", [&[0], signature.as_slice()].concat()),
        ("zero behind", [&signature[..], &[0]].concat()),
        ("zero before both", padded),
        ("empty", vec![]),
        ("doubled", [&signature[..], &signature[..]].concat()),
        ("swapped", [s, r].concat()),
    ] {
        let changed = format!("{input}.{}", encode(changed));
        assert_eq!(jws_refusal(&changed), JwsError::BadSignature, "{what}");
    }
}

/// `a + b` of big-endian numbers, with as many bytes as needed.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let length = a.len().max(b.len());
    let at = |number: &[u8], place| number.iter().rev().nth(place).copied().unwrap_or(0);
    let mut digits = Vec::new();
    let mut carry = 0;
    for place in 0..length {
        let digit = u16::from(at(a, place)) + u16::from(at(b, place)) + carry;
        digits.push(digit.to_le_bytes()[0]);
        carry = digit >> 8;
    }
    if carry > 0 {
        digits.push(1);
    }
    digits.reverse();
    digits
}

#[test]
fn a63_an_rsa_signature_of_special_numbers_or_wrong_length_is_refused() {
    let n = decode(R1.bare_jwk()["n"].as_str().unwrap());
    let mut less = n.clone();
    *less.last_mut().unwrap() -= 1;
    for alg in ["RS256", "PS256"] {
        let header = json!({"alg": alg, "kid": "r1"}).to_string();
        let keys = key_set(&[R1.jwk(json!({}))]);
        let good = R1.token(&header, good_claims().to_string());
        assert!(verify_compact(&good, &keys, &Algorithm::ALL).is_ok());
        let signature = decode(good.rsplit('.').next().unwrap());
        let one = [vec![0; 255], vec![1]].concat();
        for changed in [
            vec![],
            vec![0],
            vec![0; 256],
            vec![1],
            one,
            less.clone(),
            n.clone(),
            sum(&signature, &n),
            vec![0xFF; 256],
            signature[1..].to_vec(),
            signature[..255].to_vec(),
            [&[0], signature.as_slice()].concat(),
            [&signature[..], &[0]].concat(),
            [&[0; 256], signature.as_slice()].concat(),
        ] {
            let token = with_signature(&header, &changed);
            let refused = verify_compact(&token, &keys, &Algorithm::ALL).unwrap_err();
            assert_eq!(refused, JwsError::BadSignature);
        }
    }
}

/// Each entry was made with the private key of `r1`, around a padding that
/// deviates from RFC 8017 §9.2 in the way its name says.
#[test]
fn a63_an_rsa_signature_around_a_deviating_padding_is_refused() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/rsa_paddings.json")).unwrap();
    let input = vectors["input"].as_str().unwrap();
    let keys = key_set(&[R1.jwk(json!({"alg": "RS256"}))]);
    let verdict = |signature: &Value| {
        let token = format!("{input}.{}", signature.as_str().unwrap());
        verify_compact(&token, &keys, &PUBLIC).map(|_| ())
    };
    assert_eq!(verdict(&vectors["good"]), Ok(()));
    let changed = vectors["changed"].as_object().unwrap();
    assert!(changed.len() >= 213, "{}", changed.len());
    for (name, signature) in changed {
        assert_eq!(verdict(signature), Err(JwsError::BadSignature), "{name}");
    }
}

#[test]
fn a63_a_signature_over_the_other_padding_or_hash_is_refused() {
    let keys = key_set(&[R1.jwk(json!({}))]);
    for claimed in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        for used in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let header = json!({"alg": claimed, "kid": "r1"}).to_string();
            let input = format!("{}.{}", encode(&header), encode(good_claims().to_string()));
            let token = format!("{input}.{}", encode(R1.sign(used, input.as_bytes())));
            let verdict = verify_compact(&token, &keys, &Algorithm::ALL);
            assert_eq!(verdict.is_ok(), claimed == used, "{claimed} {used}");
        }
    }
}

/// The order of the Ed25519 group, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn a67_an_ed25519_signature_that_is_not_canonical_is_refused() {
    let header = r#"{"alg":"EdDSA","kid":"d1"}"#;
    let good = D1.token(header, good_claims().to_string());
    judge(&good).unwrap();
    let signature = decode(good.rsplit('.').next().unwrap());
    let (point, scalar) = signature.split_at(32);
    let mut forged = Vec::new();
    // S + k·L is the same scalar.
    let mut order: Vec<u8> = hex(ORDER);
    order.reverse();
    let mut larger: Vec<u8> = scalar.iter().rev().copied().collect();
    for _ in 0..14 {
        larger = sum(&larger, &order);
        let spelled: Vec<u8> = larger.iter().rev().copied().collect();
        forged.push([point, spelled.as_slice()].concat());
    }
    // R of small order, with scalars an attacker would choose.
    let zero = [0; 32];
    let mut one = zero;
    one[0] = 1;
    let mut all = small_order_points();
    all.extend(small_order_points().into_iter().map(|mut point| {
        point[31] ^= 0x80;
        point
    }));
    for small in all {
        for scalar in [&zero[..], &one, scalar, &hex(ORDER)] {
            forged.push([&small[..], scalar].concat());
        }
    }
    for length in [0, 1, 32, 63] {
        forged.push(signature[..length].to_vec());
    }
    forged.push([&signature[..], &[0]].concat());
    forged.push([&signature[..], &signature[..]].concat());
    assert!(forged.len() >= 63, "{}", forged.len());
    for signature in forged {
        let token = with_signature(header, &signature);
        assert_eq!(
            jws_refusal(&token),
            JwsError::BadSignature,
            "{signature:02x?}"
        );
    }
}

#[test]
fn a60_a_key_of_another_issuer_under_the_same_id_does_not_verify() {
    let token = good_token();
    let other_issuer = key_set(&[E2.jwk(json!({"kid": "e1", "alg": "ES256"}))]);
    let refused = verify_compact(&token, &other_issuer, &PUBLIC).unwrap_err();
    assert_eq!(refused, JwsError::BadSignature);
}
