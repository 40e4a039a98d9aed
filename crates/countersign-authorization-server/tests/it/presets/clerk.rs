use super::trial::trial;
use testkit::FakeProvider;

#[tokio::test]
async fn preset_clerk_logs_people_in_by_their_id_tokens() {
    let clerk = trial("clerk", FakeProvider::clerk(), &[], |clerk| {
        clerk.allow_everyone()
    })
    .await;
    let login = clerk.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile", "email"]);
    assert!(login.asked("nonce").is_some());
    assert!(login.asked("code_challenge").is_some());
    clerk.sent_secret_in_header();
}

#[tokio::test]
async fn preset_clerk_lets_in_a_domain_by_verified_addresses_alone() {
    let clerk = trial("clerk", FakeProvider::clerk(), &[], |clerk| {
        clerk.allow_domain("corp.example")
    })
    .await;
    clerk.subject_of("alice").await;
    clerk.keeps_out("bob").await;
    clerk.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_clerk_lets_in_an_organization_that_the_scope_tells() {
    let clerk = trial("clerk", FakeProvider::clerk(), &[], |clerk| {
        clerk.scopes(["user:org:read"]).allow_group("corp.example")
    });
    let clerk = clerk.await;
    clerk.subject_of("alice").await;
    clerk.keeps_out("bob").await;
}

#[tokio::test]
async fn preset_clerk_verifies_id_tokens() {
    let clerk = trial("clerk", FakeProvider::clerk(), &[], |clerk| {
        clerk.allow_everyone()
    });
    clerk.await.verifies_id_tokens().await;
}
