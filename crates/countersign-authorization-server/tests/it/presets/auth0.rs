use countersign_authorization_server::UpstreamBuilder;
use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour};

use super::trial::trial;

const EVERYONE: fn(UpstreamBuilder) -> UpstreamBuilder = UpstreamBuilder::allow_everyone;

#[tokio::test]
async fn preset_auth0_logs_people_in_and_asks_for_an_api() {
    let auth0 = trial("auth0", FakeProvider::auth0(), &[], EVERYONE).await;
    let login = auth0.keeps_people_apart().await;
    assert_eq!(
        login.asked("audience").as_deref(),
        Some("https://api.example.com/")
    );
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email offline_access")
    );
    // Named an API, it issues a JWT.
    for token in auth0.fake.access_tokens() {
        assert_eq!(token.split('.').count(), 3);
    }
}

#[tokio::test]
async fn preset_auth0_without_an_api_asks_for_none() {
    let fake = FakeProvider::auth0()
        .behaving(|auth0| auth0.variables.retain(|(name, _)| *name != "audience"));
    let auth0 = trial("auth0", fake, &[], EVERYONE).await;
    let (_, login) = auth0.subject_of("alice").await;
    assert_eq!(login.asked("audience"), None);
    assert!(!auth0.fake.access_tokens()[0].contains('.'));
}

#[tokio::test]
async fn preset_auth0_tells_the_client_when_the_api_does_not_exist() {
    let unknown = [("audience", "https://unknown.example.com/")];
    let auth0 = trial("auth0", FakeProvider::auth0(), &unknown, EVERYONE).await;
    let login = auth0.log_in(Some("alice")).await;
    assert_eq!(login.answer.redirect()["error"], "access_denied");
    assert!(auth0.token_requests().is_empty());
}

#[tokio::test]
async fn x23_preset_auth0_wants_the_slash_at_the_end_of_the_issuer() {
    let auth0 = trial("auth0", FakeProvider::auth0(), &[], EVERYONE).await;
    auth0.verifies_id_tokens().await;
    let issuer = auth0.fake.issuer().unwrap();
    let without = issuer.trim_end_matches('/').to_owned();
    assert_ne!(issuer, without);
    auth0
        .is_uncertain(Misbehaviour::Claim("iss", Some(without.into())))
        .await;
}

#[tokio::test]
async fn preset_auth0_gives_back_refresh_tokens_alone() {
    let auth0 = trial("auth0", FakeProvider::auth0(), &[], |it| {
        it.allow_everyone()
    })
    .await;
    for request in auth0.gives_back(Endpoint::Revocation).await {
        let token = request.parameter("token").unwrap();
        assert!(auth0.fake.refresh_tokens().contains(&token));
    }
}
