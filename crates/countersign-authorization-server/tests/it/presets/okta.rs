use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour};

use super::trial::trial;

#[tokio::test]
async fn preset_okta_logs_people_in_by_user_id() {
    let okta = trial("okta", FakeProvider::okta(), &[], |okta| okta).await;
    let login = okta.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email offline_access")
    );
    // Who renames themselves stays who they are.
    let (bob, _) = okta.subject_of("bob").await;
    let mut renamed = okta.fake.person("bob");
    renamed.email = Some("robert@elsewhere.example".to_owned());
    okta.fake.set_person(renamed);
    assert_eq!(bob, okta.subject_of("bob").await.0);
}

#[tokio::test]
async fn preset_okta_lets_in_a_group_that_its_scope_tells() {
    let okta = trial("okta", FakeProvider::okta(), &[], |okta| {
        okta.scopes(["groups"]).allow_group("staff")
    })
    .await;
    okta.subject_of("alice").await;
    okta.keeps_out("bob").await;
    let blind = trial("okta", FakeProvider::okta(), &[], |okta| {
        okta.allow_group("staff")
    })
    .await;
    blind.keeps_out("alice").await;
}

#[tokio::test]
async fn x23_preset_okta_lets_nobody_in_with_a_wrong_id_token() {
    let okta = trial("okta", FakeProvider::okta(), &[], |okta| okta).await;
    okta.verifies_id_tokens().await;
    // The authorization server of the organization itself.
    let other = Misbehaviour::Claim("iss", Some("https://example.okta.com".into()));
    okta.is_uncertain(other).await;
}

#[tokio::test]
async fn preset_okta_gives_tokens_back() {
    let okta = trial("okta", FakeProvider::okta(), &[], |it| it).await;
    let requests = okta.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
