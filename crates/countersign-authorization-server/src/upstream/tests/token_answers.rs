//! Row X30: what a token endpoint can answer instead of tokens.

use countersign_oauth::Lifetime;
use countersign_resource_server::fetch::FetchError;

use super::*;

/// A provider without ID tokens, so that the token answer alone is judged.
fn opaque() -> String {
    plain_with("nonce = true", "nonce = false")
        .replace("source = \"id_token\"", "source = \"userinfo\"")
}

fn script() -> Script {
    let script = script_with("");
    script.json("/userinfo", &json!({"sub": "alice"}));
    script
}

async fn answered(play: Play) -> Result<Arrival, UpstreamError> {
    let script = script();
    script.play("/token", play);
    let upstream = builder(&opaque(), &script).build().unwrap();
    let outcome = redeem(&upstream, &attempt()).await;
    if outcome.is_err() {
        assert!(
            script.asked("/userinfo").is_empty(),
            "nobody is asked with half an answer"
        );
    }
    outcome
}

async fn answered_with(name: &str, value: Value) -> Result<Arrival, UpstreamError> {
    let mut answer = token_answer("");
    match value {
        Value::Null => drop(answer.as_object_mut().unwrap().remove(name)),
        value => answer[name] = value,
    }
    answered(Play::of(200, answer.to_string())).await
}

#[tokio::test]
async fn x30_what_is_no_answer_is_a_bad_gateway() {
    let html = "<!doctype html><title>Sign in</title>".to_owned();
    let redirect = |status| super::status(status).header("location", "https://op.example/x");
    for play in [
        redirect(301),
        redirect(302),
        redirect(307),
        redirect(308),
        Play::of(302, token_answer("").to_string()),
        Play::of(200, html.clone()),
        Play::of(400, html),
        Play::of(200, String::new()),
        Play::of(200, "[]".to_owned()),
        Play::of(200, "\"upstream-at\"".to_owned()),
        Play::of(200, "{}".to_owned()),
        Play::of(200, r#"{"error":7}"#.to_owned()),
        Play::of(200, r#"{"error":"a\nb"}"#.to_owned()),
        Play::of(
            200,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#.to_owned(),
        ),
        Play::of(200, "access_token=a&token_type=bearer".to_owned()),
        Play::of(201, token_answer("").to_string()),
        Play::of(404, "{}".to_owned()),
        Play::failing(FetchError::TooLarge),
        Play::failing(FetchError::Encoding),
        Play::failing(FetchError::Address),
    ] {
        let outcome = answered(play.clone()).await;
        assert!(
            matches!(outcome, Err(UpstreamError::BadAnswer(_))),
            "{play:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn x30_what_does_not_answer_is_asked_again_later() {
    for play in [
        status(500),
        status(502),
        status(503),
        status(429),
        status(408),
        Play::of(500, r#"{"error":"invalid_grant"}"#.to_owned()),
        Play::of(400, r#"{"error":"temporarily_unavailable"}"#.to_owned()),
        Play::failing(FetchError::Timeout),
        Play::failing(FetchError::Connection),
        Play::failing(FetchError::Unresolved),
        Play::failing(FetchError::Exchange),
        Play::failing(FetchError::Stale),
    ] {
        let outcome = answered(play.clone()).await;
        let Err(UpstreamError::Unavailable(reason)) = &outcome else {
            panic!("{play:?}: {outcome:?}");
        };
        assert!(reason.retry_after.as_secs() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn x30_who_says_when_to_come_back_is_left_alone_until_then() {
    for status in [429, 503] {
        let script = script();
        script.play(
            "/token",
            Play::of(status, String::new()).header("retry-after", "120"),
        );
        let upstream = builder(&opaque(), &script).build().unwrap();
        let wait = async |seconds| {
            let error = redeem(&upstream, &attempt()).await.unwrap_err();
            assert_eq!(error.retry_after(), Some(Lifetime::from_secs(seconds)));
        };
        wait(120).await;
        script.json("/token", &token_answer(""));
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        wait(60).await;
        assert_eq!(script.asked("/token").len(), 1, "{status}");
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        redeem(&upstream, &attempt()).await.unwrap();
        // Nobody is locked out for a day by one answer.
        script.play(
            "/token",
            Play::of(status, String::new()).header("retry-after", "86400"),
        );
        wait(600).await;
    }
}

#[tokio::test(start_paused = true)]
async fn x30_too_many_requests_of_one_person_keep_nobody_else_out() {
    let script = script();
    let upstream = builder(&opaque(), &script).build().unwrap();
    let said = |status| Play::of(status, String::new()).header("retry-after", "120");
    script.play("/userinfo", said(429));
    let error = redeem(&upstream, &attempt()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Lifetime::from_secs(120)));
    script.json("/userinfo", &json!({"sub": "bob"}));
    redeem(&upstream, &attempt()).await.unwrap();
    // That it is down is for everybody.
    script.play("/userinfo", said(503));
    redeem(&upstream, &attempt()).await.unwrap_err();
    let asked = script.asked("/userinfo").len();
    redeem(&upstream, &attempt()).await.unwrap_err();
    assert_eq!(script.asked("/userinfo").len(), asked);
}

#[tokio::test]
async fn x30_a_token_answer_with_a_missing_or_absurd_part_is_refused() {
    for (name, value) in [
        ("access_token", Value::Null),
        ("access_token", json!("")),
        ("access_token", json!(7)),
        ("access_token", json!("a b")),
        ("access_token", json!("a\r\nx: y")),
        ("access_token", json!("a\u{e9}")),
        ("access_token", json!("x".repeat(16 * 1024 + 1))),
        ("refresh_token", json!({})),
        ("refresh_token", json!("a\n")),
        ("token_type", Value::Null),
        ("token_type", json!("")),
        ("token_type", json!("mac")),
        ("token_type", json!("DPoP")),
        ("token_type", json!("N_A")),
        ("token_type", json!(["Bearer"])),
        ("expires_in", json!(-1)),
        ("expires_in", json!(3600.5)),
        ("expires_in", json!(1e30)),
        ("expires_in", json!(u64::MAX)),
        ("expires_in", json!(1_000_000_000)),
        ("expires_in", json!("soon")),
        ("expires_in", json!("-1")),
        ("expires_in", json!("")),
        ("expires_in", json!(true)),
        ("scope", json!(["a"])),
        ("scope", json!("a\u{7}")),
        ("scope", json!("a ".repeat(5_000))),
    ] {
        let outcome = answered_with(name, value.clone()).await;
        assert!(
            matches!(outcome, Err(UpstreamError::BadAnswer(_))),
            "{name} {value}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn x30_an_error_counts_whatever_its_status_is() {
    for (status, body, code) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"<script>"}"#,
            "invalid_grant",
        ),
        (401, r#"{"error":"invalid_client"}"#, "invalid_client"),
        (
            200,
            r#"{"ok":false,"error":"bad_client_secret"}"#,
            "bad_client_secret",
        ),
        (
            200,
            r#"{"access_token":"a","token_type":"bearer","error":"invalid_grant"}"#,
            "invalid_grant",
        ),
    ] {
        let outcome = answered(Play::of(status, body.to_owned())).await;
        let refused = UpstreamError::Refused(code.to_owned());
        let outcome = outcome.unwrap_err();
        assert_eq!(outcome.is_invalid_grant(), code == "invalid_grant");
        assert_eq!(outcome, refused, "{body}");
    }
}

#[tokio::test]
async fn x30_a_provider_that_always_says_ok_is_asked_whether_it_is() {
    let text = opaque() + "[login.token_response]\nsuccess = \"/ok\"\n";
    let script = script();
    let upstream = builder(&text, &script).build().unwrap();
    for ok in [Value::Null, json!(false), json!("true"), json!(1)] {
        let mut answer = token_answer("");
        answer["ok"] = ok.clone();
        script.json("/token", &answer);
        let outcome = redeem(&upstream, &attempt()).await;
        assert!(matches!(outcome, Err(UpstreamError::BadAnswer(_))), "{ok}");
    }
    let mut answer = token_answer("");
    answer["ok"] = true.into();
    script.json("/token", &answer);
    redeem(&upstream, &attempt()).await.unwrap();
}

#[tokio::test]
async fn what_a_token_answer_leaves_out_is_what_the_rfc_says() {
    let tokens = answered_with("scope", Value::Null).await.unwrap().tokens;
    assert_eq!(tokens.access_token, Secret::new("upstream-at"));
    assert_eq!(tokens.refresh_token, Some(Secret::new("upstream-rt")));
    assert_eq!(tokens.expires_at, Some(later(3600)));
    assert_eq!(tokens.scope.as_deref(), Some("openid email"));
    let tokens = answered_with("expires_in", Value::Null)
        .await
        .unwrap()
        .tokens;
    assert_eq!(tokens.expires_at, None);
    let tokens = answered_with("expires_in", json!("28800"))
        .await
        .unwrap()
        .tokens;
    assert_eq!(tokens.expires_at, Some(later(28800)));
    let tokens = answered_with("refresh_token", Value::Null)
        .await
        .unwrap()
        .tokens;
    assert_eq!(tokens.refresh_token, None);
    let tokens = answered_with("scope", json!("email")).await.unwrap().tokens;
    assert_eq!(tokens.scope.as_deref(), Some("email"));
    let tokens = answered_with("token_type", json!("bEARER")).await;
    assert!(tokens.is_ok());
}

#[tokio::test]
async fn x30_a_refresh_keeps_the_old_token_unless_there_is_a_new_one() {
    let script = script();
    let upstream = builder(&opaque(), &script).build().unwrap();
    let old = Secret::new("old-rt");
    let random = &SystemGenerator;
    let tokens = upstream.refresh(&old, None, NOW, random).await.unwrap();
    assert_eq!(tokens.refresh_token, Some(Secret::new("upstream-rt")));
    assert_eq!(tokens.scope, None, "as it was before");
    let asked = script.one("/token");
    assert_eq!(asked.field("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(asked.field("refresh_token").as_deref(), Some("old-rt"));
    assert_eq!(asked.field("scope"), None);

    let mut answer = token_answer("");
    answer.as_object_mut().unwrap().remove("refresh_token");
    script.json("/token", &answer);
    let tokens = upstream.refresh(&old, None, NOW, random).await.unwrap();
    assert_eq!(tokens.refresh_token, Some(old.clone()));

    let text = opaque() + "[login.token_response]\ninvalid_grant = [\"bad_refresh_token\"]\n";
    let upstream = builder(&text, &script).build().unwrap();
    for code in ["invalid_grant", "bad_refresh_token"] {
        script.play("/token", Play::of(400, json!({"error": code}).to_string()));
        let refused = upstream.refresh(&old, None, NOW, random).await.unwrap_err();
        assert!(refused.is_invalid_grant(), "{refused}");
    }
    script.play(
        "/token",
        Play::of(401, r#"{"error":"invalid_client"}"#.to_owned()),
    );
    let refused = upstream.refresh(&old, None, NOW, random).await.unwrap_err();
    assert!(
        !refused.is_invalid_grant(),
        "our own mistake ends no login of others"
    );
}

#[tokio::test]
async fn nothing_secret_is_in_an_error_or_in_what_is_printed() {
    let script = script();
    script.play(
        "/token",
        Play::of(200, r#"{"error":"upstream-at upstream-code"}"#.to_owned()),
    );
    let upstream = builder(&opaque(), &script).build().unwrap();
    let attempt = attempt();
    let error = redeem(&upstream, &attempt).await.unwrap_err();
    let arrival = answered(Play::of(200, token_answer("").to_string()))
        .await
        .unwrap();
    let shown = format!("{upstream:?} {attempt:?} {error:?} {error} {arrival:?}");
    for secret in [SECRET, "upstream-", attempt.nonce.reveal()] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}
