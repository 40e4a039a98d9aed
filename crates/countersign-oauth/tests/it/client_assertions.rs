//! `private_key_jwt`: row C23 of the attack corpus, RFC 7523 §3.

use aws_lc_rs::rand::SystemRandom;
use countersign_oauth::client_authentication::assertion::{AssertionError, AssertionRules};
use countersign_oauth::client_authentication::{ASSERTION_TYPE, PresentedClient};
use countersign_oauth::form::{Form, encode as form_encode};
use countersign_oauth::jose::{Algorithm, JwkSet, JwsError, SigningKey, sign_compact};
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::{ClientId, Issuer, Lifetime, Secret, UnixTime};
use serde_json::{Value, json};

use crate::fixtures::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"e1"}"#;
const TOKEN_ENDPOINT: &str = "https://as.test/token";

fn rules() -> AssertionRules {
    AssertionRules::new(Issuer::parse(ISSUER).unwrap(), Lifetime::from_secs(60))
}

fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": "C3", "sub": "C3", "aud": ISSUER, "exp": NOW + 300, "iat": NOW, "jti": "a1",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => {
                claims.as_object_mut().unwrap().remove(name);
            }
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn verify_with(rules: &AssertionRules, assertion: &str) -> Result<String, AssertionError> {
    let keys = key_set(&[
        E1.jwk(json!({"alg": "ES256"})),
        R1.jwk(json!({"alg": "RS256"})),
    ]);
    let client = ClientId::parse("C3").unwrap();
    let now = UnixTime::from_secs(NOW);
    rules
        .verify(&Secret::new(assertion), &client, &keys, &PUBLIC, now)
        .map(|verified| {
            assert_eq!(verified.client_id, client);
            assert!(verified.forget_at > now);
            verified.jti
        })
}

fn verify(assertion: &str) -> Result<String, AssertionError> {
    verify_with(&rules(), assertion)
}

#[test]
fn as_33_c23_claims_that_break_a_rule_are_refused() {
    use AssertionError as Why;
    for (changes, why) in [
        (json!({"iss": "C4"}), Why::Client),
        (json!({"sub": "C4"}), Why::Client),
        (json!({"iss": "C4", "sub": "C4"}), Why::Client),
        (json!({"iss": null}), Why::Client),
        (json!({"sub": ["C3"]}), Why::Client),
        (json!({"aud": null}), Why::Audience),
        (
            json!({"aud": [ISSUER, "https://other.test"]}),
            Why::Audience,
        ),
        (json!({"aud": [ISSUER]}), Why::Audience),
        (json!({"aud": TOKEN_ENDPOINT}), Why::Audience),
        (json!({"aud": "https://as.test/"}), Why::Audience),
        (json!({"aud": "http://as.test"}), Why::Audience),
        (json!({"aud": "https://AS.test"}), Why::Audience),
        (json!({"exp": NOW - 61}), Why::Expired),
        (json!({"exp": null}), Why::ExpiryMissing),
        (json!({"exp": "soon"}), Why::ExpiryMissing),
        (json!({"exp": NOW + 601}), Why::ValidTooLong),
        (json!({"nbf": NOW + 61}), Why::NotYetValid),
        (json!({"iat": NOW + 61}), Why::NotYetValid),
        (json!({"nbf": "now"}), Why::NotYetValid),
        (json!({"jti": null}), Why::TokenId),
        (json!({"jti": 1}), Why::TokenId),
        (json!({"jti": ""}), Why::TokenId),
        (json!({"jti": "x".repeat(513)}), Why::TokenId),
    ] {
        let assertion = E1.token(HEADER, claims(changes.clone()).to_string());
        assert_eq!(verify(&assertion), Err(why), "{changes}");
    }
}

#[test]
fn as_33_a46_c23_signatures_and_types_that_break_a_rule_are_refused() {
    let good = claims(json!({})).to_string();
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&good));
    assert!(matches!(
        verify(&unsigned),
        Err(AssertionError::Signature(_))
    ));
    // The public key as the secret of an HMAC.
    let hmac = hmac_token("HS256", r#"{"alg":"HS256","kid":"e1"}"#, &E1.spki());
    assert_eq!(
        verify(&hmac),
        Err(AssertionError::Signature(JwsError::AlgorithmNotAllowed))
    );
    // Another registered algorithm than that of the key.
    let other = R1.token(r#"{"alg":"PS256","kid":"r1"}"#, &good);
    assert!(matches!(verify(&other), Err(AssertionError::Signature(_))));
    // The key of somebody else.
    let foreign = E2.token(HEADER, &good);
    assert_eq!(
        verify(&foreign),
        Err(AssertionError::Signature(JwsError::BadSignature))
    );
    // A46.
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "refresh+jwt",
        "logout+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "secevent+jwt",
        "",
    ] {
        let header = json!({"alg": "ES256", "kid": "e1", "typ": typ}).to_string();
        assert_eq!(
            verify(&E1.token(header, &good)),
            Err(AssertionError::Type),
            "{typ}"
        );
    }
    let twice = r#"{"iss":"C3","iss":"C3"}"#;
    assert!(matches!(
        verify(&E1.token(HEADER, twice)),
        Err(AssertionError::Json(_))
    ));
}

#[test]
fn as_33_c23_symmetric_algorithms_are_refused_even_if_they_are_allowed() {
    let secret = Secret::new("a secret of thirty-two bytes or more");
    let key = SigningKey::from_hmac_secret(&secret, Algorithm::HS256).unwrap();
    let payload = claims(json!({})).to_string();
    let assertion = sign_compact(None, payload.as_bytes(), &key, &SystemRandom::new());
    let keys = JwkSet::from_keys(vec![key.verifying_key().clone()]);
    let result = rules().verify(
        &Secret::new(assertion.unwrap()),
        &ClientId::parse("C3").unwrap(),
        &keys,
        &Algorithm::ALL,
        UnixTime::from_secs(NOW),
    );
    assert_eq!(
        result,
        Err(AssertionError::Signature(JwsError::AlgorithmNotAllowed))
    );
}

#[test]
fn as_33_a_good_assertion_is_accepted() {
    for (header, forge) in [
        (HEADER, &*E1),
        (r#"{"alg":"RS256","kid":"r1","typ":"JWT"}"#, &*R1),
    ] {
        let assertion = forge.token(header, claims(json!({})).to_string());
        assert_eq!(verify(&assertion), Ok("a1".to_owned()));
    }
    for changes in [
        json!({"exp": NOW - 59}),
        json!({"exp": NOW + 600}),
        json!({"nbf": NOW + 60, "iat": null}),
    ] {
        let assertion = E1.token(HEADER, claims(changes).to_string());
        assert!(verify(&assertion).is_ok());
    }
    let typed = r#"{"alg":"ES256","kid":"e1","typ":"client-authentication+jwt"}"#;
    assert!(verify(&E1.token(typed, claims(json!({})).to_string())).is_ok());
}

#[test]
fn c23_the_token_endpoint_is_an_audience_only_behind_its_switch() {
    let assertion = E1.token(HEADER, claims(json!({"aud": TOKEN_ENDPOINT})).to_string());
    assert_eq!(verify(&assertion), Err(AssertionError::Audience));
    let switched = rules().danger_accept_token_endpoint(TOKEN_ENDPOINT);
    assert!(verify_with(&switched, &assertion).is_ok());
    let list = E1.token(HEADER, claims(json!({"aud": [TOKEN_ENDPOINT]})).to_string());
    assert_eq!(verify_with(&switched, &list), Err(AssertionError::Audience));
    let none = E1.token(HEADER, claims(json!({"aud": null})).to_string());
    assert_eq!(verify_with(&switched, &none), Err(AssertionError::Audience));
}

#[test]
fn c23_a_form_with_a_wrong_type_or_two_assertions_is_refused() {
    let assertion = E1.token(HEADER, claims(json!({})).to_string());
    let parse = |text: &str| {
        let headers: [&[u8]; 0] = [];
        PresentedClient::parse(headers, &Form::parse(text.as_bytes()).unwrap())
    };
    let kind = form_encode(ASSERTION_TYPE);
    let good = format!("client_assertion={assertion}&client_assertion_type={kind}");
    for text in [
        format!("client_assertion={assertion}"),
        format!("client_assertion_type={kind}"),
        format!("client_assertion={assertion}&client_assertion_type=saml2-bearer"),
        format!("{good}&client_assertion={assertion}"),
        format!("{good}&client_id=C1"),
        format!("client_assertion=junk&client_assertion_type={kind}"),
        format!(
            "client_assertion={}&client_assertion_type={kind}",
            E1.token(HEADER, "{}")
        ),
    ] {
        let refusal = parse(&text).expect_err(&text);
        assert_eq!(refusal.code(), TokenErrorCode::InvalidClient, "{text}");
    }
    assert_eq!(parse(&good).unwrap().client_id().as_str(), "C3");
    assert!(parse(&format!("{good}&client_id=C3")).is_ok());
}
