//! Row X22: who may log in, and what does not open the door.

use super::*;

async fn allowed(
    rules: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
    change: impl FnOnce(TokenBuilder) -> TokenBuilder,
) -> bool {
    let attempt = attempt();
    let script = script_with(&change(id_token(&attempt)).sign());
    let upstream = rules(builder(PLAIN, &script)).build().unwrap();
    match redeem(&upstream, &attempt).await {
        Ok(_) => true,
        Err(UpstreamError::NotAllowed(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn x22_a_domain_rule_takes_verified_plain_addresses_of_that_domain_alone() {
    for (address, verified, good) in [
        (json!("alice@corp.example"), json!(true), true),
        (json!("Alice@Corp.Example"), json!(true), true),
        (json!("alice@CORP.EXAMPLE"), json!("true"), true),
        (json!("alice@corp.example"), json!(false), false),
        (json!("alice@corp.example"), json!("false"), false),
        (json!("alice@corp.example"), Value::Null, false),
        (json!("alice@evil.example"), json!(true), false),
        (json!("alice@corp.example@evil.example"), json!(true), false),
        (json!("alice@evil.example@corp.example"), json!(true), false),
        (json!("\"x@evil.example\"@corp.example"), json!(true), false),
        (
            json!("alice@evil.example\u{ff20}corp.example"),
            json!(true),
            false,
        ),
        (json!("alice\u{ff20}corp.example"), json!(true), false),
        (json!("alice@corp\u{ff0e}example"), json!(true), false),
        (
            json!("alice@\u{ff43}\u{ff4f}\u{ff52}\u{ff50}.example"),
            json!(true),
            false,
        ),
        (json!("alice@cor\u{0440}.example"), json!(true), false),
        (json!("alice@corp.example."), json!(true), false),
        (json!("alice@sub.corp.example"), json!(true), false),
        (json!("alice@notcorp.example"), json!(true), false),
        (json!("alice@corp.example.evil.example"), json!(true), false),
        (json!(""), json!(true), false),
        (Value::Null, json!(true), false),
    ] {
        let change = |token: TokenBuilder| {
            token
                .claim("email", address.clone())
                .claim("email_verified", verified.clone())
        };
        let rule = |builder: UpstreamBuilder| builder.allow_domain("Corp.Example");
        assert_eq!(allowed(rule, change).await, good, "{address} {verified}");
    }
}

#[tokio::test]
async fn x22_a_name_of_another_script_is_its_ascii_form() {
    for (address, good) in [
        ("alice@xn--crp-sna.example", true),
        ("alice@XN--CRP-SNA.example", true),
        ("alice@c\u{f6}rp.example", false),
        ("alice@co\u{308}rp.example", false),
    ] {
        let rule = |builder: UpstreamBuilder| builder.allow_domain("xn--crp-sna.example");
        let change = |token: TokenBuilder| token.claim("email", address);
        assert_eq!(allowed(rule, change).await, good, "{address}");
    }
}

#[tokio::test]
async fn x22_the_identity_is_issuer_and_subject_whatever_the_address_is() {
    let one = login(PLAIN, |token| token.claim("email", "boss@corp.example")).await;
    let two = login(PLAIN, |token| token.claim("email", "alice@corp.example")).await;
    let (one, two) = (one.unwrap().identity, two.unwrap().identity);
    assert_eq!((one.issuer, one.subject), (two.issuer, two.subject));
    for wrong in [json!(1), json!(["alice@corp.example"]), json!({})] {
        let outcome = login(PLAIN, |token| token.claim("email", wrong)).await;
        assert!(matches!(outcome, Err(UpstreamError::Identity(_))));
    }
    for wrong in [json!(1), json!("yes"), json!([true])] {
        let outcome = login(PLAIN, |token| token.claim("email_verified", wrong)).await;
        assert!(matches!(outcome, Err(UpstreamError::Identity(_))));
    }
    let odd = login(PLAIN, |token| token.claim("email", "a@b@c.example"))
        .await
        .unwrap();
    assert_eq!(odd.identity.email, None);
}

#[tokio::test]
async fn groups_and_domains_must_both_fit_and_named_people_may_always() {
    let rules = |builder: UpstreamBuilder| {
        builder
            .allow_domain("corp.example")
            .allow_domain("other.example")
            .allow_group("crew")
            .allow_group("staff")
            .allow_subject("bob")
    };
    for (subject, email, groups, good) in [
        ("alice", "a@corp.example", json!(["x", "crew"]), true),
        ("alice", "a@other.example", json!("staff"), true),
        ("alice", "a@corp.example", json!(["Crew"]), false),
        ("alice", "a@corp.example", json!([]), false),
        ("alice", "a@corp.example", Value::Null, false),
        ("alice", "a@evil.example", json!(["crew"]), false),
        ("bob", "b@evil.example", json!([]), true),
        ("BOB", "b@evil.example", json!([]), false),
        ("bob ", "b@evil.example", json!([]), false),
    ] {
        let change = |token: TokenBuilder| {
            token
                .sub(subject)
                .claim("email", email)
                .claim("groups", groups.clone())
        };
        assert_eq!(
            allowed(rules, change).await,
            good,
            "{subject} {email} {groups}"
        );
    }
    let alone = |builder: UpstreamBuilder| builder.allow_subject("bob");
    assert!(!allowed(alone, |token| token).await);
    let elsewhere =
        |builder: UpstreamBuilder| builder.allow_identity("https://evil.example", "alice");
    assert!(!allowed(elsewhere, |token| token).await);
    assert!(allowed(|builder| builder.allow_identity(OP, "alice"), |token| token).await);
    assert!(allowed(UpstreamBuilder::allow_everyone, |token| token).await);
    assert!(allowed(|builder| builder, |token| token).await);
}

#[tokio::test]
async fn groups_of_another_type_are_refused() {
    for groups in [
        json!({"crew": true}),
        json!([["crew"]]),
        json!([{"id": "crew"}]),
        json!(true),
    ] {
        let outcome = login(PLAIN, |token| token.claim("groups", groups.clone())).await;
        assert!(
            matches!(outcome, Err(UpstreamError::Identity(_))),
            "{groups}"
        );
    }
    let many: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let outcome = login(PLAIN, |token| token.claim("groups", json!(many))).await;
    assert!(outcome.is_err());
}
