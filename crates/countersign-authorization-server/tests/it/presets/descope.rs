use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_descope_logs_people_in_at_the_project() {
    let descope = trial("descope", FakeProvider::descope(), &[], |descope| {
        descope.allow_everyone()
    })
    .await;
    let login = descope.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile", "email"]);
    assert!(login.asked("nonce").is_some());
    assert!(login.asked("code_challenge").is_some());
    descope.sent_secret_in_body();
}

#[tokio::test]
async fn preset_descope_lets_in_a_domain_by_verified_addresses_alone() {
    let descope = trial("descope", FakeProvider::descope(), &[], |descope| {
        descope.allow_domain("corp.example")
    })
    .await;
    descope.subject_of("alice").await;
    descope.keeps_out("bob").await;
    descope.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_descope_verifies_id_tokens() {
    let descope = trial("descope", FakeProvider::descope(), &[], |descope| {
        descope.allow_everyone()
    });
    descope.await.verifies_id_tokens().await;
}

#[tokio::test]
async fn preset_descope_gives_tokens_back() {
    let descope = trial("descope", FakeProvider::descope(), &[], |descope| {
        descope.allow_everyone()
    });
    let requests = descope.await.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
