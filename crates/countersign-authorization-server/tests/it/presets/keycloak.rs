use http::StatusCode;
use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour};

use super::trial::trial;

#[tokio::test]
async fn preset_keycloak_logs_people_in() {
    let keycloak = trial("keycloak", FakeProvider::keycloak(), &[], |it| it).await;
    let login = keycloak.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email")
    );
    assert_eq!(login.asked("resource"), None);
    // It sends an `iss`, which is the right one.
    let redirects = keycloak.fake.requests_to(Endpoint::Decision);
    assert!(!redirects.is_empty());
}

#[tokio::test]
async fn x21_preset_keycloak_is_sent_no_code_when_another_issuer_answers() {
    let keycloak = trial("keycloak", FakeProvider::keycloak(), &[], |it| it).await;
    keycloak.fake.misbehave(Misbehaviour::AnswerOfOtherIssuer);
    let login = keycloak.log_in(Some("alice")).await;
    assert!(login.answer.status.is_client_error());
    assert_ne!(login.answer.status, StatusCode::NOT_FOUND);
    assert_eq!(login.answer.header("location"), None);
    assert!(keycloak.token_requests().is_empty());
}

#[tokio::test]
async fn x23_preset_keycloak_lets_nobody_in_with_a_wrong_id_token() {
    let keycloak = trial("keycloak", FakeProvider::keycloak(), &[], |it| it).await;
    keycloak.verifies_id_tokens().await;
    let other_realm = "https://sso.example.com/realms/other";
    keycloak
        .is_uncertain(Misbehaviour::Claim("iss", Some(other_realm.into())))
        .await;
}

#[tokio::test]
async fn preset_keycloak_lets_in_a_group() {
    let keycloak = trial("keycloak", FakeProvider::keycloak(), &[], |it| {
        it.allow_group("staff")
    })
    .await;
    keycloak.subject_of("alice").await;
    keycloak.keeps_out("bob").await;
}

#[tokio::test]
async fn preset_keycloak_gives_tokens_back() {
    let keycloak = trial("keycloak", FakeProvider::keycloak(), &[], |it| it).await;
    let requests = keycloak.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
