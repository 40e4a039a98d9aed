use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::issuer::key::base64url;
use testkit::{NOW, SignatureAlgorithm, TestIssuer, TestKey};

fn parts(token: &str) -> Vec<Vec<u8>> {
    token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect()
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn tokens_of_every_key_carry_a_signature_that_verifies() {
    let algorithms: [(TestKey, &'static dyn VerificationAlgorithm); 5] = [
        (TestKey::r1(), &signature::RSA_PKCS1_2048_8192_SHA256),
        (TestKey::e1(), &signature::ECDSA_P256_SHA256_FIXED),
        (TestKey::d1(), &signature::ED25519),
        (TestKey::e384(), &signature::ECDSA_P384_SHA384_FIXED),
        (TestKey::e521(), &signature::ECDSA_P521_SHA512_FIXED),
    ];
    let issuer = TestIssuer::with_keys(
        "https://as.test",
        algorithms.each_ref().map(|(key, _)| key.clone()),
    );
    for (key, algorithm) in algorithms {
        let token = issuer.token().key(key.kid()).scopes("read").sign();
        let (input, _) = token.rsplit_once('.').unwrap();
        let [header, payload, signature] = parts(&token).try_into().unwrap();
        assert_eq!(
            json_of(&header),
            json!({ "typ": "at+jwt", "alg": key.algorithm().name(), "kid": key.kid() })
        );
        assert_eq!(json_of(&payload)["exp"], NOW.as_secs() + 300);
        UnparsedPublicKey::new(algorithm, key.public_bytes())
            .verify(input.as_bytes(), &signature)
            .unwrap_or_else(|_| panic!("{key:?}"));
    }
}

#[test]
fn a_strangers_keys_share_names_but_not_material() {
    let (ours, theirs) = (TestIssuer::as_test(), TestIssuer::stranger());
    for key in ours.keys() {
        assert_ne!(key.public_bytes(), theirs.key(key.kid()).public_bytes());
    }
}

#[test]
fn hostile_tokens_come_out_as_they_were_asked_for() {
    let issuer = TestIssuer::as_test();
    let unsecured = issuer.token().unsecured().sign();
    assert!(unsecured.ends_with('.'));
    assert_eq!(json_of(&parts(&unsecured)[0])["alg"], "none");

    let raw = issuer
        .token()
        .raw_header(r#"{"alg":"ES256","alg":"none"}"#)
        .raw_payload([0xff])
        .signature([1, 2])
        .sign();
    assert_eq!(
        raw,
        format!(
            "{}.{}.{}",
            base64url(r#"{"alg":"ES256","alg":"none"}"#),
            base64url([0xff]),
            base64url([1, 2])
        )
    );

    let spellings = TestKey::r1().rsa_secret_spellings();
    assert_eq!(spellings.len(), 8);
    for (form, secret) in spellings {
        let token = issuer
            .token()
            .mac(SignatureAlgorithm::HS256, &secret)
            .sign();
        let (input, _) = token.rsplit_once('.').unwrap();
        let expected = SignatureAlgorithm::HS256.mac(&secret, input.as_bytes());
        assert_eq!(parts(&token)[2], expected, "{form}");
    }
}
