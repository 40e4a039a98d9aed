//! Identities from the userinfo endpoint: OpenID Connect Core 1.0 §5.3, and providers
//! that have something else there.

use super::*;

/// A provider without OpenID Connect.
const OPAQUE: &str = r#"
name = "hub"
display_name = "Hub"
documentation = "https://hub.example/docs"

[endpoints]
authorization = "https://hub.example/authorize"
token = "https://hub.example/token"
userinfo = "https://hub.example/user"

[login]
scopes = ["user"]
client_authentication = ["client_secret_post"]

[login.identity]
source = "userinfo"
issuer = "https://hub.example"
subject = "/id"
name = "/login"
email = "/email"

[login.identity.email_list]
endpoint = "https://hub.example/emails"
value = "/email"
only_if = ["/verified"]
scope = "user:email"

[login.identity.group_list]
endpoint = "https://hub.example/orgs"
value = "/login"
scope = "read:org"

[safety]
audience_bound = false
open_registration = true
"#;

fn script(user: &Value) -> Script {
    let script = Script::new();
    script.json(
        "/token",
        &json!({"access_token": "upstream-at", "token_type": "bearer"}),
    );
    script.json("/user", user);
    script
}

async fn subject(user: &str) -> Result<String, UpstreamError> {
    let script = script(&Value::Null);
    script.text("/user", user);
    let upstream = builder(OPAQUE, &script).allow_everyone().build().unwrap();
    let arrival = redeem(&upstream, &attempt()).await?;
    Ok(arrival.identity.subject)
}

#[tokio::test]
async fn a_subject_is_a_text_or_the_digits_of_an_integer() {
    for (user, expected) in [
        (r#"{"id":"alice"}"#, "alice"),
        (r#"{"id":0}"#, "0"),
        (r#"{"id":583231}"#, "583231"),
        // 2^53 + 1 and the largest ones.
        (r#"{"id":9007199254740993}"#, "9007199254740993"),
        (r#"{"id":18446744073709551615}"#, "18446744073709551615"),
        (r#"{"id":-9223372036854775808}"#, "-9223372036854775808"),
    ] {
        assert_eq!(subject(user).await.as_deref(), Ok(expected));
    }
    for user in [
        "{}",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":true}"#,
        r#"{"id":1.5}"#,
        r#"{"id":1e3}"#,
        r#"{"id":-0}"#,
        r#"{"id":18446744073709551616}"#,
        r#"{"id":["alice"]}"#,
        r#"{"id":{"x":1}}"#,
        r#"{"id":"a\u0000b"}"#,
        r#"{"name":"alice"}"#,
    ] {
        let refused = subject(user).await;
        assert!(
            matches!(refused, Err(UpstreamError::Identity(_))),
            "{user}: {refused:?}"
        );
    }
    let long = json!({"id": "x".repeat(1025)}).to_string();
    assert!(matches!(
        subject(&long).await,
        Err(UpstreamError::Identity(_))
    ));
}

#[tokio::test]
async fn x30_a_userinfo_answer_that_is_none_is_a_bad_gateway() {
    for play in [
        status(401),
        status(403),
        status(302).header("location", "https://evil.example/"),
        Play::of(200, "<html>".to_owned()),
        Play::of(200, "[]".to_owned()),
        Play::of(200, "eyJhbGciOiJub25lIn0.eyJpZCI6MX0.".to_owned()),
        Play::of(200, r#"{"id":1,"id":2}"#.to_owned()),
    ] {
        let script = script(&Value::Null);
        script.play("/user", play.clone());
        let upstream = builder(OPAQUE, &script).allow_everyone().build().unwrap();
        let outcome = redeem(&upstream, &attempt()).await;
        assert!(
            matches!(outcome, Err(UpstreamError::BadAnswer(_))),
            "{play:?}"
        );
    }
    let script = script(&Value::Null);
    script.play("/user", status(503));
    let upstream = builder(OPAQUE, &script).allow_everyone().build().unwrap();
    let outcome = redeem(&upstream, &attempt()).await;
    assert!(matches!(outcome, Err(UpstreamError::Unavailable(_))));
}

#[tokio::test]
async fn the_access_token_goes_to_the_provider_in_the_header_alone() {
    let script = script(&json!({"id": 1, "login": "al\u{202e}ice\n"}));
    let upstream = builder(OPAQUE, &script).allow_everyone().build().unwrap();
    let identity = redeem(&upstream, &attempt()).await.unwrap().identity;
    assert_eq!(identity.name.as_deref(), Some("alice"));
    assert_eq!(identity.issuer, "https://hub.example");
    let asked = script.one("/user");
    assert_eq!(asked.header("authorization"), Some("Bearer upstream-at"));
    assert_eq!(asked.address, "https://hub.example/user");
    assert_eq!(script.count(), 2, "no list is asked for that no rule needs");
    assert_eq!(upstream.scopes(), ["user"]);
}

#[tokio::test]
async fn x22_the_lists_are_asked_only_for_the_rules_that_need_them() {
    let user = json!({"id": 1, "email": "alice@corp.example"});
    let script = script(&user);
    script.json(
        "/emails",
        &json!([
            {"email": "alice@corp.example", "verified": false},
            {"email": "alice@home.example", "verified": true},
        ]),
    );
    script.json("/orgs", &json!([{"login": "crew"}, {"login": "staff"}]));
    for (rule, allowed) in [
        ("corp.example", false),
        ("home.example", true),
        ("HOME.example", true),
    ] {
        let upstream = builder(OPAQUE, &script).allow_domain(rule).build().unwrap();
        assert_eq!(upstream.scopes(), ["user", "user:email"]);
        let outcome = redeem(&upstream, &attempt()).await;
        assert_eq!(outcome.is_ok(), allowed, "{rule}: {outcome:?}");
    }
    for (rule, allowed) in [("crew", true), ("Crew", false), ("1", false)] {
        let upstream = builder(OPAQUE, &script).allow_group(rule).build().unwrap();
        assert_eq!(upstream.scopes(), ["user", "read:org"]);
        let outcome = redeem(&upstream, &attempt()).await;
        assert_eq!(outcome.is_ok(), allowed, "{rule}: {outcome:?}");
    }
    script.json("/orgs", &json!({"message": "forbidden"}));
    let upstream = builder(OPAQUE, &script)
        .allow_group("crew")
        .build()
        .unwrap();
    let outcome = redeem(&upstream, &attempt()).await;
    assert!(matches!(outcome, Err(UpstreamError::BadAnswer(_))));
}

/// [`PLAIN`], with its identity from userinfo and no nonce unless `nonce` says so.
fn openid(script: &Script, nonce: bool) -> Upstream {
    let text = plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"userinfo\"");
    let mut provider = provider(&text);
    provider.login.as_mut().unwrap().nonce = nonce;
    Upstream::builder(provider, CLIENT)
        .secret(Secret::new(SECRET))
        .fetcher(script.clone())
        .build()
        .unwrap()
}

#[tokio::test]
async fn x23_userinfo_about_somebody_else_than_the_id_token_is_refused() {
    for nonce in [true, false] {
        for (user, good) in [
            (json!({"sub": "alice", "email": "a@corp.example"}), true),
            (json!({"sub": "mallory"}), false),
            (json!({"email": "alice@corp.example"}), false),
            (json!({"sub": ["alice"]}), false),
        ] {
            let attempt = attempt();
            let token = id_token(&attempt);
            let token = if nonce { token } else { token.without("nonce") };
            let script = script_with(&token.sign());
            script.json("/userinfo", &user);
            match redeem(&openid(&script, nonce), &attempt).await {
                Ok(arrival) if good => assert_eq!(arrival.identity.subject, "alice"),
                Err(UpstreamError::Identity(_)) if !good => {}
                other => panic!("{user}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn x23_an_id_token_of_somebody_else_beside_userinfo_is_refused() {
    let attempt = attempt();
    for token in [
        id_token(&attempt).without("nonce").aud("another app"),
        id_token(&attempt)
            .without("nonce")
            .iss("https://evil.example"),
        id_token(&attempt).without("nonce").unsecured(),
        id_token(&attempt),
    ] {
        let script = script_with(&token.sign());
        script.json("/userinfo", &json!({"sub": "alice"}));
        let outcome = redeem(&openid(&script, false), &attempt).await;
        assert!(
            matches!(outcome, Err(UpstreamError::Identity(_))),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn x23_where_a_nonce_was_sent_userinfo_alone_is_not_enough() {
    let attempt = attempt();
    let script = script_with("");
    script.json("/userinfo", &json!({"sub": "alice"}));
    let upstream = openid(&script, true);
    let outcome = redeem(&upstream, &attempt).await;
    assert!(matches!(outcome, Err(UpstreamError::BadAnswer(_))));
    // Another login's ID token neither.
    let other = super::attempt();
    script.json("/token", &token_answer(&id_token(&other).sign()));
    let outcome = redeem(&upstream, &attempt).await;
    assert!(matches!(outcome, Err(UpstreamError::Identity(_))));
}
