//! The claims policy against a second, naive reading of its rules.

use countersign_oauth::claims::ClaimsPolicy;
use countersign_oauth::jose::Header;
use countersign_oauth::{Lifetime, UnixTime};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::fixtures::{AUDIENCE, ISSUER, NOW};

const LEEWAY: u64 = 30;
const LONGEST: u64 = 3600;

fn date() -> impl Strategy<Value = Value> {
    prop_oneof![
        10 => (NOW - 4000..NOW + 4000).prop_map(Value::from),
        4 => prop_oneof![Just(NOW - 30), Just(NOW - 29), Just(NOW + 30), Just(NOW + 31), Just(NOW + 3600)]
            .prop_map(Value::from),
        3 => (-4000.0..4000.0).prop_map(|offset: f64| json!(NOW as f64 + offset)),
        1 => prop_oneof![
            Just(json!(null)), Just(json!("1")), Just(json!(-1)), Just(json!(1e300)),
            Just(json!(u64::MAX)), Just(json!([])), Just(json!(true)), Just(json!(253_402_300_800_u64)),
        ],
    ]
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => prop_oneof![Just(ISSUER), Just(AUDIENCE), Just("alice"), Just("a b"), Just("")]
            .prop_map(Value::from),
        2 => ".{0,4}".prop_map(Value::from),
        1 => prop_oneof![
            Just(json!(null)), Just(json!(1)), Just(json!([])), Just(json!({})),
            Just(json!([AUDIENCE])), Just(json!(["x", AUDIENCE])), Just(json!([""])),
            Just(json!([AUDIENCE, 1])), Just(json!(["a", "b"])),
        ],
    ]
}

fn claims() -> impl Strategy<Value = Map<String, Value>> {
    let mostly = |usual: Value, other: BoxedStrategy<Value>| prop_oneof![6 => Just(Some(usual)), 3 => other.prop_map(Some), 1 => Just(None)];
    let rarely =
        |other: BoxedStrategy<Value>| prop_oneof![3 => Just(None), 1 => other.prop_map(Some)];
    let members = (
        mostly(json!(ISSUER), text().boxed()),
        mostly(json!(AUDIENCE), text().boxed()),
        mostly(json!("alice"), text().boxed()),
        mostly(json!(NOW + 600), date().boxed()),
        rarely(date().boxed()),
        mostly(json!(NOW - 5), date().boxed()),
        rarely(text().boxed()),
        rarely(text().boxed()),
        rarely(text().boxed()),
        prop_oneof![9 => Just(None), 1 => Just(Some(json!({"jkt": "x"})))],
    );
    members.prop_map(
        |(iss, aud, sub, exp, nbf, iat, scope, scp, client_id, cnf)| {
            [
                ("iss", iss),
                ("aud", aud),
                ("sub", sub),
                ("exp", exp),
                ("nbf", nbf),
                ("iat", iat),
                ("scope", scope),
                ("scp", scp),
                ("client_id", client_id),
                ("cnf", cnf),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
        },
    )
}

/// One rule after the other, each as a plain sentence over floating-point times.
fn naive(claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let absent_or_text = |name: &str| claims.get(name).is_none_or(Value::is_string);
    let seconds = |name: &str| {
        let number = claims.get(name)?.as_f64()?;
        (0.0..=253_402_300_799.0)
            .contains(&number)
            .then_some(number)
    };
    let absent_or_date = |name: &str| !claims.contains_key(name) || seconds(name).is_some();
    let now = NOW as f64;
    let leeway = LEEWAY as f64;

    let issuer = text("iss") == Some(ISSUER);
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => one == AUDIENCE,
        Some(Value::Array(many)) => {
            many.iter()
                .all(|one| one.as_str().is_some_and(|one| !one.is_empty()))
                && many.iter().any(|one| one == AUDIENCE)
        }
        _ => false,
    };
    let subject = text("sub").is_some_and(|sub| {
        !sub.is_empty() && sub.len() <= 1024 && sub.chars().all(|one| !one.is_control())
    });
    let Some(exp) = seconds("exp").map(f64::floor) else {
        return false;
    };
    let times = absent_or_date("nbf")
        && absent_or_date("iat")
        && now < exp + leeway
        && seconds("nbf").is_none_or(|nbf| nbf <= now + leeway)
        && seconds("iat").is_none_or(|iat| iat <= now + leeway && iat.ceil() <= exp)
        && exp <= seconds("iat").map_or(now + leeway, f64::ceil) + LONGEST as f64;
    let scopes = match claims.get("scope").or_else(|| claims.get("scp")) {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(names)) => names.iter().all(Value::is_string),
        Some(_) => false,
    };
    issuer
        && audience
        && subject
        && times
        && scopes
        && absent_or_text("client_id")
        && !claims.contains_key("cnf")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_policy_agrees_with_the_naive_reading(claims in claims()) {
        let policy = ClaimsPolicy::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .leeway(Lifetime::from_secs(LEEWAY))
            .max_lifetime(Lifetime::from_secs(LONGEST))
            .build()
            .unwrap();
        let header = Header::parse(br#"{"alg":"ES256"}"#).unwrap();
        let payload = Value::Object(claims.clone()).to_string();
        let verdict = policy.check(&header, payload.as_bytes(), UnixTime::from_secs(NOW));
        prop_assert_eq!(verdict.is_ok(), naive(&claims), "{:?} {}", verdict, payload);
    }
}

#[test]
fn the_naive_reading_accepts_a_good_token_so_that_agreement_means_something() {
    let good = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": NOW + 1});
    assert!(naive(good.as_object().unwrap()));
}
