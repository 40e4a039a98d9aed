use super::trial::{Trial, trial};
use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;
use testkit::provider::{Breakage, Endpoint, Misbehaviour};
use testkit::{FakeProvider, ScriptedAnswer};

async fn google() -> Trial {
    trial("google", FakeProvider::google(), &[], |google| {
        google.allow_everyone()
    })
    .await
}

#[tokio::test]
async fn preset_google_logs_people_in_and_asks_for_a_refresh_token_each_time() {
    let google = google().await;
    let login = google.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid email profile")
    );
    assert_eq!(login.asked("access_type").as_deref(), Some("offline"));
    assert_eq!(login.asked("prompt").as_deref(), Some("consent"));
    assert!(login.asked("nonce").is_some());
    assert!(login.asked("code_challenge").is_some());
    let logins = google.token_requests().len();
    assert_eq!(google.fake.refresh_tokens().len(), logins);
    for request in google.token_requests() {
        assert!(request.parameter("client_secret").is_some());
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn preset_google_asks_for_consent_also_when_a_client_wishes_for_a_fresh_login() {
    let google = google().await;
    for wish in ["login", "select_account", "login select_account"] {
        let asked = google.prompt_for(wish).await;
        assert_eq!(asked.as_deref(), Some("consent select_account"), "{wish}");
    }
}

#[tokio::test]
async fn preset_google_believes_the_workspace_and_no_address() {
    let google = trial("google", FakeProvider::google(), &[], |google| {
        google.allow_domain("corp.example")
    })
    .await;
    google.subject_of("alice").await;
    google.keeps_out("bob").await;
    // The address of alice, in a private account.
    google.keeps_out("mallory").await;
    let mut private = google.fake.person("bob");
    private.email = Some("bob@corp.example".to_owned());
    google.fake.set_person(private);
    google.keeps_out("bob").await;
}

#[tokio::test]
async fn x23_a79_preset_google_lets_nobody_in_with_a_wrong_id_token() {
    let google = google().await;
    google.verifies_id_tokens().await;
    google
        .is_uncertain(Misbehaviour::WrongAccessTokenHash)
        .await;
}

#[tokio::test]
async fn preset_google_gives_tokens_back_without_the_secret() {
    let google = google().await;
    for request in google.gives_back(Endpoint::Revocation).await {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.parameter("client_secret"), None);
        assert_eq!(request.request.query, None);
    }
}

#[tokio::test]
async fn preset_google_that_wants_to_be_left_alone_keeps_clients_waiting_and_connected() {
    let google = google().await;
    let (tokens, _) = google.tokens_of("alice").await;
    google.clock.advance(Lifetime::from_hours(1));
    let told = ScriptedAnswer::status(503).header("retry-after", "77");
    let broken = Breakage::Answer(told);
    google.fake.break_endpoint(Endpoint::Token, broken);
    let before = google.token_requests().len();
    let token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        let answer = google.refresh(token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("77"));
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
    }
    assert_eq!(google.token_requests().len(), before + 1);
}
