//! The checks of RFC 9449 §4.3: DP-02.

use countersign_oauth::UnixTime;
use countersign_oauth::dpop::{
    Expected, MAX_TOKEN_ID_BYTES, ProofError, Proven, TYP, Target, check, sole_proof,
};
use countersign_oauth::jose::{Algorithm, JwsError, KeyError};
use serde_json::{Value, json};
use testkit::{TestKey, jws};

pub(super) const NOW: u64 = 1_800_000_000;
const RESOURCE: &str = "https://rs.test/mcp";
pub(super) const TOKEN: &str = "the.access.token";
/// BASE64URL(SHA256("the.access.token")), worked out with another tool.
const TOKEN_HASH: &str = "R2a7yCsxS8BpCgk-2VRP3xHZJ8n6zSvOygTlU97Z9m0";

pub(super) fn claims() -> Value {
    json!({"jti": "p1", "htm": "POST", "htu": RESOURCE, "iat": NOW, "ath": TOKEN_HASH})
}

fn header() -> Value {
    json!({"typ": TYP, "alg": "ES256", "jwk": bare(&TestKey::e1())})
}

/// The public key without names and uses.
pub(super) fn bare(key: &TestKey) -> Value {
    let mut jwk = key.jwk();
    let members = jwk.as_object_mut().unwrap();
    for name in ["kid", "alg", "use"] {
        members.remove(name);
    }
    jwk
}

pub(super) fn changed(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            change => value[name] = change.clone(),
        }
    }
    value
}

fn signed(header: &Value, claims: &Value) -> String {
    sign_text(&header.to_string(), &claims.to_string())
}

fn sign_text(header: &str, claims: &str) -> String {
    let key = TestKey::e1();
    jws(header.as_bytes(), claims.as_bytes(), |input| {
        key.sign(input)
    })
}

fn target() -> Target {
    Target::parse(RESOURCE).unwrap()
}

pub(super) fn judge(proof: &str) -> Result<Proven, ProofError> {
    let target = target();
    let expected = Expected::new("POST", &target, UnixTime::from_secs(NOW)).access_token(TOKEN);
    check(proof, &expected)
}

pub(super) fn with_claims(changes: Value) -> Result<Proven, ProofError> {
    judge(&signed(&header(), &changed(claims(), changes)))
}

fn with_header(changes: Value) -> Result<Proven, ProofError> {
    judge(&signed(&changed(header(), changes), &claims()))
}

#[test]
fn dp_02_more_than_one_proof_is_refused() {
    let one: &[u8] = b"a.b.c";
    assert_eq!(sole_proof([]), Ok(None));
    assert_eq!(sole_proof([one]), Ok(Some("a.b.c")));
    for fields in [vec![one, one], vec![b"a.b.c, a.b.c"], vec![b"a.b.c,"]] {
        assert_eq!(sole_proof(fields), Err(ProofError::Repeated));
    }
    let long = vec![b'a'; 9 * 1024];
    assert_eq!(
        sole_proof([long.as_slice()]),
        Err(ProofError::Signature(JwsError::TooLong))
    );
    assert!(sole_proof([b"\xFF.\xFF.\xFF".as_slice()]).is_err());
}

#[test]
fn dp_02_what_is_no_signed_token_is_refused() {
    let good = signed(&header(), &claims());
    assert!(judge(&good).is_ok());
    for proof in [
        String::new(),
        "a".to_owned(),
        "a.b".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!(" {good}"),
        good.replace('.', ".."),
    ] {
        assert!(
            matches!(judge(&proof), Err(ProofError::Signature(_))),
            "{proof}"
        );
    }
}

#[test]
fn dp_02_a_claim_that_is_missing_or_of_another_type_is_refused() {
    for (name, expected) in [
        ("jti", ProofError::TokenId),
        ("htm", ProofError::Method),
        ("htu", ProofError::Address),
        ("iat", ProofError::IssuedAtMissing),
        ("ath", ProofError::OtherToken),
    ] {
        for value in [json!(null), json!([]), json!({}), json!(true)] {
            assert_eq!(
                with_claims(json!({ name: value })),
                Err(expected),
                "{name} {value}"
            );
        }
    }
    assert_eq!(
        with_claims(json!({"iat": NOW.to_string()})),
        Err(ProofError::IssuedAtMissing)
    );
    for nonce in [json!(1), json!(["n"]), json!("n".repeat(513))] {
        assert_eq!(
            with_claims(json!({"nonce": nonce})),
            Err(ProofError::NonceInvalid)
        );
    }
    let twice = r#"{"jti":"a","jti":"b","htm":"POST"}"#;
    let proof = sign_text(&header().to_string(), twice);
    assert!(matches!(judge(&proof), Err(ProofError::Json(_))));
    assert!(matches!(
        judge(&sign_text(&header().to_string(), "[]")),
        Err(ProofError::Json(_))
    ));
}

#[test]
fn dp_02_a46_another_type_than_dpop_jwt_is_refused() {
    for typ in [
        json!(null),
        json!("JWT"),
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("refresh+jwt"),
        json!("logout+jwt"),
        json!("DPOP+JWT"),
        json!("application/dpop+jwt"),
        json!("client-authentication+jwt"),
        json!("dpop+jwt "),
    ] {
        assert_eq!(
            with_header(json!({"typ": typ})),
            Err(ProofError::Type),
            "{typ}"
        );
    }
    let typ = with_header(json!({"typ": 1}));
    assert_eq!(typ, Err(ProofError::Signature(JwsError::TypeInvalid)));
}

#[test]
fn dp_02_an_algorithm_that_is_not_asymmetric_and_accepted_is_refused() {
    let unknown = ProofError::Signature(JwsError::AlgorithmUnknown);
    for alg in ["none", "None", "ES256K", "es256"] {
        assert_eq!(with_header(json!({"alg": alg})), Err(unknown), "{alg}");
    }
    let not_allowed = ProofError::Signature(JwsError::AlgorithmNotAllowed);
    for alg in ["HS256", "HS384", "HS512"] {
        assert_eq!(with_header(json!({"alg": alg})), Err(not_allowed), "{alg}");
        // Not even where somebody lists it.
        let target = target();
        let expected = Expected::new("POST", &target, UnixTime::from_secs(NOW))
            .access_token(TOKEN)
            .algorithms(&Algorithm::ALL);
        let proof = signed(&changed(header(), json!({"alg": alg})), &claims());
        assert_eq!(check(&proof, &expected), Err(not_allowed));
    }
    // Registered and implemented, but not accepted here.
    let target = target();
    let expected = Expected::new("POST", &target, UnixTime::from_secs(NOW))
        .access_token(TOKEN)
        .algorithms(&[Algorithm::EdDSA]);
    assert_eq!(
        check(&signed(&header(), &claims()), &expected),
        Err(not_allowed)
    );
    // Another one than the key is for.
    assert!(matches!(
        with_header(json!({"alg": "RS256"})),
        Err(ProofError::Signature(_))
    ));
    assert!(matches!(
        with_header(json!({"alg": "ES384"})),
        Err(ProofError::Signature(_))
    ));
}

#[test]
fn dp_02_a_signature_of_another_key_is_refused() {
    let bad = Err(ProofError::Signature(JwsError::BadSignature));
    assert_eq!(
        with_header(json!({"jwk": bare(&TestKey::stranger_e1())})),
        bad
    );
    let good = signed(&header(), &claims());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    assert_eq!(judge(&format!("{input}.{flipped}{}", &signature[1..])), bad);
    let other = signed(&header(), &changed(claims(), json!({"jti": "p2"})));
    let other = other.split('.').nth(1).unwrap();
    let header = good.split('.').next().unwrap();
    assert_eq!(judge(&format!("{header}.{other}.{signature}")), bad);
}

#[test]
fn dp_02_a_key_that_is_missing_private_symmetric_or_broken_is_refused() {
    for jwk in [json!(null), json!("x"), json!([]), json!(1)] {
        assert_eq!(
            with_header(json!({"jwk": jwk})),
            Err(ProofError::KeyMissing),
            "{jwk}"
        );
    }
    let own = bare(&TestKey::e1());
    for (changes, reason) in [
        (json!({"d": "AA"}), KeyError::PrivateMembers),
        (json!({"p": "AA"}), KeyError::PrivateMembers),
        (json!({"k": "AA"}), KeyError::KeyType),
        (
            json!({"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
            KeyError::KeyType,
        ),
        (json!({"kty": null}), KeyError::KeyType),
        (json!({"kty": "RSA"}), KeyError::RsaModulus),
        (json!({"y": null}), KeyError::Malformed),
        (json!({"x": "AA"}), KeyError::EcPoint),
        (json!({"use": "enc"}), KeyError::Use),
        (json!({"key_ops": ["sign"]}), KeyError::KeyOps),
        (json!({"alg": "RS256"}), KeyError::Algorithm),
    ] {
        let jwk = changed(own.clone(), changes.clone());
        let outcome = with_header(json!({ "jwk": jwk }));
        match outcome {
            Err(ProofError::Key(why)) => assert!(
                why == reason || (changes.get("kty").is_some() && why == KeyError::Malformed),
                "{changes} {why}"
            ),
            other => panic!("{changes} {other:?}"),
        }
    }
    let named = with_header(json!({"jwk": changed(own, json!({"kid": "other", "alg": "ES256"}))}));
    assert!(
        named.is_ok(),
        "the name of a key that comes along means nothing"
    );
    let elsewhere =
        json!({"jwk": null, "jku": "https://evil.test/keys", "x5u": "https://evil.test/c"});
    assert_eq!(with_header(elsewhere), Err(ProofError::KeyMissing));
}

#[test]
fn dp_02_g15_a_key_that_would_take_long_is_refused_before_it_is_used() {
    // The odd number of so many bytes that begins with C1 and goes on with B7, as base64url.
    let number = |bytes: usize| {
        let end = ["", "tw", "t7c"][bytes % 3];
        format!("wbe3{}{end}", "t7e3".repeat(bytes / 3 - 1))
    };
    let judged = |n: String, e: &str| {
        let jwk = json!({"kty": "RSA", "n": n, "e": e});
        with_header(json!({"alg": "PS512", "jwk": jwk}))
    };
    let long = |number: String, e: &str| {
        assert_eq!(
            judged(number, e),
            Err(ProofError::Key(KeyError::RsaTooLarge))
        );
    };
    long(number(513), "AQAB");
    long(number(1024), "AQAB");
    long(number(512), "_____w");
    long(number(256), &"_".repeat(2_000));
    for fits in [256, 384, 512] {
        assert_eq!(
            judged(number(fits), "AQAB"),
            Err(ProofError::Signature(JwsError::BadSignature)),
            "{fits}"
        );
    }
}

#[test]
fn dp_02_another_method_is_refused() {
    for method in ["GET", "post", "Post", "POST ", "", "DELETE"] {
        assert_eq!(
            with_claims(json!({"htm": method})),
            Err(ProofError::Method),
            "{method:?}"
        );
    }
}

#[test]
fn dp_02_another_address_is_refused() {
    for address in [
        "",
        "/mcp",
        "http://rs.test/mcp",
        "https://rs.test",
        "https://rs.test/",
        "https://rs.test/mcp/",
        "https://rs.test/MCP",
        "https://rs.test/mcp%2F",
        "https://rs.test:8443/mcp",
        "https://evil.test/mcp",
        "https://rs.test.evil.test/mcp",
        "https://evil.test/?https://rs.test/mcp",
        "https://rs.test@evil.test/mcp",
        // One address, but not in a spelling that RFC 3986 gives it.
        "https://user@rs.test/mcp",
        "https://rs.test\\mcp",
        "https:\\\\rs.test\\mcp",
        "https:rs.test/mcp",
        "https:///rs.test/mcp",
        " https://rs.test/mcp",
        "https://rs.test/m\tcp",
        "https://r%73.test/mcp",
        "https://rs.test/mcp%",
        "https://rs.test/mc%7",
        "ftp://rs.test/mcp",
    ] {
        assert_eq!(
            with_claims(json!({"htu": address})),
            Err(ProofError::Address),
            "{address:?}"
        );
    }
    for (ours, theirs) in [
        ("http://127.0.0.1:8000/mcp", "http://127.1:8000/mcp"),
        ("http://127.0.0.1:8000/mcp", "http://0x7f.0.0.1:8000/mcp"),
        ("http://127.0.0.1:8000/mcp", "http://2130706433:8000/mcp"),
        ("http://[::1]:8000/mcp", "http://[0:0:0:0:0:0:0:1]:8000/mcp"),
    ] {
        assert!(Target::parse(ours).is_ok());
        assert!(Target::parse(theirs).is_err(), "{theirs}");
    }
}

#[test]
fn dp_02_an_address_is_compared_as_rfc_3986_normalises_it() {
    for address in [
        RESOURCE,
        "https://rs.test/mcp?tenant=1",
        "https://rs.test/mcp#part",
        "https://rs.test/mcp?x=1#y",
        "HTTPS://RS.test/mcp",
        "https://rs.test:443/mcp",
        "https://rs.test/%6Dcp",
        "https://rs.test/a/../mcp",
        "https://rs.test/./mcp",
        "https://rs.test/%2e/mcp",
    ] {
        assert!(with_claims(json!({"htu": address})).is_ok(), "{address}");
    }
    let same =
        |one: &str, other: &str| Target::parse(one).unwrap() == Target::parse(other).unwrap();
    assert!(same("https://rs.test", "https://rs.test/"));
    assert!(same("https://rs.test/a%2fb", "https://rs.test/a%2Fb"));
    assert!(!same("https://rs.test/a%2fb", "https://rs.test/a/b"));
    assert!(!same("https://rs.test/a//b", "https://rs.test/a/b"));
    assert_eq!(
        Target::parse("HTTP://[::1]:80/%7Ea").unwrap().as_str(),
        "http://[::1]/~a"
    );
}

#[test]
fn dp_02_a_proof_outside_the_window_is_refused() {
    for (iat, outcome) in [
        (NOW - 301, Some(ProofError::TooOld)),
        (NOW - 300, None),
        (NOW + 300, None),
        (NOW + 301, Some(ProofError::InTheFuture)),
        (NOW * 1000, Some(ProofError::IssuedAtMissing)),
        (0, Some(ProofError::TooOld)),
    ] {
        assert_eq!(with_claims(json!({"iat": iat})).err(), outcome, "{iat}");
    }
    for (claim, value) in [
        ("exp", json!(NOW)),
        ("exp", json!("never")),
        ("nbf", json!(NOW + 301)),
    ] {
        assert_eq!(
            with_claims(json!({claim: value})),
            Err(ProofError::NotNow),
            "{claim} {value}"
        );
    }
    assert!(with_claims(json!({"exp": NOW + 1, "nbf": NOW})).is_ok());
}

#[test]
fn dp_02_a_proof_for_another_token_is_refused() {
    for hash in [
        "",
        TOKEN,
        "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
        &TOKEN_HASH[1..],
    ] {
        assert_eq!(
            with_claims(json!({"ath": hash})),
            Err(ProofError::OtherToken),
            "{hash}"
        );
    }
    let padded = format!("{TOKEN_HASH}=");
    assert_eq!(
        with_claims(json!({"ath": padded})),
        Err(ProofError::OtherToken)
    );
}

#[test]
fn dp_02_the_id_of_a_proof_is_bounded() {
    for jti in [String::new(), "x".repeat(MAX_TOKEN_ID_BYTES + 1)] {
        assert_eq!(with_claims(json!({"jti": jti})), Err(ProofError::TokenId));
    }
    assert!(with_claims(json!({"jti": "x".repeat(MAX_TOKEN_ID_BYTES)})).is_ok());
}
