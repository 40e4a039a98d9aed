use testkit::FakeProvider;
use testkit::provider::{HOME_TENANT, Misbehaviour, OTHER_TENANT};

use super::trial::trial;

#[tokio::test]
async fn preset_microsoft_logs_people_of_all_tenants_in_and_keeps_them_apart() {
    let microsoft = trial("microsoft", FakeProvider::microsoft(), &[], |microsoft| {
        microsoft.allow_everyone()
    })
    .await;
    let login = microsoft.keeps_people_apart().await;
    assert!(login.location.contains("/common/oauth2/v2.0/authorize"));
    let asked = microsoft.prompt_for("login").await;
    assert_eq!(asked.as_deref(), Some("login"));
    // The same object id in another tenant is somebody else.
    let (alice, _) = microsoft.subject_of("alice").await;
    let mut elsewhere = microsoft.fake.person("alice");
    elsewhere.tenant = OTHER_TENANT.to_owned();
    microsoft.fake.set_person(elsewhere);
    assert_ne!(alice, microsoft.subject_of("alice").await.0);
}

#[tokio::test]
async fn x23_preset_microsoft_wants_issuer_and_tenant_to_agree() {
    let microsoft = trial("microsoft", FakeProvider::microsoft(), &[], |microsoft| {
        microsoft.allow_everyone()
    })
    .await;
    microsoft.verifies_id_tokens().await;
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    for how in [
        Misbehaviour::Claim("tid", Some(OTHER_TENANT.into())),
        Misbehaviour::Claim("tid", None),
        Misbehaviour::Claim("tid", Some("../evil".into())),
        Misbehaviour::Claim("iss", Some(template.into())),
    ] {
        microsoft.is_uncertain(how).await;
    }
}

#[tokio::test]
async fn preset_microsoft_lets_in_the_tenants_that_are_named() {
    let microsoft = trial("microsoft", FakeProvider::microsoft(), &[], |microsoft| {
        microsoft.allow_domain(HOME_TENANT)
    })
    .await;
    microsoft.subject_of("alice").await;
    microsoft.keeps_out("mallory").await;
}

#[tokio::test]
async fn x23_preset_microsoft_takes_no_key_of_one_tenant_for_people_of_another() {
    let microsoft = trial("microsoft", FakeProvider::microsoft(), &[], |microsoft| {
        microsoft.allow_everyone()
    })
    .await;
    microsoft.fake.misbehave(Misbehaviour::KeysOfOtherTenant);
    microsoft.subject_of("mallory").await;
    for person in ["alice", "bob"] {
        microsoft.disbelieves(person).await;
    }
}
