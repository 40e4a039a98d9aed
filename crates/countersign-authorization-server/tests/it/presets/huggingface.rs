use super::trial::trial;
use testkit::FakeProvider;

#[tokio::test]
async fn preset_huggingface_logs_people_in_by_their_ids() {
    let huggingface = trial(
        "huggingface",
        FakeProvider::huggingface(),
        &[],
        |huggingface| huggingface.allow_everyone(),
    )
    .await;
    let login = huggingface.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile"]);
    assert!(login.asked("nonce").is_some());
    huggingface.sent_secret_in_header();
}

/// The id of the organization `staff` at the fake.
const STAFF: &str = "310161209";

#[tokio::test]
async fn preset_huggingface_lets_in_an_organization_by_its_id() {
    let huggingface = trial(
        "huggingface",
        FakeProvider::huggingface(),
        &[],
        |huggingface| huggingface.allow_group(STAFF),
    );
    let huggingface = huggingface.await;
    huggingface.subject_of("alice").await;
    huggingface.keeps_out("bob").await;
    huggingface.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_huggingface_lets_in_nobody_by_the_name_of_an_organization() {
    let huggingface = trial(
        "huggingface",
        FakeProvider::huggingface(),
        &[],
        |huggingface| huggingface.allow_group("staff"),
    );
    huggingface.await.keeps_out("alice").await;
}

#[tokio::test]
async fn preset_huggingface_verifies_id_tokens() {
    let huggingface = trial(
        "huggingface",
        FakeProvider::huggingface(),
        &[],
        |huggingface| huggingface.allow_everyone(),
    );
    huggingface.await.verifies_id_tokens().await;
}
