use http::StatusCode;
use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour};

use super::trial::trial;

#[tokio::test]
async fn preset_slack_logs_people_in_without_a_proof_key() {
    let slack = trial("slack", FakeProvider::slack(), &[], |slack| {
        slack.allow_everyone()
    })
    .await;
    let login = slack.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email")
    );
    assert_eq!(login.asked("code_challenge"), None);
    assert!(login.asked("nonce").is_some());
    for request in slack.token_requests() {
        assert_eq!(request.parameter("code_verifier"), None);
        assert!(request.parameter("client_secret").is_some());
    }
}

#[tokio::test]
async fn preset_slack_hears_errors_that_come_with_status_200() {
    let slack = trial("slack", FakeProvider::slack(), &[], |slack| {
        slack.allow_everyone()
    })
    .await;
    let not_ok = Misbehaviour::Member(Endpoint::Token, "ok", Some(false.into()));
    slack.fake.misbehave(not_ok);
    let login = slack.log_in(Some("alice")).await;
    assert_eq!(login.answer.status, StatusCode::BAD_GATEWAY);
    slack.fake.behave();
    let without = Misbehaviour::Member(Endpoint::Token, "ok", None);
    slack.fake.misbehave(without);
    let login = slack.log_in(Some("alice")).await;
    assert_eq!(login.answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(login.answer.header("location"), None);
}

#[tokio::test]
async fn preset_slack_lets_in_a_workspace() {
    let slack = trial("slack", FakeProvider::slack(), &[], |slack| {
        slack.allow_domain("T11111111")
    })
    .await;
    slack.subject_of("alice").await;
    slack.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_slack_tokens_give_themselves_back() {
    let slack = trial("slack", FakeProvider::slack(), &[], |slack| {
        slack.allow_everyone()
    })
    .await;
    for request in slack.gives_back(Endpoint::Revocation).await {
        let bearer = request.header("authorization").unwrap();
        assert!(bearer.starts_with("Bearer xoxp-"));
        assert_eq!(request.parameter("client_secret"), None);
    }
}

#[tokio::test]
async fn x23_preset_slack_lets_nobody_in_with_a_wrong_id_token() {
    let slack = trial("slack", FakeProvider::slack(), &[], |slack| {
        slack.allow_everyone()
    })
    .await;
    slack.verifies_id_tokens().await;
}
