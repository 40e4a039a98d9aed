use testkit::FakeProvider;
use testkit::provider::Endpoint;

use super::application::{Login, REDIRECT_URI, claims, get, parameter, reach};

#[tokio::test]
async fn slack_tells_failures_with_status_200_and_knows_no_proof_key() {
    let provider = FakeProvider::slack()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = || Login::new(&provider, "openid");
    let code = parameter(&login().callback("alice").await, "code").unwrap();
    for (error, login, code) in [
        ("invalid_code", login(), "x"),
        (
            "bad_client_secret",
            login().redeeming("client_secret", "x"),
            code.as_str(),
        ),
        (
            "bad_redirect_uri",
            login().redeeming("redirect_uri", "https://as.test/x"),
            &code,
        ),
    ] {
        let mut answer = login.redeem(code).await;
        assert_eq!(answer.status(), 200);
        let answer = answer.json().await;
        assert_eq!(
            (&answer["ok"], &answer["error"]),
            (&false.into(), &error.into())
        );
    }
    let wrong = login().redeeming("code_verifier", &"a".repeat(43));
    let tokens = wrong.redeem(&code).await.json().await;
    assert_eq!(tokens["ok"], true, "the verifier means nothing");
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["https://slack.com/team_id"], "T11111111");
    assert_eq!(id["nonce"], "nonce-1");
    let mut answer = get(&provider.url(Endpoint::Userinfo).unwrap(), "x").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json().await["error"], "invalid_auth");
}

#[tokio::test]
async fn slack_tokens_revoke_themselves() {
    let provider = FakeProvider::slack()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "openid").tokens("alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    let (http, target) = reach(&provider.url(Endpoint::Revocation).unwrap());
    let answer = http.post(&target).bearer(token).send().await.json().await;
    assert_eq!(answer["revoked"], true);
    assert!(!provider.is_live(token));
    let again = http.post(&target).bearer(token).send().await.json().await;
    assert_eq!(again["ok"], false);
}

#[tokio::test]
async fn slack_nests_the_token_of_a_person_and_separates_scopes_by_commas() {
    let provider = FakeProvider::slack_nested()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&provider, "").asking("user_scope", "identity.basic,identity.email");
    let tokens = login.tokens("alice").await;
    assert!(tokens.get("access_token").is_none() && tokens.get("token_type").is_none());
    let user = &tokens["authed_user"];
    assert_eq!(user["scope"], "identity.basic,identity.email");
    assert_eq!(user["token_type"], "user");
    assert_eq!(user["id"], provider.subject("alice"));
    let token = user["access_token"].as_str().unwrap();
    let answer = get(&provider.url(Endpoint::Userinfo).unwrap(), token)
        .await
        .json()
        .await;
    assert_eq!(answer["user"]["email"], "alice@corp.example");
}
