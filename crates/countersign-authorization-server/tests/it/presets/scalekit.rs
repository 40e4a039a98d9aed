use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_scalekit_logs_people_in_at_the_environment() {
    let scalekit = trial("scalekit", FakeProvider::scalekit(), &[], |scalekit| {
        scalekit.allow_everyone()
    })
    .await;
    let login = scalekit.keeps_people_apart().await;
    assert_eq!(
        login.scopes(),
        ["openid", "profile", "email", "offline_access"]
    );
    assert!(login.asked("code_challenge").is_some());
    scalekit.sent_secret_in_body();
}

#[tokio::test]
async fn preset_scalekit_lets_in_a_domain_by_verified_addresses_alone() {
    let scalekit = trial("scalekit", FakeProvider::scalekit(), &[], |scalekit| {
        scalekit.allow_domain("corp.example")
    })
    .await;
    scalekit.subject_of("alice").await;
    scalekit.keeps_out("bob").await;
    scalekit.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_scalekit_verifies_id_tokens() {
    let scalekit = trial("scalekit", FakeProvider::scalekit(), &[], |scalekit| {
        scalekit.allow_everyone()
    });
    scalekit.await.verifies_id_tokens().await;
}

#[tokio::test]
async fn preset_scalekit_gives_tokens_back() {
    let scalekit = trial("scalekit", FakeProvider::scalekit(), &[], |scalekit| {
        scalekit.allow_everyone()
    });
    let requests = scalekit.await.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
