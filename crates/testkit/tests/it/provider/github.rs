use countersign_oauth::Lifetime;
use serde_json::{Value, json};
use testkit::provider::{Endpoint, Misbehaviour, OTHER_CLIENT_ID};
use testkit::{FakeProvider, TestClock};

use super::application::{Login, REDIRECT_URI, basic, get, parameter, reach};

async fn provider() -> FakeProvider {
    FakeProvider::github()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await
}

#[tokio::test]
async fn github_tells_failures_with_status_200_and_codes_of_its_own() {
    let provider = provider().await;
    let login = || Login::new(&provider, "read:user");
    let code = parameter(&login().callback("alice").await, "code").unwrap();
    for (error, login, code) in [
        ("bad_verification_code", login(), "wrong"),
        (
            "bad_verification_code",
            login().redeeming("code_verifier", &"a".repeat(43)),
            code.as_str(),
        ),
        (
            "incorrect_client_credentials",
            login().redeeming("client_secret", "wrong"),
            &code,
        ),
        (
            "redirect_uri_mismatch",
            login().redeeming("redirect_uri", "https://as.test/x"),
            &code,
        ),
    ] {
        let mut answer = login.redeem(code).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json().await["error"], error);
    }
}

#[tokio::test]
async fn github_answers_with_a_form_unless_json_is_accepted() {
    let provider = provider().await;
    let login = Login::new(&provider, "repo read:user");
    let code = parameter(&login.callback("alice").await, "code").unwrap();
    let (http, target) = reach(&provider.url(Endpoint::Token).unwrap());
    let body = format!(
        "code={code}&client_id={}&client_secret={}&redirect_uri={REDIRECT_URI}&code_verifier={}",
        provider.client_id(),
        provider.client_secret().unwrap(),
        login
            .token
            .iter()
            .find(|(name, _)| *name == "code_verifier")
            .unwrap()
            .1,
    );
    let request = http
        .post(&target)
        .header("content-type", "application/x-www-form-urlencoded");
    let text = request.body(body).send().await.text().await;
    assert!(text.starts_with("access_token=gho_"), "{text}");
    assert!(text.contains("scope=repo%2Cread%3Auser"), "{text}");
}

#[tokio::test]
async fn github_tokens_never_expire_and_tell_scopes_in_a_header() {
    let clock = TestClock::new();
    let provider = FakeProvider::github()
        .clock(clock.clone())
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "repo,read:user")
        .tokens("alice")
        .await;
    for absent in ["expires_in", "refresh_token", "id_token"] {
        assert!(tokens.get(absent).is_none(), "{absent}");
    }
    assert_eq!(tokens["token_type"], "bearer");
    clock.advance(Lifetime::from_hours(24 * 365));
    let token = tokens["access_token"].as_str().unwrap();
    let mut answer = get(&provider.url(Endpoint::Userinfo).unwrap(), token).await;
    assert_eq!(answer.header("x-oauth-scopes"), Some("repo, read:user"));
    let user = answer.json().await;
    assert_eq!(user["id"], json!(583_231));
    assert_eq!(user["login"], "alice");
    let emails = provider.localised("https://api.github.com/user/emails");
    assert_eq!(get(&emails, token).await.status(), 403);
    let api = provider.localised("https://api.github.com/user/repos");
    assert_eq!(get(&api, token).await.status(), 200);
    let elsewhere = provider.localised("https://github.com/user/repos");
    assert_eq!(get(&elsewhere, token).await.status(), 404, "another host");
}

#[tokio::test]
async fn github_apps_with_expiring_tokens_rotate_refresh_tokens() {
    let clock = TestClock::new();
    let provider = FakeProvider::github_with_expiring_tokens()
        .clock(clock.clone())
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&provider, "");
    let tokens = login.tokens("alice").await;
    assert_eq!(tokens["expires_in"], 8 * 3600);
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = login.refresh(first).await.json().await;
    assert_ne!(second["refresh_token"], tokens["refresh_token"]);
    let is_live = |answer: &Value| provider.is_live(answer["access_token"].as_str().unwrap());
    assert!(is_live(&second) && !is_live(&tokens));
    let again = login.refresh(first).await.json().await;
    assert_eq!(again["error"], "bad_refresh_token");
}

#[tokio::test]
async fn github_checks_and_deletes_tokens_for_their_application_alone() {
    let provider = provider().await;
    let tokens = Login::new(&provider, "repo").tokens("alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    let foreign = provider.token_of_other_application("alice", &["repo"]);
    let (http, target) = reach(&provider.url(Endpoint::Application).unwrap());
    let credentials = basic(provider.client_id(), provider.client_secret().unwrap());
    let ask = async |method: http::Method, token: &str, authorization: &str| {
        let request = http
            .request(method, &target)
            .header("authorization", authorization);
        request.json(&json!({ "access_token": token })).send().await
    };
    let post = http::Method::POST;
    assert_eq!(ask(post.clone(), token, "Basic eDp5").await.status(), 401);
    assert_eq!(
        ask(post.clone(), &foreign, &credentials).await.status(),
        404
    );
    let mut answer = ask(post.clone(), token, &credentials).await;
    let answer = answer.json().await;
    assert_eq!(answer["app"]["client_id"], provider.client_id());
    assert_eq!(answer["user"]["id"], json!(583_231));
    provider.misbehave(Misbehaviour::OtherApplication);
    let answer = ask(post.clone(), token, &credentials).await.json().await;
    assert_eq!(answer["app"]["client_id"], OTHER_CLIENT_ID);
    provider.behave();
    assert_eq!(
        ask(http::Method::DELETE, token, &credentials)
            .await
            .status(),
        204
    );
    assert_eq!(ask(post, token, &credentials).await.status(), 404);
    assert!(!provider.is_live(token) && provider.is_live(&foreign));
}

#[tokio::test]
async fn github_takes_callbacks_below_the_registered_one_and_tells_mismatches_to_it() {
    let provider = provider().await;
    let below = format!("{REDIRECT_URI}/deeper");
    let login = Login::new(&provider, "").asking("redirect_uri", &below);
    assert!(login.callback("alice").await.starts_with(&below));
    let login = Login::new(&provider, "").asking("redirect_uri", "https://evil.test/");
    let away = login.callback("alice").await;
    assert!(away.starts_with(REDIRECT_URI), "{away}");
    assert_eq!(
        parameter(&away, "error").as_deref(),
        Some("redirect_uri_mismatch")
    );
    let beside = format!("{REDIRECT_URI}-beside");
    let login = Login::new(&provider, "").asking("redirect_uri", &beside);
    assert!(
        login
            .callback("alice")
            .await
            .contains("redirect_uri_mismatch")
    );
}
