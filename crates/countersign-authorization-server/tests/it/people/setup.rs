//! The first account.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use super::browser::*;
use crate::fixture::{ISSUER, Seen};

async fn link(site: &Site) -> String {
    let link = site.people.setup_link().await.unwrap().unwrap();
    link.reveal().strip_prefix(ISSUER).unwrap().to_owned()
}

async fn submit(browser: &Browser<'_>, page: &Seen, name: &str, password: &str) -> Seen {
    let (forgery_token, token) = (hidden(page, "forgery_token"), hidden(page, "token"));
    let fields = [
        ("forgery_token", forgery_token.as_str()),
        ("token", &token),
        ("name", name),
        ("password", password),
    ];
    browser.post("/setup", &fields).await
}

#[tokio::test]
async fn a_link_that_is_used_expired_guessed_or_late_makes_no_account() {
    let site = empty_site(settings_at(ISSUER)).await;
    let browser = site.browser();
    for bad in [
        "/setup",
        "/setup?token=",
        "/setup?token=guess",
        "/setup?token=a&token=b",
    ] {
        assert_eq!(browser.get(bad).await.status, StatusCode::GONE, "{bad}");
    }
    assert_eq!(site.saw("setup_refused"), 4);
    let expired = link(&site).await;
    let page = browser.get(&expired).await;
    site.clock.advance(Lifetime::from_hours(24));
    assert_eq!(browser.get(&expired).await.status, StatusCode::GONE);
    let seen = submit(&browser, &page, "eve", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::GONE);
    let (first, second) = (link(&site).await, link(&site).await);
    let (page, late) = (browser.get(&first).await, browser.get(&second).await);
    let seen = submit(&browser, &page, "alice", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    for page in [&page, &late] {
        let seen = submit(&browser, page, "eve", PASSWORD).await;
        assert_eq!(seen.status, StatusCode::GONE);
    }
    assert!(site.people.setup_link().await.unwrap().is_none());
    assert_eq!(site.accounts.list(None).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn one_link_used_twice_at_once_makes_one_account() {
    let site = empty_site(settings_at(ISSUER)).await;
    let browser = site.browser();
    let page = browser.get(&link(&site).await).await;
    let (one, two) = tokio::join!(
        submit(&browser, &page, "alice", PASSWORD),
        submit(&browser, &page, "eve", PASSWORD)
    );
    let made = [one, two]
        .iter()
        .filter(|seen| seen.status == StatusCode::SEE_OTHER)
        .count();
    assert_eq!(made, 1);
    assert_eq!(site.accounts.list(None).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_form_of_another_browser_or_with_bad_input_uses_nothing_up() {
    let site = empty_site(settings_at(ISSUER)).await;
    let (browser, other) = (site.browser(), site.browser());
    let page = browser.get(&link(&site).await).await;
    other.get("/login").await;
    let seen = submit(&other, &page, "eve", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    for (name, password) in [
        ("", PASSWORD),
        ("a b", PASSWORD),
        ("аlice", PASSWORD),
        ("alice", "short"),
        ("alice", &"x".repeat(1_025)),
    ] {
        let seen = submit(&browser, &page, name, password).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(seen.body.contains("class=\"wrong\""), "{}", seen.body);
    }
    let seen = submit(&browser, &page, " Alice", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    let account = browser.get("/account").await;
    assert!(account.body.contains("<bdi>alice</bdi>"), "{account:?}");
}

#[tokio::test]
async fn a_password_that_is_typed_in_two_ways_makes_no_account() {
    let site = empty_site(settings_at(ISSUER)).await;
    let browser = site.browser();
    let page = browser.get(&link(&site).await).await;
    let (forgery_token, token) = (hidden(&page, "forgery_token"), hidden(&page, "token"));
    for (again, status) in [
        ("correct horse batteru", StatusCode::BAD_REQUEST),
        (PASSWORD, StatusCode::SEE_OTHER),
    ] {
        let fields = [
            ("forgery_token", forgery_token.as_str()),
            ("token", &token),
            ("name", "alice"),
            ("password", PASSWORD),
            ("password_again", again),
        ];
        assert_eq!(browser.post("/setup", &fields).await.status, status);
    }
}
