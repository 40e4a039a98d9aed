use super::trial::trial;
use testkit::FakeProvider;
use testkit::provider::Misbehaviour;

#[tokio::test]
async fn preset_propelauth_logs_people_in() {
    let propelauth = trial(
        "propelauth",
        FakeProvider::propelauth(),
        &[],
        |propelauth| propelauth.allow_everyone(),
    )
    .await;
    let login = propelauth.keeps_people_apart().await;
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid email profile")
    );
    assert!(login.asked("nonce").is_some());
    assert!(login.asked("code_challenge").is_some());
    // One value alone is known.
    let asked = propelauth.prompt_for("login select_account").await;
    assert_eq!(asked.as_deref(), Some("login"));
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

#[tokio::test]
async fn x23_a79_preset_propelauth_lets_nobody_in_with_a_token_of_another_application() {
    let propelauth = trial(
        "propelauth",
        FakeProvider::propelauth(),
        &[],
        |propelauth| propelauth.allow_everyone(),
    )
    .await;
    propelauth.verifies_id_tokens().await;
    // What MCP clients are told is another issuer of the same project.
    let of_clients = "https://auth.example.com/oauth/2.1";
    propelauth
        .is_uncertain(Misbehaviour::Claim("iss", Some(of_clients.into())))
        .await;
}
