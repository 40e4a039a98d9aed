//! Keys from PEM files.

use countersign_oauth::jose::{Algorithm, KeyError, VerifyingKey};

use crate::fixtures::*;

#[test]
fn public_keys_and_certificates_are_read_as_the_same_key() {
    for (forge, files) in [
        (
            &*R1,
            &[
                include_str!("keys/r1.public.pem"),
                include_str!("keys/r1.pkcs1-public.pem"),
                include_str!("keys/r1.certificate.pem"),
            ][..],
        ),
        (
            &*E1,
            &[
                include_str!("keys/e1.public.pem"),
                include_str!("keys/e1.certificate.pem"),
            ],
        ),
        (
            &*D1,
            &[
                include_str!("keys/d1.public.pem"),
                include_str!("keys/d1.certificate.pem"),
            ],
        ),
    ] {
        let jwk = VerifyingKey::from_jwk(&forge.bare_jwk()).unwrap();
        for file in files {
            for pem in [
                (*file).to_owned(),
                file.trim().to_owned(),
                file.replace('\n', "\r\n"),
                format!("\n  {file}\n\n"),
                format!("Bag Attributes\n    friendlyName: x\n{file}"),
            ] {
                let key = VerifyingKey::from_pem(pem.as_bytes()).unwrap();
                assert_eq!(key.thumbprint(), jwk.thumbprint());
                assert_eq!(key.kid(), None);
            }
        }
    }
}

#[test]
fn a_private_key_is_refused_by_name() {
    for pem in [
        R1.pem,
        E1.pem,
        D1.pem,
        include_str!("keys/r1.pkcs1-private.pem"),
        include_str!("keys/e1.sec1-private.pem"),
        include_str!("keys/e1.encrypted.pem"),
    ] {
        assert_eq!(
            VerifyingKey::from_pem(pem.as_bytes()).unwrap_err(),
            KeyError::PrivateKey
        );
    }
    assert!(KeyError::PrivateKey.to_string().contains("private key"));
}

#[test]
fn keys_of_other_kinds_are_refused() {
    for (pem, reason) in [
        (include_str!("keys/x25519.public.pem"), KeyError::KeyType),
        (include_str!("keys/rsa-pss.public.pem"), KeyError::KeyType),
        (include_str!("keys/k256.public.pem"), KeyError::Curve),
        (
            include_str!("keys/rsa1024.public.pem"),
            KeyError::RsaTooSmall,
        ),
    ] {
        assert_eq!(VerifyingKey::from_pem(pem.as_bytes()).unwrap_err(), reason);
    }
}

#[test]
fn what_is_not_exactly_one_block_is_refused() {
    let one = include_str!("keys/e1.public.pem");
    let request = one.replace("PUBLIC KEY", "CERTIFICATE REQUEST");
    for (text, reason) in [
        (String::new(), KeyError::Pem),
        ("https://as.test/jwks.json".to_owned(), KeyError::Pem),
        (format!("{one}{one}"), KeyError::Pem),
        (format!("{one}{}", E1.pem), KeyError::Pem),
        (one.replace("END PUBLIC", "END PRIVATE"), KeyError::Pem),
        (one.replace("-----END PUBLIC KEY-----", ""), KeyError::Pem),
        (request, KeyError::PemLabel),
        (one.replace("PUBLIC KEY", "CERTIFICATE"), KeyError::Der),
        (one.replace("PUBLIC KEY", "RSA PUBLIC KEY"), KeyError::Der),
    ] {
        assert_eq!(
            VerifyingKey::from_pem(text.as_bytes()).unwrap_err(),
            reason,
            "{text}"
        );
    }
}

/// `SEQUENCE { INTEGER n, INTEGER e }` with the integers spelled as given.
fn pkcs1(n: &[u8], e: &[u8]) -> String {
    let element = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    let short = [&[2, u8::try_from(e.len()).unwrap()], e].concat();
    let der = element(0x30, &[element(2, n), short].concat());
    pem_rfc7468::encode_string("RSA PUBLIC KEY", pem_rfc7468::LineEnding::LF, &der).unwrap()
}

#[test]
fn a64_an_integer_in_another_encoding_is_refused() {
    let n = decode(R1.bare_jwk()["n"].as_str().unwrap());
    let signed = [&[0], n.as_slice()].concat();
    let read = |n: &[u8], e: &[u8]| VerifyingKey::from_pem(pkcs1(n, e).as_bytes()).map(|_| ());
    assert_eq!(read(&signed, &[1, 0, 1]), Ok(()));
    // Without the sign byte the modulus is a negative number.
    assert_eq!(read(&n, &[1, 0, 1]), Err(KeyError::Der));
    assert_eq!(
        read(&[&[0], signed.as_slice()].concat(), &[1, 0, 1]),
        Err(KeyError::Der)
    );
    assert_eq!(read(&signed, &[0, 1, 0, 1]), Err(KeyError::Der));
    assert_eq!(read(&signed, &[0xFF]), Err(KeyError::Der));
    assert_eq!(read(&signed, &[1]), Err(KeyError::RsaExponent));
}

#[test]
fn a_pem_key_is_bound_to_one_algorithm_on_request() {
    let key = VerifyingKey::from_pem(include_bytes!("keys/r1.public.pem")).unwrap();
    assert_eq!(key.algorithms().count(), 6);
    let bound = key.clone().with_algorithm(Algorithm::PS512).unwrap();
    assert_eq!(bound.algorithms().collect::<Vec<_>>(), [Algorithm::PS512]);
    assert_eq!(
        key.with_algorithm(Algorithm::ES256).unwrap_err(),
        KeyError::Algorithm
    );
}
