//! The words of the operator on our pages, and ours where there are none.

use countersign_authorization_server::oauth::ScopeSet;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::redirect_uri::RedirectUri;

use super::browser::*;
use crate::fixture::{CALLBACK, ISSUER, facts};

#[tokio::test]
async fn the_operator_names_the_service_and_says_what_a_person_is_asked() {
    let mut settings = settings_at(ISSUER);
    settings.service_name = Some("Notes & <Co>".to_owned());
    let introduction = "This is the notebook of the team. <b>Ask Ada</b> if in doubt.";
    let site = site_of(
        settings,
        |people| people.introduction(introduction),
        |builder| builder,
    )
    .await;
    site.add("alice", PASSWORD).await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let written = "This is the notebook of the team. &#60;b&#62;Ask Ada&#60;/b&#62; if in doubt.";
    assert!(page.body.contains(written), "{}", page.body);
    let named = "<bdi>Notes &#38; &#60;Co&#62;</bdi>";
    for target in ["/account", "/authorize?client_id=unknown", "/nothing"] {
        let seen = browser.visit(target).await;
        assert!(seen.body.contains(named), "{target}: {}", seen.body);
    }
    assert!(page.body.contains(named));
}

#[tokio::test]
async fn without_a_name_the_service_is_called_as_its_host() {
    for (issuer, name) in [
        ("https://as.test", "as.test"),
        ("https://as.test:8443/tenant", "as.test:8443"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
    ] {
        assert_eq!(settings_at(issuer).display_name(), name);
    }
}

#[tokio::test]
async fn a_client_that_cannot_refresh_is_said_to_stay_for_an_hour() {
    let site = site().await;
    let browser = site.browser();
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.grant_types = vec![GrantType::AuthorizationCode];
    site.client("once", facts(metadata)).await;
    let page = browser.consent_page("once").await;
    assert!(page.body.contains("For 1 hour."), "{}", page.body);
    assert!(!page.body.contains("365 days"), "{}", page.body);
}

#[tokio::test]
async fn offline_access_has_a_meaning_without_an_operator() {
    let mut settings = settings_at(ISSUER);
    settings.offer(ScopeSet::parse("offline_access").unwrap());
    let site = empty_site(settings).await;
    site.add("alice", PASSWORD).await;
    let browser = site.browser();
    let page = browser
        .authorize("C1", &[("scope", "read offline_access")])
        .await;
    let page = browser.log_in_on(&page, "alice", PASSWORD).await;
    assert!(
        page.body
            .contains("Stay connected while you are not using it"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("does not say what this permits"));
}
