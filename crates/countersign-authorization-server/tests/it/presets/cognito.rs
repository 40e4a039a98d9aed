use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour};

use super::trial::trial;

#[tokio::test]
async fn preset_cognito_logs_people_in_at_another_host_than_the_issuer() {
    let cognito = trial("cognito", FakeProvider::cognito(), &[], |cognito| {
        cognito.allow_everyone()
    })
    .await;
    let login = cognito.keeps_people_apart().await;
    assert!(login.location.contains(".amazoncognito.com/"));
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid email profile")
    );
    for request in cognito.token_requests() {
        assert!(
            request
                .header("authorization")
                .unwrap()
                .starts_with("Basic ")
        );
    }
}

#[tokio::test]
async fn preset_cognito_works_for_an_app_client_without_secret() {
    let fake = FakeProvider::cognito().public_client();
    let cognito = trial("cognito", fake, &[], |cognito| cognito.allow_everyone()).await;
    cognito.subject_of("alice").await;
    for request in cognito.token_requests() {
        assert_eq!(request.header("authorization"), None);
        assert!(request.parameter("client_id").is_some());
    }
}

#[tokio::test]
async fn x23_preset_cognito_takes_no_access_token_for_an_id_token() {
    let cognito = trial("cognito", FakeProvider::cognito(), &[], |cognito| {
        cognito.allow_everyone()
    })
    .await;
    cognito.verifies_id_tokens().await;
    for how in [
        Misbehaviour::Claim("token_use", Some("access".into())),
        Misbehaviour::Claim("token_use", None),
    ] {
        cognito.is_uncertain(how).await;
    }
}

#[tokio::test]
async fn preset_cognito_lets_in_a_group() {
    let cognito = trial("cognito", FakeProvider::cognito(), &[], |cognito| {
        cognito.allow_group("staff")
    })
    .await;
    cognito.subject_of("alice").await;
    cognito.keeps_out("bob").await;
    cognito.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_cognito_gives_back_refresh_tokens_alone() {
    let cognito = trial("cognito", FakeProvider::cognito(), &[], |it| {
        it.allow_everyone()
    })
    .await;
    for request in cognito.gives_back(Endpoint::Revocation).await {
        let token = request.parameter("token").unwrap();
        assert!(cognito.fake.refresh_tokens().contains(&token));
    }
}
