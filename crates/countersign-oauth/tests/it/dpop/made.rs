//! Proofs as clients make them, nonces as servers give them out, and the examples of RFC 9449.

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::claims::{ClaimsError, ClaimsPolicy};
use countersign_oauth::dpop::{
    ALGORITHMS, Expected, NonceError, Nonces, ProofClaims, TYP, Target, Thumbprint, check, make,
};
use countersign_oauth::jose::{Algorithm, Header, SigningKey};
use countersign_oauth::json::Object;
use countersign_oauth::{Lifetime, Secret, UnixTime};
use serde_json::{Value, json};
use testkit::{SignatureAlgorithm, TestKey, jws};
use url::Url;

use super::checks::{NOW, TOKEN, bare, changed, claims, judge, with_claims};
use crate::fixtures::{AUDIENCE, ISSUER, decode};

#[test]
fn dp_02_other_nonces_than_ours_and_old_ones_are_refused() {
    let at = UnixTime::from_secs;
    let ours = Nonces::new(&[1; 32], [1; 8], at(NOW));
    let nonce = ours.issue(at(NOW));
    assert_eq!(ours.check(None, at(NOW)), Err(NonceError::Missing));
    assert_eq!(ours.check(Some(&nonce), at(NOW)), Ok(at(NOW)));
    assert_eq!(ours.check(Some(&nonce), at(NOW + 299)), Ok(at(NOW)));
    assert_eq!(
        ours.check(Some(&nonce), at(NOW + 300)),
        Err(NonceError::Stale)
    );
    assert_eq!(
        ours.check(Some(&nonce), at(NOW - 60)),
        Err(NonceError::Stale)
    );
    let mut changed = nonce.clone().into_bytes();
    changed[12] ^= 1;
    let changed = String::from_utf8(changed).unwrap();
    for foreign in [
        "",
        "x",
        &changed,
        &nonce[1..],
        &format!("{nonce}A"),
        &format!("{nonce}AAAA"),
    ] {
        assert_eq!(
            ours.check(Some(foreign), at(NOW)),
            Err(NonceError::Foreign),
            "{foreign}"
        );
    }
    // Another run of the same server.
    let restarted = Nonces::new(&[2; 32], [2; 8], at(NOW));
    assert_eq!(
        restarted.check(Some(&nonce), at(NOW)),
        Err(NonceError::Foreign)
    );
    assert!(!ours.is_due(at(NOW), at(NOW + 149)));
    assert!(ours.is_due(at(NOW), at(NOW + 150)));
    assert!(!format!("{ours:?}").contains("key"));
}

#[test]
fn dp_05_nodes_with_one_key_know_each_other_but_not_what_came_before_them() {
    let at = UnixTime::from_secs;
    let key = [7; 32];
    let first = Nonces::new(&key, [1; 8], at(NOW - 1000)).lifetime(Lifetime::from_secs(60));
    let second = Nonces::new(&key, [2; 8], at(NOW)).lifetime(Lifetime::from_secs(60));
    for (given_out, outcome) in [
        (NOW - 30, Err(NonceError::Foreign)),
        (NOW, Err(NonceError::Foreign)),
        (NOW + 5, Err(NonceError::Foreign)),
        (NOW + 6, Ok(at(NOW + 6))),
    ] {
        let nonce = first.issue(at(given_out));
        assert_eq!(
            second.check(Some(&nonce), at(NOW + 6)),
            outcome,
            "{given_out}"
        );
        assert!(first.check(Some(&nonce), at(NOW + 6)).is_ok());
    }
    // Its own are good from the beginning.
    assert!(second.check(Some(&second.issue(at(NOW))), at(NOW)).is_ok());
}

#[test]
fn the_examples_of_rfc_9449_are_verified() {
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (proof, method, address, token, iat, jti) in [
        // RFC 9449 §4.1 and §5.
        (
            include_str!("../vectors/rfc9449_token_request.txt"),
            "POST",
            "https://server.example.com/token",
            None,
            1_562_262_616,
            "-BwC3ESc6acc2lTc",
        ),
        // RFC 9449 §7.1.
        (
            include_str!("../vectors/rfc9449_resource_request.txt"),
            "GET",
            "https://resource.example.org/protectedresource",
            Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
            1_562_262_618,
            "e1j3V_bKic8-LAEB",
        ),
    ] {
        let target = Target::parse(address).unwrap();
        let mut expected = Expected::new(method, &target, UnixTime::from_secs(iat));
        if let Some(token) = token {
            expected = expected.access_token(token);
        }
        let proven = check(proof.trim(), &expected).unwrap();
        assert_eq!(proven.thumbprint, Thumbprint::parse(thumbprint).unwrap());
        assert_eq!((proven.jti.as_str(), proven.iat.as_secs()), (jti, iat));
        assert_eq!(proven.nonce, None);
    }
}

#[test]
fn dp_01_a_proof_that_is_made_is_accepted_with_every_algorithm() {
    let random = SystemRandom::new();
    let token = Secret::new(TOKEN);
    let url = Url::parse("https://rs.test/mcp?session=secret#x").unwrap();
    for algorithm in ALGORITHMS {
        let pem = SigningKey::generate_pkcs8_pem(algorithm, &random).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        let key = key
            .with_algorithm(algorithm)
            .unwrap()
            .with_kid("k")
            .unwrap();
        let claims = ProofClaims::new("p1", "POST", &url, UnixTime::from_secs(NOW))
            .access_token(&token)
            .nonce(Some("n1"));
        let proof = make(&claims, &key, &random).unwrap();
        let proven = judge(&proof).unwrap();
        assert_eq!(
            Some(proven.thumbprint.as_str()),
            key.verifying_key().thumbprint()
        );
        assert_eq!(proven.nonce.as_deref(), Some("n1"));
        let header: Value =
            serde_json::from_slice(&decode(proof.split('.').next().unwrap())).unwrap();
        assert_eq!(header.as_object().unwrap().len(), 3, "{header}");
        assert!(header["jwk"].get("d").is_none() && header["jwk"].get("kid").is_none());
        let payload = String::from_utf8(decode(proof.split('.').nth(1).unwrap())).unwrap();
        assert!(
            !payload.contains("secret") && !payload.contains('#'),
            "{payload}"
        );
    }
    let secret = Secret::new("x".repeat(64));
    let mac = SigningKey::from_hmac_secret(&secret, Algorithm::HS256).unwrap();
    let claims = ProofClaims::new("p1", "POST", &url, UnixTime::from_secs(NOW));
    assert!(make(&claims, &mac, &random).is_err());
}

#[test]
fn proofs_are_remembered_by_key_and_id() {
    let one = with_claims(json!({"jti": "a"})).unwrap();
    let same = with_claims(json!({"jti": "a", "iat": NOW - 1})).unwrap();
    let other = with_claims(json!({"jti": "b"})).unwrap();
    assert_eq!(one.fingerprint(), same.fingerprint());
    assert_ne!(one.fingerprint(), other.fingerprint());
    let key = TestKey::stranger_e1();
    let header = json!({"typ": TYP, "alg": "ES256", "jwk": bare(&key)});
    let proof = jws(
        header.to_string().as_bytes(),
        changed(claims(), json!({"jti": "a"}))
            .to_string()
            .as_bytes(),
        |input| key.sign_as(SignatureAlgorithm::ES256, input),
    );
    assert_ne!(judge(&proof).unwrap().fingerprint(), one.fingerprint());
}

#[test]
fn dp_02_a_token_is_good_with_the_key_it_is_bound_to_and_with_no_other() {
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    let header = Header::parse(br#"{"alg":"ES256","typ":"at+jwt"}"#).unwrap();
    let thumbprint =
        |letter: &str| Thumbprint::parse(&format!("{}{}", letter.repeat(42), "A")).unwrap();
    let (own, other) = (thumbprint("a"), thumbprint("b"));
    let with = |cnf: Option<Value>, proven: Option<&Thumbprint>| {
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60});
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf;
        }
        let text = claims.to_string();
        let checked = policy.check_parsed(
            &header,
            Object::parse(text.as_bytes()),
            proven,
            UnixTime::from_secs(NOW),
        );
        checked.err()
    };
    let bound = || Some(json!({"jkt": own.as_str()}));
    assert_eq!(with(bound(), None), Some(ClaimsError::SenderConstrained));
    assert_eq!(with(bound(), Some(&other)), Some(ClaimsError::OtherKey));
    assert_eq!(with(None, Some(&own)), Some(ClaimsError::NotBound));
    for cnf in [
        json!(null),
        json!({}),
        json!("x"),
        json!([own.as_str()]),
        json!({"jkt": 1}),
        json!({"jkt": "short"}),
        json!({"jkt": format!("{}=", own.as_str())}),
        json!({"x5t#S256": own.as_str()}),
        json!({"jkt": own.as_str(), "x5t#S256": own.as_str()}),
        json!({"jwk": {"kty": "EC"}}),
    ] {
        let outcome = with(Some(cnf.clone()), Some(&own));
        assert_eq!(outcome, Some(ClaimsError::ConfirmationInvalid), "{cnf}");
    }
    assert_eq!(with(bound(), Some(&own)), None);
    assert_eq!(with(None, None), None);
}
