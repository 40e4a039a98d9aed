//! Logging in and out.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::{Index, Kind, Page, Store as _};
use http::StatusCode;

use super::browser::*;
use crate::fixture::{ISSUER, Seen};

/// What differs between two pages by design.
fn without_secrets(seen: &Seen, name: &str) -> String {
    let mut body = seen.body.replace(name, "NAME");
    for field in ["forgery_token", "transaction"] {
        if let Some(value) = find_hidden(seen, field) {
            body = body.replace(&value, field);
        }
    }
    body
}

#[tokio::test]
async fn h12_as_19_wrong_names_wrong_passwords_and_disabled_accounts_look_the_same() {
    let site = site().await;
    site.add("carol", PASSWORD).await;
    let name = countersign_authorization_server::accounts::AccountName::parse("carol").unwrap();
    site.accounts.disable(&name).await.unwrap();
    let long = "x".repeat(1_025);
    let browser = site.browser();
    let page = browser.get("/login").await;
    let mut pages = Vec::new();
    for (name, password) in [
        ("alice", "correct horse"),
        ("alice", ""),
        ("alice", &long),
        ("nobody", PASSWORD),
        ("carol", PASSWORD),
        ("аlice", PASSWORD),
        ("alice\0", PASSWORD),
    ] {
        let seen = browser.log_in_on(&page, name, password).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{name} {seen:?}");
        assert_eq!(browser.cookie(SESSION), None, "{name}");
        pages.push(without_secrets(&seen, name));
    }
    assert!(pages.iter().all(|page| page == &pages[0]), "{pages:?}");
    assert_eq!(site.saw("login_refused"), 7);
    assert_eq!(site.saw("logged_in"), 0);
}

#[tokio::test]
async fn x6_x7_a_login_form_that_another_page_sends_is_refused() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.get("/login").await;
    let token = hidden(&page, "forgery_token");
    let good = [
        ("forgery_token", token.as_str()),
        ("name", "alice"),
        ("password", PASSWORD),
    ];
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        vec![("origin", ISSUER), ("sec-fetch-site", "same-site")],
        vec![("origin", ISSUER), ("origin", ISSUER)],
        vec![("sec-fetch-site", "none")],
        vec![("origin", "https://as.test.evil.example")],
        vec![("origin", "http://as.test")],
    ] {
        let seen = browser.post_with("/login", &headers, &good).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let stranger = site.browser();
    let other = hidden(&stranger.get("/login").await, "forgery_token");
    for token in ["", "AAAA", &other, &token[1..]] {
        let fields = [
            ("forgery_token", token),
            ("name", "alice"),
            ("password", PASSWORD),
        ];
        let seen = browser.post("/login", &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{token}");
    }
    let without_cookie = site.browser().post("/login", &good).await;
    assert_eq!(without_cookie.status, StatusCode::FORBIDDEN);
    assert_eq!(site.saw("form_refused"), 13);
    for headers in [
        OWN_FORM.to_vec(),
        vec![("origin", ISSUER), ("sec-fetch-site", "same-origin")],
        vec![("origin", ISSUER)],
        vec![],
    ] {
        let seen = browser.post_with("/login", &headers, &good).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{headers:?} {seen:?}");
    }
}

#[tokio::test]
async fn a_malformed_login_form_is_refused() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.get("/login").await;
    let token = hidden(&page, "forgery_token");
    let twice = [
        ("forgery_token", token.as_str()),
        ("name", "alice"),
        ("name", "bob"),
        ("password", PASSWORD),
    ];
    let seen = browser.post("/login", &twice).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let seen = browser.post("/login?name=alice", &twice[..2]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.cookie(SESSION), None);
}

#[tokio::test]
async fn a_stranger_cannot_keep_a_person_from_the_browser_they_use() {
    let site = site().await;
    let home = site.browser();
    home.log_in("alice").await;
    let mut stranger = site.browser();
    let page = stranger.get("/login").await;
    for network in 0..10_u8 {
        stranger.address = [198, 51, network, 1].into();
        for _ in 0..10 {
            stranger.log_in_on(&page, "alice", "wrong guess").await;
        }
    }
    stranger.address = [203, 0, 113, 1].into();
    let seen = stranger.log_in_on(&page, "alice", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{seen:?}");
    assert!(seen.header("retry-after").is_some());
    home.cookies.borrow_mut().remove(SESSION);
    home.log_in("alice").await;
    stranger.log_in("bob").await;
    stranger.cookies.borrow_mut().remove(SESSION);
    site.clock.advance(Lifetime::from_mins(16));
    stranger.log_in("alice").await;
}

#[tokio::test]
async fn one_network_and_one_known_browser_have_few_attempts() {
    let site = site().await;
    let stranger = site.browser();
    let page = stranger.get("/login").await;
    for name in ["alice", "nobody"] {
        for _ in 0..10 {
            let seen = stranger.log_in_on(&page, name, "wrong guess").await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST);
        }
        let seen = stranger.log_in_on(&page, name, PASSWORD).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
        let mut elsewhere = site.browser();
        elsewhere.address = "2001:db8::1".parse().unwrap();
        let page = elsewhere.get("/login").await;
        let seen = elsewhere.log_in_on(&page, name, "wrong guess").await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    let known = site.browser();
    known.log_in("bob").await;
    let page = known.authorize("C1", &[("prompt", "login")]).await;
    for _ in 0..10 {
        let seen = known.log_in_on(&page, "bob", "wrong guess").await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    let seen = known.log_in_on(&page, "bob", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn x25_x14_a_session_is_new_after_each_login_and_a_planted_one_is_nothing() {
    let site = site().await;
    let planted = "A".repeat(43);
    for bad in [planted.as_str(), "", "x", &"é".repeat(43)] {
        let browser = site.browser();
        let cookies = [(SESSION.to_owned(), bad.to_owned())];
        browser.cookies.borrow_mut().extend(cookies);
        let seen = browser.get("/account").await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{bad}");
    }
    let browser = site.browser();
    let cookies = [(SESSION.to_owned(), planted.clone())];
    browser.cookies.borrow_mut().extend(cookies);
    let page = browser.get("/login").await;
    browser.log_in_on(&page, "alice", PASSWORD).await;
    let first = browser.cookie(SESSION).unwrap();
    assert_ne!(first, planted);
    let page = browser.authorize("C1", &[("prompt", "login")]).await;
    browser.log_in_on(&page, "alice", PASSWORD).await;
    let second = browser.cookie(SESSION).unwrap();
    assert_ne!(first, second);
    let old = site.browser();
    let cookies = [(SESSION.to_owned(), first)];
    old.cookies.borrow_mut().extend(cookies);
    assert_eq!(old.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    let twice = format!("{SESSION}={second}; {SESSION}={second}");
    let request = http::Request::get("/account").header("cookie", twice);
    let seen = site.browser().send(request, String::new()).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_cookie_of_a_browser_is_no_login() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let known = browser.cookie(BROWSER).unwrap();
    let other = site.browser();
    let cookies = [(SESSION.to_owned(), known)];
    other.cookies.borrow_mut().extend(cookies);
    assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_login_ends_when_it_is_idle_and_at_last_even_if_it_is_not() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    site.clock.advance(Lifetime::from_hours(12));
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    browser.log_in("alice").await;
    for _ in 0..15 {
        site.clock.advance(Lifetime::from_hours(11));
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    }
    site.clock.advance(Lifetime::from_hours(3));
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn x15_bp_06_cookies_are_host_cookies_on_https_and_named_otherwise_on_http() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.get("/login").await;
    let seen = browser.log_in_on(&page, "alice", PASSWORD).await;
    let lines = [&page, &seen].map(|seen| seen.header("set-cookie").unwrap().to_owned());
    for (line, name) in lines.iter().zip([BROWSER, SESSION]) {
        assert!(line.starts_with(&format!("{name}=")), "{line}");
        assert!(
            line.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"),
            "{line}"
        );
        assert!(!line.contains("Domain"), "{line}");
    }
    let local = empty_site(settings_at("http://127.0.0.1:8080")).await;
    let page = local.browser().get("/login").await;
    let line = page.header("set-cookie").unwrap();
    assert!(
        line.starts_with("countersign-development-browser-8080="),
        "{line}"
    );
    assert!(!line.contains("Secure"), "{line}");
}

#[tokio::test]
async fn h9_the_store_has_neither_cookies_nor_passwords() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let secrets = [
        browser.cookie(SESSION).unwrap(),
        browser.cookie(BROWSER).unwrap(),
        PASSWORD.to_owned(),
    ];
    let mut seen = 0;
    for kind in Kind::ALL {
        let page = Page::first(Page::LONGEST);
        let listed = site
            .store
            .list(&Index::Kind(*kind), page, site.clock.now())
            .await;
        for record in listed.unwrap().records {
            seen += 1;
            for secret in &secrets {
                assert!(!record.body.contains(secret), "{record:?}");
                assert!(!record.key.id().contains(secret), "{record:?}");
            }
        }
    }
    assert!(seen >= 6);
}

#[tokio::test]
async fn logging_out_ends_the_login_on_the_server() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let stolen = browser.cookie(SESSION).unwrap();
    let token = hidden(&browser.get("/account").await, "forgery_token");
    let seen = browser.post("/logout", &[("forgery_token", "AAAA")]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let seen = browser.post("/logout", &[("forgery_token", &token)]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.cookie(SESSION), None);
    for (target, forgets, leads_on) in [
        ("/logout", None, true),
        ("/logout?done", Some("\"cache\""), false),
    ] {
        let seen = browser.get(target).await;
        assert!(seen.body.contains("You are logged out"), "{}", seen.body);
        assert_eq!(seen.header("clear-site-data"), forgets, "{target}");
        assert_eq!(seen.body.contains("http-equiv=\"refresh\""), leads_on);
    }
    let elsewhere = http::Request::get("/logout?done").header("sec-fetch-site", "cross-site");
    let seen = browser.send(elsewhere, String::new()).await;
    assert_eq!(seen.header("clear-site-data"), None);
    let thief = site.browser();
    let cookies = [(SESSION.to_owned(), stolen)];
    thief.cookies.borrow_mut().extend(cookies);
    assert_eq!(thief.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn g13_behind_a_proxy_guesses_for_many_names_keep_nobody_else_out() {
    let site = site().await;
    let mut stranger = site.browser();
    stranger.address = [127, 0, 0, 1].into();
    let page = stranger.get("/login").await;
    for number in 0..150 {
        let name = format!("name{number}");
        stranger.log_in_on(&page, &name, "wrong guess").await;
    }
    let mut visitor = site.browser();
    visitor.address = [127, 0, 0, 1].into();
    visitor.log_in("alice").await;
}
