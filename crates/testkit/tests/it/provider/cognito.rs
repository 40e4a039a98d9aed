use testkit::FakeProvider;
use testkit::provider::Endpoint;

use super::application::{Login, REDIRECT_URI, basic, claims, get, post};

#[tokio::test]
async fn cognito_access_tokens_have_no_audience_and_say_that_they_are_no_id_tokens() {
    let provider = FakeProvider::cognito()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "openid email").tokens("alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    let access = claims(token);
    assert!(access.get("aud").is_none());
    assert_eq!(access["client_id"], provider.client_id());
    assert_eq!(access["token_use"], "access");
    assert_eq!(access["cognito:groups"][0], "staff");
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["token_use"], "id");
    assert_eq!(id["cognito:username"], "alice");
    assert_eq!(id["iss"], access["iss"]);
    let header = token.split('.').next().unwrap();
    assert!(!header.is_empty() && tokens.get("scope").is_none());
    let mut answer = get(&provider.url(Endpoint::Userinfo).unwrap(), token).await;
    assert_eq!(answer.json().await["email_verified"], "true", "as text");
}

#[tokio::test]
async fn cognito_revokes_refresh_tokens_alone_and_keeps_them_when_used() {
    let provider = FakeProvider::cognito()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&provider, "openid");
    let tokens = login.tokens("alice").await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let refreshed = login.refresh(&text("refresh_token")).await.json().await;
    assert!(refreshed.get("refresh_token").is_none());
    assert!(provider.is_live(&text("refresh_token")));
    let credentials = basic(provider.client_id(), provider.client_secret().unwrap());
    let revoke = async |token: String| {
        let form = [("token", token)];
        post(&provider, Endpoint::Revocation, &form, Some(&credentials)).await
    };
    let mut refused = revoke(text("access_token")).await;
    assert_eq!(refused.json().await["error"], "unsupported_token_type");
    assert_eq!(revoke(text("refresh_token")).await.status(), 200);
    assert!(
        !provider.is_live(&text("access_token")),
        "it went with its grant"
    );
}
