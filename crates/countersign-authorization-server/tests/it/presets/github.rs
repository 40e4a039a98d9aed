use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_github_logs_people_in_by_number() {
    let github = trial("github", FakeProvider::github(), &[], |github| {
        github.allow_everyone()
    })
    .await;
    let login = github.keeps_people_apart().await;
    assert_eq!(login.asked("scope").as_deref(), Some("read:user"));
    assert_eq!(
        login.asked("code_challenge_method").as_deref(),
        Some("S256")
    );
    // There is no ID token for it to come back in.
    assert_eq!(login.asked("nonce"), None);
    for request in github.token_requests() {
        assert_eq!(request.header("accept"), Some("application/json"));
        assert!(request.parameter("client_secret").is_some());
        assert!(request.parameter("code_verifier").is_some());
    }
}

#[tokio::test]
async fn preset_github_lets_in_nobody_but_who_is_named() {
    let alice =
        |github: countersign_authorization_server::UpstreamBuilder| github.allow_subject("583231");
    let github = trial("github", FakeProvider::github(), &[], alice).await;
    github.subject_of("alice").await;
    github.keeps_out("bob").await;
    github.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_github_gives_the_token_back_and_no_other_one() {
    let github = trial("github", FakeProvider::github(), &[], |github| {
        github.allow_everyone()
    })
    .await;
    let elsewhere = github.fake.token_of_other_application("alice", &[]);
    let requests = github.gives_back(Endpoint::Application).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].request.method, "DELETE");
    assert!(github.fake.requests_to(Endpoint::Revocation).is_empty());
    assert!(github.fake.is_live(&elsewhere));
}
