//! Attack rows A64 to A66: keys that must never be used.

use countersign_oauth::jose::{Algorithm, JwkSet, KeyError, KeyOrigin, VerifyingKey};
use serde_json::{Value, json};

use crate::fixtures::*;

fn refusal(jwk: Value) -> KeyError {
    let parsed = JwkSet::parse(
        json!({"keys": [jwk.clone(), D1.jwk(json!({}))]})
            .to_string()
            .as_bytes(),
        KeyOrigin::Remote,
    )
    .unwrap();
    assert_eq!(parsed.set.keys().len(), 1, "{jwk}");
    let direct = VerifyingKey::from_jwk(jwk.as_object().unwrap()).unwrap_err();
    assert_eq!(parsed.warnings[0].reason, direct);
    direct
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "k", "n": encode(n), "e": encode(e)})
}

fn modulus() -> Vec<u8> {
    decode(R1.bare_jwk()["n"].as_str().unwrap())
}

/// A number of exactly `bits` bits that is odd and no product of special primes.
fn odd_number(bits: usize) -> Vec<u8> {
    let mut bytes = modulus()
        .into_iter()
        .cycle()
        .take(bits.div_ceil(8))
        .collect::<Vec<_>>();
    let top = (bits - 1) % 8;
    bytes[0] = bytes[0] & ((1 << top) - 1) | 1 << top;
    *bytes.last_mut().unwrap() |= 1;
    bytes
}

#[test]
fn a64_an_rsa_key_of_a_bad_size_is_ignored() {
    for bits in [8, 512, 1024, 2040, 2047] {
        assert_eq!(
            refusal(rsa(&odd_number(bits), &[1, 0, 1])),
            KeyError::RsaTooSmall,
            "{bits}"
        );
    }
    for bits in [8193, 16_384, 100_000] {
        assert_eq!(
            refusal(rsa(&odd_number(bits), &[1, 0, 1])),
            KeyError::RsaTooLarge,
            "{bits}"
        );
    }
    for bits in [2048, 2049, 3072, 4096, 8192] {
        let jwk = rsa(&odd_number(bits), &[1, 0, 1]);
        assert!(
            VerifyingKey::from_jwk(jwk.as_object().unwrap()).is_ok(),
            "{bits}"
        );
    }
}

#[test]
fn a64_an_rsa_key_with_a_bad_modulus_is_ignored() {
    let even = [&modulus()[..255], &[2]].concat();
    let leading_zero = [&[0], modulus().as_slice()].concat();
    for n in [vec![], vec![0], vec![0; 256], even, leading_zero] {
        assert_eq!(refusal(rsa(&n, &[1, 0, 1])), KeyError::RsaModulus, "{n:?}");
    }
}

#[test]
fn a64_an_rsa_key_with_a_bad_exponent_is_ignored() {
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[4],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[1, 0, 0, 0, 1],
        &[0xFF; 8],
        &[0xFF; 256],
    ] {
        assert_eq!(refusal(rsa(&modulus(), e)), KeyError::RsaExponent, "{e:?}");
    }
    for e in [&[3][..], &[17], &[1, 0, 1], &[0xFF; 4]] {
        let jwk = rsa(&modulus(), e);
        assert!(
            VerifyingKey::from_jwk(jwk.as_object().unwrap()).is_ok(),
            "{e:?}"
        );
    }
}

/// `65537^power`, big-endian.
fn power_of_65537(power: usize) -> Vec<u8> {
    let mut digits = vec![1_u8];
    for _ in 0..power {
        // x · 65537 = (x << 16) + x, little-endian.
        let mut product = [&[0, 0], digits.as_slice(), &[0]].concat();
        let mut carry = 0;
        for (at, place) in product.iter_mut().enumerate() {
            let sum = u16::from(*place) + u16::from(digits.get(at).copied().unwrap_or(0)) + carry;
            *place = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        while product.last() == Some(&0) {
            product.pop();
        }
        digits = product;
    }
    digits.reverse();
    digits
}

#[test]
fn a65_an_rsa_key_with_the_roca_fingerprint_is_ignored() {
    for power in [128, 129, 200, 255, 500] {
        let n = power_of_65537(power);
        assert_eq!(refusal(rsa(&n, &[1, 0, 1])), KeyError::RsaRoca, "{power}");
        // Two more, and some residue is no power any longer.
        let mut other = n.clone();
        *other.last_mut().unwrap() ^= 2;
        let jwk = rsa(&other, &[1, 0, 1]);
        assert!(
            VerifyingKey::from_jwk(jwk.as_object().unwrap()).is_ok(),
            "{power}"
        );
    }
}

#[test]
fn a66_an_elliptic_key_that_is_no_point_of_its_curve_is_ignored() {
    for key in [&*E1, &*E384, &*E521] {
        let jwk = key.bare_jwk();
        let bytes = |name: &str| decode(jwk[name].as_str().unwrap());
        let (x, y) = (bytes("x"), bytes("y"));
        let with = |x: &[u8], y: &[u8]| key.jwk(json!({"x": encode(x), "y": encode(y)}));
        let mut off_curve = y.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let field = vec![0xFF; x.len()];
        for (x, y) in [
            (&x[..], &off_curve[..]),
            (&y, &x),
            (&x[1..], &y),
            (&x, &y[..y.len() - 1]),
            (&[&[0], x.as_slice()].concat(), &y),
            (&x, &[&[0], y.as_slice()].concat()),
            (&[&x[..], &y[..1]].concat(), &y[1..]),
            (&vec![0; x.len()], &vec![0; y.len()]),
            (&[], &[]),
            (&[0], &[0]),
            (&field, &y),
            (&x, &field),
        ] {
            assert_eq!(refusal(with(x, y)), KeyError::EcPoint);
        }
        assert!(VerifyingKey::from_jwk(with(&x, &y).as_object().unwrap()).is_ok());
        for crv in ["P-256", "P-384", "P-521"] {
            if jwk["crv"] != crv {
                assert_eq!(refusal(key.jwk(json!({"crv": crv}))), KeyError::EcPoint);
            }
        }
    }
}

#[test]
fn a66_an_ed25519_key_of_wrong_length_or_small_order_is_ignored() {
    let good = decode(D1.bare_jwk()["x"].as_str().unwrap());
    let with = |x: &[u8]| D1.jwk(json!({"x": encode(x)}));
    for x in [
        &good[1..],
        &good[..31],
        &[&good[..], &[0]].concat(),
        &[],
        &[0; 64],
    ] {
        assert_eq!(refusal(with(x)), KeyError::Ed25519Point);
    }
    for mut x in small_order_points() {
        for sign in [0, 0x80] {
            x[31] = x[31] & 0x7F | sign;
            assert_eq!(refusal(with(&x)), KeyError::Ed25519Point, "{x:02x?}");
        }
    }
    assert!(VerifyingKey::from_jwk(with(&good).as_object().unwrap()).is_ok());
}

/// The points of order 1, 2, 4 and 8, and spellings of them that are no field elements.
pub(crate) fn small_order_points() -> Vec<[u8; 32]> {
    let hex = |text: &str| -> [u8; 32] {
        let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        std::array::from_fn(byte)
    };
    let f = "ff".repeat(30);
    vec![
        [0; 32],
        hex(&format!("01{}", "00".repeat(31))),
        hex(&format!("ec{f}7f")),
        hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        hex(&format!("ed{f}7f")),
        hex(&format!("ee{f}7f")),
        hex(&format!("ff{f}7f")),
    ]
}

#[test]
fn a_public_key_written_as_jwk_is_read_back_as_the_same_key() {
    for forge in [&*R1, &*E1, &*E384, &*E521, &*D1] {
        let key = VerifyingKey::from_jwk(&forge.bare_jwk()).unwrap();
        let again = VerifyingKey::from_jwk(&key.to_jwk().unwrap()).unwrap();
        assert_eq!(key.thumbprint(), again.thumbprint());
        assert_eq!(again.kid(), Some(forge.kid));
        assert_eq!(again.declared_algorithm(), None);
    }
    let declared = VerifyingKey::from_jwk(&R1.bare_jwk())
        .unwrap()
        .with_algorithm(Algorithm::PS256);
    assert_eq!(declared.unwrap().to_jwk().unwrap()["alg"], "PS256");
}
