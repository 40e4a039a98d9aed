//! Attack rows A51 to A54: the times in a token.

use countersign_oauth::claims::{Claims, ClaimsError, ClaimsPolicy, ConfigError, MAX_LEEWAY};
use countersign_oauth::jose::Header;
use countersign_oauth::{Lifetime, UnixTime};
use serde_json::{Value, json};

use crate::claims::with;
use crate::fixtures::*;

/// The verdict on claims whose member `name` is spelled `value`.
fn spelled(name: &str, value: &str) -> Result<Claims, ClaimsError> {
    let mut claims = good_claims();
    claims[name] = Value::Null;
    let text = claims
        .to_string()
        .replace(&format!("\"{name}\":null"), &format!("\"{name}\":{value}"));
    let header = Header::parse(br#"{"alg":"ES256"}"#).unwrap();
    policy().check(&header, text.as_bytes(), UnixTime::from_secs(NOW))
}

#[test]
fn a51_rs_17_an_expiry_that_is_no_usable_date_is_refused() {
    assert_eq!(with("exp", None).unwrap_err(), ClaimsError::ExpiryMissing);
    for value in [
        "\"9999999999\"",
        "\"\"",
        "-1",
        "-0.5",
        "null",
        "true",
        "{}",
        "[]",
        "[9999999999]",
        "1e300",
        "1.7976931348623157e308",
        "9223372036854775808",
        "18446744073709551615",
        "99999999999999999999999",
        "9007199254740993",
        "253402300800",
        "253402300799.5",
        "1767226200000",
    ] {
        assert_eq!(
            spelled("exp", value).unwrap_err(),
            ClaimsError::ExpiryInvalid,
            "{value}"
        );
    }
    assert!(matches!(spelled("exp", "1e400"), Err(ClaimsError::Json(_))));
    for past in ["0", "0.0", "-0.0", "1", "1e9"] {
        assert_eq!(
            spelled("exp", past).unwrap_err(),
            ClaimsError::Expired,
            "{past}"
        );
    }
}

#[test]
fn a51_an_expiry_with_a_fraction_is_rounded_to_the_earlier_second() {
    for (value, seconds) in [
        (format!("{}.0", NOW + 600), NOW + 600),
        (format!("{}.999", NOW + 600), NOW + 600),
        ("1.7672262e9".to_owned(), NOW + 600),
        ("253402300799".to_owned(), 253_402_300_799),
    ] {
        let claims = spelled("exp", &value).unwrap();
        assert_eq!(claims.exp, UnixTime::from_secs(seconds), "{value}");
    }
}

fn with_policy(policy: &ClaimsPolicy, claims: &Value) -> Result<Claims, ClaimsError> {
    let header = Header::parse(br#"{"alg":"ES256"}"#).unwrap();
    policy.check(
        &header,
        claims.to_string().as_bytes(),
        UnixTime::from_secs(NOW),
    )
}

#[test]
fn a51_a_lifetime_above_the_maximum_is_refused() {
    let limited = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .max_lifetime(Lifetime::from_mins(60))
        .build()
        .unwrap();
    for (iat, exp, accepted) in [
        (Some(NOW), NOW + 3600, true),
        (Some(NOW), NOW + 3601, false),
        (Some(NOW - 3000), NOW + 600, true),
        (Some(NOW - 3001), NOW + 600, false),
        (Some(0), NOW + 1, false),
        (None, NOW + 3660, true),
        (None, NOW + 3661, false),
        (None, 253_402_300_799, false),
    ] {
        let mut claims = good_claims();
        claims["exp"] = exp.into();
        match iat {
            Some(iat) => claims["iat"] = iat.into(),
            None => drop(claims.as_object_mut().unwrap().remove("iat")),
        }
        let verdict = with_policy(&limited, &claims).err();
        assert_eq!(
            verdict,
            (!accepted).then_some(ClaimsError::LifetimeTooLong),
            "{iat:?} {exp}"
        );
    }
    let none = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .max_lifetime(Lifetime::ZERO)
        .build();
    assert_eq!(none.unwrap_err(), ConfigError::NoLifetime);
}

#[test]
fn a52_an_expired_token_is_refused_at_the_second_after_the_leeway() {
    for leeway in [0, 1, 60, 300] {
        let lenient = ClaimsPolicy::builder()
            .issuer(ISSUER)
            .leeway(Lifetime::from_secs(leeway))
            .build()
            .unwrap();
        for (exp, accepted) in [
            (NOW - leeway - 1, false),
            (NOW - leeway, false),
            (NOW - leeway + 1, true),
        ] {
            let mut claims = good_claims();
            claims["exp"] = exp.into();
            claims["iat"] = (NOW - 1000).into();
            let verdict = with_policy(&lenient, &claims).err();
            assert_eq!(
                verdict,
                (!accepted).then_some(ClaimsError::Expired),
                "{leeway} {exp}"
            );
        }
    }
}

#[test]
fn a52_a_leeway_above_five_minutes_cannot_be_configured() {
    for (seconds, accepted) in [(300, true), (301, false), (u64::MAX, false)] {
        let built = ClaimsPolicy::builder()
            .issuer(ISSUER)
            .leeway(Lifetime::from_secs(seconds))
            .build();
        assert_eq!(
            built.err(),
            (!accepted).then_some(ConfigError::LeewayTooLong(seconds))
        );
    }
    assert_eq!(MAX_LEEWAY, Lifetime::from_secs(300));
    assert_eq!(policy().leeway(), Lifetime::from_secs(60));
}

#[test]
fn a53_a_token_that_is_not_valid_yet_is_refused() {
    assert!(with("nbf", Some(json!(NOW + 60))).is_ok());
    assert_eq!(
        with("nbf", Some(json!(NOW + 61))).unwrap_err(),
        ClaimsError::NotYetValid
    );
    let claims = spelled("nbf", &format!("{}.5", NOW - 10)).unwrap();
    assert_eq!(claims.nbf, Some(UnixTime::from_secs(NOW - 9)));
    let verdict = spelled("nbf", &format!("{}.5", NOW + 60));
    assert_eq!(verdict.unwrap_err(), ClaimsError::NotYetValid);
    for value in [
        "\"1\"",
        "-1",
        "null",
        "true",
        "[]",
        "{}",
        "1e300",
        "18446744073709551615",
    ] {
        assert_eq!(
            spelled("nbf", value).unwrap_err(),
            ClaimsError::NotBeforeInvalid,
            "{value}"
        );
    }
}

#[test]
fn a54_a_token_issued_in_the_future_or_after_its_expiry_is_refused() {
    assert!(with("iat", Some(json!(NOW + 60))).is_ok());
    for iat in [NOW + 61, NOW + 86_400] {
        let verdict = with("iat", Some(json!(iat)));
        assert_eq!(verdict.unwrap_err(), ClaimsError::IssuedInTheFuture);
    }
    let mut claims = good_claims();
    claims["exp"] = (NOW - 10).into();
    claims["iat"] = (NOW - 9).into();
    let verdict = with_policy(&policy(), &claims);
    assert_eq!(verdict.unwrap_err(), ClaimsError::IssuedAfterExpiry);
    for value in [
        "\"1\"",
        "-1",
        "null",
        "true",
        "[]",
        "{}",
        "1e300",
        "18446744073709551615",
    ] {
        assert_eq!(
            spelled("iat", value).unwrap_err(),
            ClaimsError::IssuedAtInvalid,
            "{value}"
        );
    }
}
