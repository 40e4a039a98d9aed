use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_oidc_logs_people_in_by_the_book() {
    let oidc = trial("oidc", FakeProvider::oidc(), &[], |oidc| {
        oidc.allow_everyone()
    })
    .await;
    let login = oidc.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email")
    );
    assert!(login.asked("nonce").is_some());
    assert!(login.asked("code_challenge").is_some());
    for request in oidc.token_requests() {
        assert!(
            request
                .header("authorization")
                .unwrap()
                .starts_with("Basic ")
        );
        assert_eq!(request.parameter("client_secret"), None);
    }
}

#[tokio::test]
async fn preset_oidc_lets_in_a_domain_by_verified_addresses_alone() {
    let oidc = trial("oidc", FakeProvider::oidc(), &[], |oidc| {
        oidc.allow_domain("corp.example")
    })
    .await;
    oidc.subject_of("alice").await;
    oidc.keeps_out("bob").await;
    // The same address, which nobody has verified.
    oidc.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_oidc_gives_tokens_back() {
    let oidc = trial("oidc", FakeProvider::oidc(), &[], |it| it.allow_everyone()).await;
    let requests = oidc.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
