use super::trial::{provider_at, trial};
use countersign_authorization_server::Upstream;
use countersign_authorization_server::oauth::Secret;
use testkit::FakeProvider;
use testkit::provider::Endpoint;

#[tokio::test]
async fn preset_oci_logs_people_in_at_the_identity_domain() {
    let oci = trial("oci", FakeProvider::oci(), &[], |oci| oci.allow_everyone()).await;
    let login = oci.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile", "email"]);
    assert!(login.asked("nonce").is_some());
    oci.sent_secret_in_header();
}

#[tokio::test]
async fn preset_oci_lets_in_people_by_their_ids_alone() {
    // Nothing says whether addresses are verified, so that there are no domains.
    let fake = FakeProvider::oci().start().await;
    let provider = provider_at(&fake, "oci", &[]);
    let upstream = Upstream::builder(provider, fake.client_id()).secret(Secret::new("secret"));
    let error = upstream.allow_domain("corp.example").build().unwrap_err();
    assert!(error.to_string().contains("allow_subject"), "{error}");

    let alice = fake.subject_text("alice");
    let oci = trial("oci", FakeProvider::oci(), &[], |oci| {
        oci.allow_subject(alice)
    })
    .await;
    oci.subject_of("alice").await;
    oci.keeps_out("bob").await;
    oci.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_oci_verifies_id_tokens() {
    let oci = trial("oci", FakeProvider::oci(), &[], |oci| oci.allow_everyone());
    oci.await.verifies_id_tokens().await;
}

#[tokio::test]
async fn preset_oci_gives_tokens_back() {
    let oci = trial("oci", FakeProvider::oci(), &[], |oci| oci.allow_everyone());
    let requests = oci.await.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
