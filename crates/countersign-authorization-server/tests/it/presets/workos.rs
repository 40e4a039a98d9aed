use super::trial::trial;
use testkit::FakeProvider;

#[tokio::test]
async fn preset_workos_logs_people_in_at_the_authkit_domain() {
    let workos = trial("workos", FakeProvider::workos(), &[], |workos| {
        workos.allow_everyone()
    })
    .await;
    let login = workos.keeps_people_apart().await;
    assert_eq!(
        login.scopes(),
        ["openid", "profile", "email", "offline_access"]
    );
    assert!(login.asked("code_challenge").is_some());
    workos.sent_secret_in_body();
}

#[tokio::test]
async fn preset_workos_lets_in_a_domain_by_verified_addresses_alone() {
    let workos = trial("workos", FakeProvider::workos(), &[], |workos| {
        workos.allow_domain("corp.example")
    })
    .await;
    workos.subject_of("alice").await;
    workos.keeps_out("bob").await;
    workos.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_workos_verifies_id_tokens() {
    let workos = trial("workos", FakeProvider::workos(), &[], |workos| {
        workos.allow_everyone()
    });
    workos.await.verifies_id_tokens().await;
}
