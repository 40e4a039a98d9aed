//! The page on which people make API keys for themselves.

use countersign_authorization_server::Settings;
use countersign_authorization_server::api_keys::PersonalKeys;
use countersign_authorization_server::oauth::{ApiKeyFormat, Lifetime, ScopeSet};
use http::StatusCode;

use super::browser::*;
use crate::fixture::{ISSUER, Seen};

pub(super) fn with_keys(mut settings: Settings) -> Settings {
    let mut rules = PersonalKeys::new(ScopeSet::parse("read write").unwrap());
    rules.most = 3;
    settings.api_keys.personal = Some(rules);
    settings
}

async fn site_with_keys() -> Site {
    let site = empty_site(with_keys(settings_at(ISSUER))).await;
    for name in ["alice", "bob"] {
        site.add(name, PASSWORD).await;
    }
    site
}

async fn send(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Seen {
    let page = browser.get("/account/keys").await;
    let token = hidden(&page, "forgery_token");
    let mut all = vec![("forgery_token", token.as_str())];
    all.extend_from_slice(fields);
    browser.post("/account/keys", &all).await
}

/// The key that is shown on `page`.
fn key_on(page: &Seen) -> Option<String> {
    let (_, after) = page.body.split_once("value=\"csk_")?;
    let (rest, _) = after.split_once('"').unwrap();
    Some(format!("csk_{rest}"))
}

const GOOD: [(&str, &str); 3] = [("name", "Backup script"), ("days", "90"), ("scope", "read")];

#[tokio::test]
async fn without_being_offered_there_are_no_such_pages() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    for path in [
        "/account/keys",
        "/account/keys/rotate",
        "/account/keys/revoke",
    ] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
        let seen = browser.post(path, &GOOD).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
    let account = browser.get("/account").await;
    assert!(!account.body.contains("/account/keys"), "{account:?}");
}

#[tokio::test]
async fn x3_a_key_is_made_by_a_form_of_ours_and_whoever_is_logged_in_alone() {
    let site = site_with_keys().await;
    let browser = site.browser();
    assert_eq!(
        browser.get("/account/keys").await.status,
        StatusCode::SEE_OTHER
    );
    browser.log_in("alice").await;
    let token = hidden(&browser.get("/account/keys").await, "forgery_token");
    let mut fields = GOOD.to_vec();
    for path in [
        "/account/keys",
        "/account/keys/rotate",
        "/account/keys/revoke",
    ] {
        let seen = browser.post(path, &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
    }
    fields.push(("forgery_token", &token));
    let foreign = [("origin", "https://evil.example")];
    let seen = browser.post_with("/account/keys", &foreign, &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let mallory = site.browser();
    mallory.log_in("bob").await;
    let seen = mallory.post("/account/keys", &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert_eq!(site.saw("api_key_created"), 0);
}

#[tokio::test]
async fn what_the_form_does_not_offer_is_refused() {
    let site = site_with_keys().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    for fields in [
        [("name", "a"), ("days", "90"), ("scope", "admin")],
        [("name", "a"), ("days", "90"), ("scope", "read admin")],
        [("name", "a"), ("days", "91"), ("scope", "read")],
        [("name", "a"), ("days", ""), ("scope", "read")],
        [
            ("name", "a"),
            ("days", "99999999999999999999"),
            ("scope", "read"),
        ],
        [("name", ""), ("days", "90"), ("scope", "read")],
        [("name", "\u{200b}"), ("days", "90"), ("scope", "read")],
    ] {
        let seen = send(&browser, &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{fields:?}");
        assert_eq!(key_on(&seen), None);
    }
    assert_eq!(site.saw("api_key_created"), 0);
}

#[tokio::test]
async fn a_key_is_shown_once_on_a_page_that_nobody_keeps() {
    let site = site_with_keys().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let made = send(&browser, &GOOD).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(made.header("referrer-policy"), Some("no-referrer"));
    let key = key_on(&made).unwrap();
    let id = ApiKeyFormat::default().parse(&key).unwrap();
    let secret = key.rsplit('_').next().unwrap();
    let page = browser.get("/account/keys").await;
    assert!(page.body.contains("Backup script"), "{page:?}");
    assert!(page.body.contains(id.as_str()));
    assert!(!page.body.contains(&secret[..16]));
    let shown = site.server.api_keys().show(&id).await.unwrap().unwrap();
    assert_eq!(shown.scopes.to_string(), "read");
    let end = shown
        .created_at
        .saturating_add(Lifetime::from_hours(90 * 24));
    assert_eq!(shown.expires_at, Some(end));
}

#[tokio::test]
async fn nobody_replaces_or_revokes_the_key_of_somebody_else() {
    let site = site_with_keys().await;
    let (alice, bob) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    bob.log_in("bob").await;
    let key = key_on(&send(&alice, &GOOD).await).unwrap();
    let id = ApiKeyFormat::default().parse(&key).unwrap();
    let theirs = bob.get("/account/keys").await;
    assert!(!theirs.body.contains(id.as_str()));
    let token = hidden(&theirs, "forgery_token");
    for path in ["/account/keys/rotate", "/account/keys/revoke"] {
        for named in [id.as_str(), "000000000000", "", &key] {
            let fields = [("forgery_token", token.as_str()), ("key", named)];
            let seen = bob.post(path, &fields).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path} {named:?}");
        }
    }
    let shown = site.server.api_keys().show(&id).await.unwrap().unwrap();
    assert_eq!((shown.revoked_at, shown.replaced_by), (None, None));
}

#[tokio::test]
async fn keys_are_replaced_and_revoked_on_the_page() {
    let site = site_with_keys().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let old = key_on(&send(&browser, &GOOD).await).unwrap();
    let format = ApiKeyFormat::default();
    let old = format.parse(&old).unwrap();
    let token = hidden(&browser.get("/account/keys").await, "forgery_token");
    let named = |id: &str| [("forgery_token", token.clone()), ("key", id.to_owned())];
    let post = async |path: &str, id: &str| {
        let fields = named(id);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        browser.post(path, &fields).await
    };
    let seen = post("/account/keys/rotate", old.as_str()).await;
    let new = format.parse(&key_on(&seen).unwrap()).unwrap();
    let again = post("/account/keys/rotate", old.as_str()).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let page = browser.get("/account/keys").await;
    assert!(page.body.contains("another has taken its place"));
    for id in [&old, &new] {
        let seen = post("/account/keys/revoke", id.as_str()).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(seen.body.contains("was revoked"), "{seen:?}");
    }
    let page = browser.get("/account/keys").await;
    assert!(page.body.contains("There are none."), "{page:?}");
    assert_eq!(site.saw("api_key_revoked"), 2);
}

#[tokio::test]
async fn one_person_has_so_many_keys_and_no_more() {
    let site = site_with_keys().await;
    let (alice, bob) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    bob.log_in("bob").await;
    for _ in 0..3 {
        assert!(key_on(&send(&alice, &GOOD).await).is_some());
    }
    let seen = send(&alice, &GOOD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(key_on(&seen), None);
    assert!(key_on(&send(&bob, &GOOD).await).is_some());
}
