//! Attack row X23: ID tokens, OpenID Connect Core 1.0 §3.1.3.7.

use countersign_oauth::id_token::{IdTokenError, IdTokenRules};
use countersign_oauth::jose::Header;
use countersign_oauth::{Lifetime, Secret, UnixTime};
use serde_json::{Map, Value, json};

use crate::fixtures::{ISSUER, NOW};

const CLIENT: &str = "c1";

fn header(alg: &str, typ: Option<&str>) -> Header {
    let typ = typ.map_or(String::new(), |typ| format!(",\"typ\":{}", json!(typ)));
    Header::parse(format!(r#"{{"alg":"{alg}"{typ}}}"#).as_bytes()).unwrap()
}

fn good() -> Map<String, Value> {
    let claims = json!({
        "iss": ISSUER,
        "sub": "alice",
        "aud": CLIENT,
        "iat": NOW,
        "exp": NOW + 300,
        "nonce": "n-0S6_WzA2Mj",
    });
    claims.as_object().unwrap().clone()
}

/// The verdict on `claims` at `now`, where `nonce` was sent.
fn judged(
    header: &Header,
    claims: &Map<String, Value>,
    nonce: Option<&str>,
    now: u64,
) -> Result<String, IdTokenError> {
    let (nonce, access_token) = (nonce.map(Secret::new), Secret::new(ACCESS_TOKEN));
    let rules = IdTokenRules {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: nonce.as_ref(),
        access_token: Some(&access_token),
        leeway: Lifetime::from_secs(60),
    };
    let subject = rules.check(header, claims, UnixTime::from_secs(now))?;
    Ok(subject.to_owned())
}

/// The good claims with one replaced, or removed by `None`.
fn with(name: &str, value: Option<Value>) -> Result<String, IdTokenError> {
    let mut claims = good();
    match value {
        Some(value) => drop(claims.insert(name.to_owned(), value)),
        None => drop(claims.shift_remove(name)),
    }
    judged(&header("RS256", None), &claims, Some("n-0S6_WzA2Mj"), NOW)
}

/// The example of OpenID Connect Core, appendix A.4: `at_hash` is that of this token.
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";

#[test]
fn x23_a_claim_of_somebody_else_or_of_another_type_is_refused() {
    use IdTokenError as E;
    for (name, value, error) in [
        ("iss", None, E::IssuerMissing),
        ("iss", Some(json!([ISSUER])), E::IssuerMissing),
        ("iss", Some(json!("https://as.test/")), E::IssuerMismatch),
        ("iss", Some(json!("https://AS.test")), E::IssuerMismatch),
        ("iss", Some(json!("")), E::IssuerMismatch),
        ("aud", None, E::AudienceInvalid),
        ("aud", Some(json!([])), E::AudienceInvalid),
        ("aud", Some(json!({"c1": 1})), E::AudienceInvalid),
        ("aud", Some(json!([CLIENT, null])), E::AudienceInvalid),
        ("aud", Some(json!("C1")), E::AudienceMismatch),
        ("aud", Some(json!(["c2"])), E::AudienceMismatch),
        ("aud", Some(json!("c1 c2")), E::AudienceMismatch),
        ("aud", Some(json!([CLIENT, "c2"])), E::AuthorizedParty),
        ("aud", Some(json!([CLIENT, CLIENT])), E::AuthorizedParty),
        ("azp", Some(json!("c2")), E::AuthorizedParty),
        ("azp", Some(json!("")), E::AuthorizedParty),
        ("azp", Some(Value::Null), E::AuthorizedParty),
        ("exp", None, E::ExpiryInvalid),
        ("exp", Some(json!("1")), E::ExpiryInvalid),
        ("exp", Some(json!(-1)), E::ExpiryInvalid),
        ("exp", Some(json!(NOW * 1_000)), E::ExpiryInvalid),
        ("exp", Some(json!(NOW - 60)), E::Expired),
        ("iat", None, E::IssuedAtInvalid),
        ("iat", Some(json!("now")), E::IssuedAtInvalid),
        ("iat", Some(json!(NOW + 61)), E::NotYetValid),
        ("nbf", Some(json!(NOW + 61)), E::NotYetValid),
        ("nbf", Some(json!("now")), E::NotYetValid),
        ("nonce", None, E::Nonce),
        ("nonce", Some(json!("")), E::Nonce),
        ("nonce", Some(json!("N-0S6_WzA2Mj")), E::Nonce),
        ("nonce", Some(json!("n-0S6_WzA2M")), E::Nonce),
        ("nonce", Some(json!(["n-0S6_WzA2Mj"])), E::Nonce),
        ("at_hash", Some(json!("")), E::AccessTokenHash),
        (
            "at_hash",
            Some(json!("77QmUPtjPfzWtF2AnpK9RR")),
            E::AccessTokenHash,
        ),
        (
            "at_hash",
            Some(json!("77QmUPtjPfzWtF2AnpK9RQ==")),
            E::AccessTokenHash,
        ),
        ("at_hash", Some(Value::Null), E::AccessTokenHash),
        ("sub", None, E::Subject),
        ("sub", Some(json!("")), E::Subject),
        ("sub", Some(json!(7)), E::Subject),
        ("sub", Some(json!("a\nb")), E::Subject),
        ("sub", Some(json!("x".repeat(1_025))), E::Subject),
        ("typ", Some(json!("Bearer")), E::OtherKindOfToken),
        ("typ", Some(json!("Logout")), E::OtherKindOfToken),
        ("typ", Some(Value::Null), E::OtherKindOfToken),
        ("token_use", Some(json!("access")), E::OtherKindOfToken),
        ("token_use", Some(json!(["id"])), E::OtherKindOfToken),
    ] {
        let verdict = with(name, value.clone());
        assert_eq!(verdict, Err(error), "{name} {value:?}");
    }
}

#[test]
fn x23_only_the_types_of_an_id_token_are_accepted() {
    for (typ, accepted) in [
        (None, true),
        (Some("JWT"), true),
        (Some("jwt"), true),
        (Some("at+jwt"), false),
        (Some("application/at+jwt"), false),
        (Some("logout+jwt"), false),
        (Some("dpop+jwt"), false),
        (Some(""), false),
    ] {
        let verdict = judged(&header("RS256", typ), &good(), Some("n-0S6_WzA2Mj"), NOW);
        assert_eq!(verdict.is_ok(), accepted, "{typ:?}");
    }
}

#[test]
fn x23_a_nonce_that_nobody_sent_is_refused() {
    let verdict = judged(&header("RS256", None), &good(), None, NOW);
    assert_eq!(verdict, Err(IdTokenError::Nonce));
    let mut claims = good();
    claims.shift_remove("nonce");
    let verdict = judged(&header("RS256", None), &claims, None, NOW);
    assert_eq!(verdict.as_deref(), Ok("alice"));
}

#[test]
fn x23_the_clocks_may_differ_by_the_leeway_and_no_more() {
    let at = |now| judged(&header("RS256", None), &good(), Some("n-0S6_WzA2Mj"), now);
    for (now, verdict) in [
        (NOW - 61, Err(IdTokenError::NotYetValid)),
        (NOW - 60, Ok("alice".to_owned())),
        (NOW + 359, Ok("alice".to_owned())),
        (NOW + 360, Err(IdTokenError::Expired)),
    ] {
        assert_eq!(at(now), verdict);
    }
}

#[test]
fn a_good_id_token_names_its_subject() {
    for (name, value) in [
        ("azp", json!(CLIENT)),
        ("aud", json!([CLIENT])),
        ("at_hash", json!(AT_HASH)),
        ("typ", json!("ID")),
        ("token_use", json!("id")),
        ("nbf", json!(NOW + 60)),
        ("exp", json!(NOW as f64 + 0.5)),
        ("anything", json!({"else": [1]})),
    ] {
        let verdict = with(name, Some(value));
        assert_eq!(verdict.as_deref(), Ok("alice"), "{name}");
    }
    let mut claims = good();
    claims.insert("aud".to_owned(), json!(["c2", CLIENT]));
    claims.insert("azp".to_owned(), json!(CLIENT));
    let verdict = judged(&header("RS256", None), &claims, Some("n-0S6_WzA2Mj"), NOW);
    assert_eq!(verdict.as_deref(), Ok("alice"));
}

#[test]
fn the_hash_is_that_of_the_algorithm() {
    // Left halves of SHA-256, SHA-384 and SHA-512 of the access token.
    let digests = [
        (
            ["RS256", "PS256", "ES256"].as_slice(),
            &aws_lc_rs::digest::SHA256,
        ),
        (
            ["RS384", "PS384", "ES384"].as_slice(),
            &aws_lc_rs::digest::SHA384,
        ),
        (
            ["RS512", "PS512", "ES512", "EdDSA"].as_slice(),
            &aws_lc_rs::digest::SHA512,
        ),
    ];
    for (algorithms, hash) in digests {
        let digest = aws_lc_rs::digest::digest(hash, ACCESS_TOKEN.as_bytes());
        let half = &digest.as_ref()[..digest.as_ref().len() / 2];
        let mut claims = good();
        claims.insert("at_hash".to_owned(), json!(crate::fixtures::encode(half)));
        for other in ["RS256", "PS384", "ES512", "EdDSA"] {
            let fits = algorithms.contains(&other);
            let verdict = judged(&header(other, None), &claims, Some("n-0S6_WzA2Mj"), NOW);
            assert_eq!(verdict.is_ok(), fits, "{other}");
        }
    }
}
