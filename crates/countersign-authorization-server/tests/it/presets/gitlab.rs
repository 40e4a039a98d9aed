use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_gitlab_logs_people_in_by_number() {
    let gitlab = trial("gitlab", FakeProvider::gitlab(), &[], |gitlab| {
        gitlab.allow_everyone()
    })
    .await;
    let login = gitlab.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile", "email"]);
    assert!(login.asked("code_challenge").is_some());
    gitlab.sent_secret_in_body();
}

#[tokio::test]
async fn preset_gitlab_lets_in_a_group() {
    let gitlab = trial("gitlab", FakeProvider::gitlab(), &[], |gitlab| {
        gitlab.allow_group("staff")
    })
    .await;
    gitlab.subject_of("alice").await;
    gitlab.keeps_out("bob").await;
    gitlab.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_gitlab_verifies_id_tokens() {
    let gitlab = trial("gitlab", FakeProvider::gitlab(), &[], |gitlab| {
        gitlab.allow_everyone()
    });
    gitlab.await.verifies_id_tokens().await;
}

#[tokio::test]
async fn preset_gitlab_gives_tokens_back() {
    let gitlab = trial("gitlab", FakeProvider::gitlab(), &[], |gitlab| {
        gitlab.allow_everyone()
    });
    let requests = gitlab.await.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
