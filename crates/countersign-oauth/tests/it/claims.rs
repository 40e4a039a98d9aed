//! Attack rows A46 to A50 and A55 to A60: what a token says.

use countersign_oauth::UnixTime;
use countersign_oauth::claims::{
    Claims, ClaimsError, ClaimsPolicy, ClaimsPolicyBuilder, ConfigError, MAX_SUBJECT_BYTES,
    TypPolicy,
};
use countersign_oauth::jose::Header;
use countersign_oauth::json::JsonError;
use serde_json::{Value, json};

use crate::fixtures::*;

fn header(typ: Option<&str>) -> Header {
    let typ = typ.map_or(String::new(), |typ| format!(",\"typ\":{}", json!(typ)));
    Header::parse(format!(r#"{{"alg":"ES256"{typ}}}"#).as_bytes()).unwrap()
}

fn check_text(policy: &ClaimsPolicy, payload: &str) -> Result<Claims, ClaimsError> {
    policy.check(&header(None), payload.as_bytes(), UnixTime::from_secs(NOW))
}

/// The verdict on the good claims with one of them replaced, or removed by `None`.
pub(crate) fn with(name: &str, value: Option<Value>) -> Result<Claims, ClaimsError> {
    let mut claims = good_claims();
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    check_text(&policy(), &claims.to_string())
}

fn refused(name: &str, value: Value) -> ClaimsError {
    with(name, Some(value.clone())).map(|_| value).unwrap_err()
}

#[test]
fn a46_rs_17_only_the_types_of_an_access_token_are_accepted() {
    let now = UnixTime::from_secs(NOW);
    let payload = good_claims().to_string();
    let strict = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .typ(TypPolicy::AccessToken)
        .build()
        .unwrap();
    let default = policy();
    for (typ, by_strict, by_default) in [
        (Some("at+jwt"), true, true),
        (Some("AT+JWT"), true, true),
        (Some("application/at+jwt"), true, true),
        (Some("Application/AT+jwt"), true, true),
        (Some("JWT"), false, true),
        (Some("jwt"), false, true),
        (None, false, true),
        (Some("refresh+jwt"), false, false),
        (Some("logout+jwt"), false, false),
        (Some("dpop+jwt"), false, false),
        (Some("client-authentication+jwt"), false, false),
        (Some("oauth-id-jag+jwt"), false, false),
        (Some("secevent+jwt"), false, false),
        (Some("token-introspection+jwt"), false, false),
        (Some("JWS"), false, false),
        (Some(""), false, false),
        (Some("at+jwt "), false, false),
        (Some("text/at+jwt"), false, false),
        (Some("application/application/at+jwt"), false, false),
    ] {
        for (policy, accepted) in [(&strict, by_strict), (&default, by_default)] {
            let verdict = policy.check(&header(typ), payload.as_bytes(), now);
            assert_eq!(
                verdict.err(),
                (!accepted).then_some(ClaimsError::Type),
                "{typ:?}"
            );
        }
    }
}

#[test]
fn a47_a_credential_that_is_no_token_is_refused() {
    for text in [
        "tGzv3JOkF0XG5Qx2TlKWIA",
        "SplxlOBeZQQYbYS6WxSbIA",
        "this.is.registration",
        "a-b_c",
        "s3cr3t",
    ] {
        assert!(judge(text).is_err(), "{text}");
    }
}

#[test]
fn a48_an_id_token_is_refused() {
    let mut id_token = good_claims();
    id_token["aud"] = "c1".into();
    id_token["nonce"] = "n-0S6_WzA2Mj".into();
    id_token.as_object_mut().unwrap().remove("scope");
    let verdict = check_text(&policy(), &id_token.to_string());
    assert_eq!(verdict.unwrap_err(), ClaimsError::AudienceMismatch);
    // Where no audience is configured, the hashes tell it.
    let by_issuer = ClaimsPolicy::builder().issuer(ISSUER).build().unwrap();
    for hash in ["at_hash", "c_hash"] {
        let mut id_token = id_token.clone();
        id_token[hash] = "77QmUPtjPfzWtF2AnpK9RQ".into();
        let verdict = check_text(&by_issuer, &id_token.to_string());
        assert_eq!(verdict.unwrap_err(), ClaimsError::OtherKindOfToken);
    }
}

#[test]
fn a48_claims_that_name_another_kind_of_token_are_refused() {
    for (name, value) in [
        ("token_use", json!("id")),
        ("token_use", json!("refresh")),
        ("token_use", json!(null)),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Offline")),
        ("typ", json!("Logout")),
    ] {
        assert_eq!(refused(name, value), ClaimsError::OtherKindOfToken);
    }
    assert!(with("token_use", Some("access".into())).is_ok());
    assert!(with("typ", Some("Bearer".into())).is_ok());
}

#[test]
fn a_token_bound_to_a_key_is_refused_as_bearer() {
    for cnf in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": {}}),
        json!({}),
        json!(null),
        json!("jkt"),
    ] {
        assert_eq!(refused("cnf", cnf), ClaimsError::SenderConstrained);
    }
}

#[test]
fn a49_a_claim_that_occurs_twice_is_refused() {
    let good = good_claims().to_string();
    for name in [
        "exp",
        "aud",
        "iss",
        "sub",
        "scope",
        "client_id",
        "jti",
        "iat",
    ] {
        for other in [json!("other"), good_claims()[name].clone()] {
            let before = good.replacen('{', &format!("{{\"{name}\":{other},"), 1);
            let behind = format!("{},\"{name}\":{other}}}", good.trim_end_matches('}'));
            for text in [before, behind] {
                let verdict = check_text(&policy(), &text);
                assert_eq!(
                    verdict.unwrap_err(),
                    ClaimsError::Json(JsonError::DuplicateMember)
                );
            }
        }
    }
}

#[test]
fn a50_a_claim_under_a_similar_name_is_absent_and_an_escaped_name_is_the_same() {
    let good = good_claims().to_string();
    for name in ["EXP", "Exp", "exp\\u0000", "exp ", "ехр"] {
        let text = good.replace("\"exp\"", &format!("\"{name}\""));
        let verdict = check_text(&policy(), &text);
        assert_eq!(verdict.unwrap_err(), ClaimsError::ExpiryMissing, "{name}");
    }
    assert!(check_text(&policy(), &good.replace("\"exp\"", "\"e\\u0078p\"")).is_ok());
}

#[test]
fn a55_an_issuer_that_is_not_byte_for_byte_the_expected_one_is_refused() {
    assert_eq!(with("iss", None).unwrap_err(), ClaimsError::IssuerMissing);
    for value in [
        json!(1),
        json!(null),
        json!(["https://evil.test", ISSUER]),
        json!([ISSUER]),
        json!({}),
        json!(true),
    ] {
        assert_eq!(refused("iss", value), ClaimsError::IssuerInvalid);
    }
    for value in [
        "https://as.test/",
        "https://AS.test",
        "HTTPS://as.test",
        "https://as.test:443",
        "http://as.test",
        "https://as%2Etest",
        "https://аs.test",
        "",
        " https://as.test",
        "https://as.test\n",
        "https://as.test\0",
        "https://as.test/tenant",
        "as.test",
    ] {
        assert_eq!(
            refused("iss", value.into()),
            ClaimsError::IssuerMismatch,
            "{value}"
        );
    }
}

#[test]
fn a55_the_type_of_the_issuer_is_checked_even_where_none_is_expected() {
    let policy = ClaimsPolicy::builder().audience(AUDIENCE).build().unwrap();
    let mut claims = good_claims();
    claims["iss"] = json!(["https://evil.test"]);
    let verdict = check_text(&policy, &claims.to_string());
    assert_eq!(verdict.unwrap_err(), ClaimsError::IssuerInvalid);
    claims.as_object_mut().unwrap().remove("iss");
    assert_eq!(check_text(&policy, &claims.to_string()).unwrap().iss, None);
}

#[test]
fn a56_a58_an_audience_that_is_not_byte_for_byte_ours_is_refused() {
    assert_eq!(with("aud", None).unwrap_err(), ClaimsError::AudienceMissing);
    for value in [
        json!(null),
        json!(1),
        json!({}),
        json!([]),
        json!([""]),
        json!(""),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 1]),
        json!([AUDIENCE, ""]),
        json!([AUDIENCE, null]),
        json!({"aud": AUDIENCE}),
    ] {
        assert_eq!(
            refused("aud", value.clone()),
            ClaimsError::AudienceInvalid,
            "{value}"
        );
    }
    for value in [
        "https://rs.test/mcp/",
        "https://rs.test/mc",
        "https://rs.test/mcp2",
        "https://rs.test",
        "https://rs.test/MCP",
        "https://RS.test/mcp",
        "*",
        "https://rs.test/*",
        "https://rs.test:443/mcp",
        "http://rs.test/mcp",
        "https://rs.test/mcp ",
        "https://rs.test/mcp?x",
        "https://staging.rs.test/mcp",
        "https://rs.test/mcp https://other.test",
    ] {
        assert_eq!(
            refused("aud", value.into()),
            ClaimsError::AudienceMismatch,
            "{value}"
        );
        assert_eq!(
            refused("aud", json!([value])),
            ClaimsError::AudienceMismatch,
            "{value}"
        );
    }
}

#[test]
fn a57_an_audience_among_others_is_accepted_unless_others_are_refused() {
    let strict = ClaimsPolicy::builder()
        .audience(AUDIENCE)
        .audience("second")
        .refuse_other_audiences();
    let strict = strict.build().unwrap();
    for (aud, by_default, by_strict) in [
        (json!(["https://other.test", AUDIENCE]), true, false),
        (json!([AUDIENCE, "https://other.test"]), true, false),
        (json!([AUDIENCE]), true, true),
        (json!([AUDIENCE, AUDIENCE]), true, true),
        (json!([AUDIENCE, "second"]), true, true),
        (json!(AUDIENCE), true, true),
        (json!(["https://other.test"]), false, false),
    ] {
        let mut claims = good_claims();
        claims["aud"] = aud.clone();
        assert_eq!(
            check_text(&policy(), &claims.to_string()).is_ok(),
            by_default,
            "{aud}"
        );
        assert_eq!(
            check_text(&strict, &claims.to_string()).is_ok(),
            by_strict,
            "{aud}"
        );
    }
}

#[test]
fn a59_a_subject_that_is_no_plain_text_is_refused() {
    assert_eq!(with("sub", None).unwrap_err(), ClaimsError::SubjectMissing);
    for value in [
        json!(1),
        json!(""),
        json!("x".repeat(1024 * 1024)),
        json!("x".repeat(MAX_SUBJECT_BYTES + 1)),
        json!("alice\0"),
        json!("alice\nadmin"),
        json!("\r"),
        json!("alice\u{7f}"),
        json!("\u{85}"),
        json!(null),
        json!(["alice"]),
        json!({}),
    ] {
        assert_eq!(refused("sub", value), ClaimsError::SubjectInvalid);
    }
    // The subject is kept apart from the issuer, so that no separator is special.
    for value in [
        "auth0|1",
        "system:serviceaccount:ns:name",
        "a b",
        "Zoë",
        "/",
        &"x".repeat(MAX_SUBJECT_BYTES),
    ] {
        assert_eq!(with("sub", Some(value.into())).unwrap().sub.as_ref(), value);
    }
}

#[test]
fn scopes_are_read_from_the_first_claim_that_is_present() {
    let scopes = |more: Value| {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove("scope");
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        check_text(&policy(), &claims.to_string()).map(|claims| claims.scopes.to_string())
    };
    for (more, expected) in [
        (json!({}), ""),
        (json!({"scope": ""}), ""),
        (json!({"scope": "b a"}), "a b"),
        (json!({"scope": ["b", "a", "b"]}), "a b"),
        (json!({"scp": "a b"}), "a b"),
        (json!({"scp": ["a"]}), "a"),
        (json!({"scopes": ["a"]}), "a"),
        (json!({"permissions": ["read:x"]}), "read:x"),
        (json!({"permissions": ["admin"], "scope": "a"}), "a"),
        (json!({"permissions": ["admin"], "scope": ""}), ""),
        (json!({"scp": "b", "scope": []}), ""),
    ] {
        assert_eq!(scopes(more.clone()).unwrap(), expected, "{more}");
    }
}

#[test]
fn a81_scopes_outside_their_grammar_grant_nothing() {
    for (value, expected) in [
        (json!("a  b"), ""),
        (json!(" a"), ""),
        (json!("a "), ""),
        (json!("a\tb"), ""),
        (json!("a\nb"), ""),
        (json!("a,\"b\""), ""),
        (json!("é"), ""),
        (json!("a\\b"), ""),
        (json!("a\u{a0}b"), ""),
        (json!("a\0"), ""),
        (json!(["a b"]), ""),
        (json!([""]), ""),
        (json!(["a\0", "c"]), "c"),
        (json!(["a", "b c"]), "a"),
    ] {
        for name in ["scope", "scp", "scopes", "permissions"] {
            let mut claims = good_claims();
            claims.as_object_mut().unwrap().remove("scope");
            claims[name] = value.clone();
            let verdict = check_text(&policy(), &claims.to_string()).unwrap();
            assert_eq!(verdict.scopes.to_string(), expected, "{name} {value}");
        }
    }
}

#[test]
fn a_token_whose_scopes_are_no_texts_is_refused() {
    for value in [
        json!(null),
        json!(1),
        json!({}),
        json!(true),
        json!(["a", 1]),
        json!([["a"]]),
        json!([null]),
    ] {
        for name in ["scope", "scp", "scopes", "permissions"] {
            let mut claims = good_claims();
            claims.as_object_mut().unwrap().remove("scope");
            claims[name] = value.clone();
            let verdict = check_text(&policy(), &claims.to_string());
            assert_eq!(
                verdict.unwrap_err(),
                ClaimsError::ScopeInvalid,
                "{name} {value}"
            );
        }
    }
}

#[test]
fn only_the_configured_scope_claims_are_read() {
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .scope_claims(["roles"])
        .build()
        .unwrap();
    let mut claims = good_claims();
    claims["roles"] = json!(["reader"]);
    claims["scope"] = json!(1);
    assert_eq!(
        check_text(&policy, &claims.to_string())
            .unwrap()
            .scopes
            .to_string(),
        "reader"
    );
}

#[test]
fn the_client_is_client_id_else_azp_and_must_be_text() {
    let mut claims = good_claims();
    claims["azp"] = "other".into();
    let client = |claims: &Value| check_text(&policy(), &claims.to_string()).map(|it| it.client_id);
    assert_eq!(client(&claims).unwrap().as_deref(), Some("c1"));
    claims.as_object_mut().unwrap().remove("client_id");
    assert_eq!(client(&claims).unwrap().as_deref(), Some("other"));
    for value in [json!(1), json!(null), json!(["c1"])] {
        assert_eq!(
            refused("client_id", value.clone()),
            ClaimsError::ClientIdInvalid
        );
        assert_eq!(refused("azp", value.clone()), ClaimsError::ClientIdInvalid);
        assert_eq!(refused("jti", value), ClaimsError::TokenIdInvalid);
    }
}

#[test]
fn a_required_claim_that_is_absent_or_null_is_refused() {
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .require_claim("tenant")
        .build()
        .unwrap();
    let mut claims = good_claims();
    let refusal = ClaimsError::RequiredClaimMissing;
    assert_eq!(
        check_text(&policy, &claims.to_string()).unwrap_err(),
        refusal
    );
    claims["tenant"] = Value::Null;
    assert_eq!(
        check_text(&policy, &claims.to_string()).unwrap_err(),
        refusal
    );
    claims["tenant"] = "t".into();
    assert!(check_text(&policy, &claims.to_string()).is_ok());
}

#[test]
fn a_policy_that_would_accept_any_token_cannot_be_built() {
    let refusal = |builder: ClaimsPolicyBuilder| builder.build().unwrap_err();
    let nothing = refusal(ClaimsPolicy::builder());
    assert_eq!(nothing, ConfigError::NothingExpected);
    assert!(
        nothing
            .to_string()
            .contains("set an issuer, an audience, or both")
    );
    for builder in [
        ClaimsPolicy::builder().issuer(""),
        ClaimsPolicy::builder().audience(""),
        ClaimsPolicy::builder().issuer(ISSUER).audience(""),
    ] {
        assert_eq!(refusal(builder), ConfigError::EmptyValue);
    }
    let open = ClaimsPolicy::builder()
        .danger_any_issuer_and_audience()
        .build()
        .unwrap();
    let payload = json!({"sub": "a", "exp": NOW + 1}).to_string();
    let claims = check_text(&open, &payload).unwrap();
    assert_eq!((claims.iss, claims.aud), (None, vec![]));
}

#[test]
fn refusals_show_nothing_of_the_token() {
    for value in [
        json!("canary"),
        json!({"canary": 1}),
        json!(["canary canary"]),
    ] {
        for name in [
            "iss",
            "aud",
            "sub",
            "exp",
            "scope",
            "client_id",
            "jti",
            "cnf",
        ] {
            if let Err(refusal) = with(name, Some(value.clone())) {
                assert!(!format!("{refusal} {refusal:?}").contains("canary"));
            }
        }
    }
}

#[test]
fn m_40_a_claim_that_has_to_be_a_time_in_the_past_is_nothing_else() {
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .require_past("auth_time");
    let policy = policy.build().unwrap();
    for (value, accepted) in [
        (None, false),
        (Some(json!(null)), false),
        (Some(json!("1")), false),
        (Some(json!([NOW])), false),
        (Some(json!(-1)), false),
        (Some(json!(NOW + 61)), false),
        (Some(json!(NOW * 1000)), false),
        (Some(json!(NOW + 60)), true),
        (Some(json!(NOW)), true),
        (Some(json!(0)), true),
    ] {
        let mut claims = good_claims();
        if let Some(value) = &value {
            claims["auth_time"] = value.clone();
        }
        let verdict = check_text(&policy, &claims.to_string());
        let expected = (!accepted).then_some(ClaimsError::NotPast);
        assert_eq!(verdict.err(), expected, "{value:?}");
    }
}
