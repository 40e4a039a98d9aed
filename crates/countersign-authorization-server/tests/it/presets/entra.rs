use countersign_authorization_server::oauth::Secret;
use countersign_authorization_server::{Upstream, UpstreamBuilder};
use testkit::FakeProvider;
use testkit::provider::{HOME_TENANT, Misbehaviour, OTHER_TENANT};

use super::trial::{Trial, provider_at, trial};

async fn entra(configure: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder) -> Trial {
    trial("entra", FakeProvider::entra(), &[], configure).await
}

#[tokio::test]
async fn preset_entra_logs_people_in_without_resource() {
    let entra = entra(|entra| entra).await;
    let (alice, login) = entra.subject_of("alice").await;
    assert_eq!(alice, entra.subject_of("alice").await.0);
    assert_ne!(alice, entra.subject_of("bob").await.0);
    assert_eq!(
        login.asked("scope").as_deref(),
        Some("openid profile email offline_access")
    );
    assert_eq!(login.asked("resource"), None);
    assert_eq!(login.asked("prompt").as_deref(), Some("select_account"));
    assert!(
        login
            .location
            .contains(&format!("/{HOME_TENANT}/oauth2/v2.0/authorize"))
    );
    // Entra refuses two values.
    for (wish, asked) in [
        ("login", "login"),
        ("select_account", "select_account"),
        ("select_account login", "login"),
        ("consent", "select_account"),
    ] {
        assert_eq!(entra.prompt_for(wish).await.as_deref(), Some(asked));
    }
    for request in entra.token_requests() {
        assert_eq!(request.parameter("resource"), None);
        assert!(request.parameter("client_secret").is_some());
    }
    assert_eq!(entra.fake.refresh_tokens().len(), 3);
}

#[tokio::test]
async fn preset_entra_writes_its_own_scopes_with_a_prefix_and_others_in_full() {
    let graph = "https://graph.microsoft.com/User.Read";
    let entra = entra(|entra| entra.scopes(["notes.read", graph])).await;
    let (_, login) = entra.subject_of("alice").await;
    let asked = login.asked("scope").unwrap();
    let asked: Vec<&str> = asked.split(' ').collect();
    assert!(
        asked.contains(&"api://countersign-test/notes.read"),
        "{asked:?}"
    );
    assert!(asked.contains(&graph), "{asked:?}");
    assert!(asked.contains(&"openid"), "{asked:?}");
}

#[tokio::test]
async fn preset_entra_knows_people_by_object_id_whatever_their_tokens_call_them() {
    let entra = entra(|entra| entra).await;
    let (alice, _) = entra.subject_of("alice").await;
    let pairwise = Misbehaviour::Claim("sub", Some("of another application".into()));
    entra.fake.misbehave(pairwise);
    assert_eq!(alice, entra.subject_of("alice").await.0);
    entra.fake.behave();
    entra.is_uncertain(Misbehaviour::Claim("oid", None)).await;
}

#[tokio::test]
async fn x23_preset_entra_lets_nobody_in_from_another_tenant() {
    let entra = entra(|entra| entra).await;
    entra.verifies_id_tokens().await;
    for how in [
        Misbehaviour::OtherTenant,
        Misbehaviour::Claim("tid", Some(OTHER_TENANT.into())),
        Misbehaviour::Claim("tid", None),
    ] {
        entra.is_uncertain(how).await;
    }
    let location = entra.location().await;
    let page = entra.fake.visit(&location, Some("mallory")).await;
    assert!(page.unwrap_err().html.contains("AADSTS50020"));
}

#[tokio::test]
async fn preset_entra_lets_in_a_group_and_believes_no_address() {
    let staff = entra(|entra| entra.allow_group("staff")).await;
    staff.subject_of("alice").await;
    staff.keeps_out("bob").await;
    // There is no claim that says who verified an address.
    let provider = provider_at(&staff.fake, "entra", &[]);
    let refused = Upstream::builder(provider, staff.fake.client_id())
        .secret(Secret::new("secret"))
        .allow_domain("corp.example")
        .build();
    let sentence = refused.unwrap_err().to_string();
    assert!(sentence.contains("allow_group"), "{sentence}");
}
