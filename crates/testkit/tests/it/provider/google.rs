use testkit::FakeProvider;
use testkit::provider::{Endpoint, OTHER_CLIENT_ID};

use super::application::{Login, REDIRECT_URI, claims, get, parameter, post, reach};

async fn provider() -> FakeProvider {
    FakeProvider::google()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await
}

#[tokio::test]
async fn google_issues_a_refresh_token_once_for_offline_access_and_again_after_consent() {
    let provider = provider().await;
    let login = || Login::new(&provider, "openid");
    let offline = || login().asking("access_type", "offline");
    assert!(login().tokens("alice").await.get("refresh_token").is_none());
    assert!(offline().tokens("alice").await["refresh_token"].is_string());
    assert!(
        offline()
            .tokens("alice")
            .await
            .get("refresh_token")
            .is_none()
    );
    assert!(offline().tokens("bob").await["refresh_token"].is_string());
    let asked = offline().asking("prompt", "consent");
    let tokens = asked.tokens("alice").await;
    let refreshed = asked
        .refresh(tokens["refresh_token"].as_str().unwrap())
        .await
        .json()
        .await;
    assert!(
        refreshed.get("refresh_token").is_none(),
        "it stays as it is"
    );
    let id = claims(refreshed["id_token"].as_str().unwrap());
    assert!(id.get("nonce").is_none());
}

#[tokio::test]
async fn google_writes_scopes_by_their_long_names_and_adds_parameters() {
    let provider = provider().await;
    let login = Login::new(&provider, "openid email profile");
    let away = login.callback("alice").await;
    for (name, value) in [
        ("authuser", "0"),
        ("hd", "corp.example"),
        ("prompt", "consent"),
    ] {
        assert_eq!(parameter(&away, name).as_deref(), Some(value));
    }
    let tokens = login.tokens("alice").await;
    assert_eq!(
        tokens["scope"],
        "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile"
    );
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["hd"], "corp.example");
    assert_eq!(id["azp"], provider.client_id());
    assert_eq!(id["sub"].as_str().unwrap().len(), 21);
    let bob = login.tokens("bob").await;
    assert!(
        claims(bob["id_token"].as_str().unwrap())
            .get("hd")
            .is_none()
    );
}

#[tokio::test]
async fn google_shows_a_page_for_requests_that_are_wrong() {
    let provider = provider().await;
    let login = || Login::new(&provider, "openid");
    for login in [
        login().asking("resource", "https://rs.test/mcp"),
        login().asking("scope", "openid what"),
        login().asking("scope", ""),
    ] {
        let page = provider
            .visit(&login.location(), Some("alice"))
            .await
            .unwrap_err();
        assert_eq!(page.status, 400);
    }
}

#[tokio::test]
async fn a79_google_tokeninfo_names_the_application_of_a_token() {
    let provider = provider().await;
    let tokens = Login::new(&provider, "openid email").tokens("alice").await;
    let own = tokens["access_token"].as_str().unwrap();
    let foreign = provider.token_of_other_application("alice", &["openid"]);
    let (http, target) = reach(&provider.url(Endpoint::Application).unwrap());
    let mut seen = Vec::new();
    for token in [own, &foreign] {
        let target = format!("{target}?access_token={token}");
        seen.push(http.get(&target).send().await.json().await);
    }
    assert_eq!(seen[0]["aud"], provider.client_id());
    assert_eq!(seen[0]["email_verified"], "true");
    assert!(seen[0]["exp"].is_string());
    assert_eq!(seen[1]["aud"], OTHER_CLIENT_ID);
    let userinfo = provider.url(Endpoint::Userinfo).unwrap();
    let mut answer = get(&userinfo, &foreign).await;
    assert_eq!(
        answer.json().await["sub"],
        provider.subject("alice"),
        "it tells nothing of it"
    );
    let unknown = http.get(&format!("{target}?access_token=x")).send().await;
    assert_eq!(unknown.status(), 400);
}

#[tokio::test]
async fn google_revokes_for_anybody_and_both_tokens_at_once() {
    let provider = provider().await;
    let tokens = Login::new(&provider, "openid")
        .asking("access_type", "offline")
        .tokens("alice")
        .await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let answer = post(
        &provider,
        Endpoint::Revocation,
        &[("token", "x".to_owned())],
        None,
    )
    .await;
    assert_eq!(answer.status(), 400);
    let form = [("token", text("access_token"))];
    assert_eq!(
        post(&provider, Endpoint::Revocation, &form, None)
            .await
            .status(),
        200
    );
    assert!(!provider.is_live(&text("refresh_token")));
}
