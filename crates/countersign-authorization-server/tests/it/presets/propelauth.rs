use super::trial::trial;
use testkit::FakeProvider;

#[tokio::test]
async fn preset_propelauth_logs_people_in_by_asking_who_they_are() {
    let propelauth = trial(
        "propelauth",
        FakeProvider::propelauth(),
        &[],
        |propelauth| propelauth.allow_everyone(),
    )
    .await;
    let login = propelauth.keeps_people_apart().await;
    // There is no ID token.
    assert_eq!(login.asked("nonce"), None);
    assert!(login.asked("code_challenge").is_some());
    propelauth.sent_secret_in_header();
}

#[tokio::test]
async fn preset_propelauth_lets_in_who_is_named() {
    let fake = FakeProvider::propelauth().start().await;
    let alice = fake.subject_text("alice");
    let propelauth = trial(
        "propelauth",
        FakeProvider::propelauth(),
        &[],
        |propelauth| propelauth.allow_subject(alice),
    );
    let propelauth = propelauth.await;
    propelauth.subject_of("alice").await;
    propelauth.keeps_out("bob").await;
}
