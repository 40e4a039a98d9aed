//! The account page.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use super::browser::*;
use crate::fixture::{CALLBACK, Seen, VERIFIER, tokens_of};

/// Lets D have tokens of alice, as the pages do it.
async fn connect(browser: &Browser<'_>) -> (String, String) {
    let page = browser.consent_page("D").await;
    let code = browser.decide(&page, "allow", &["write"]).await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    tokens_of(&browser.post("/token", &fields).await)
}

async fn refresh(browser: &Browser<'_>, token: &str) -> StatusCode {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "D"),
    ];
    browser.post("/token", &fields).await.status
}

#[tokio::test]
async fn nobody_sees_or_ends_what_somebody_else_connected() {
    let site = site().await;
    let (alice, bob) = (site.browser(), site.browser());
    let (_, token) = connect(&alice).await;
    let page = alice.get("/account").await;
    let grant = hidden(&page, "grant");
    assert_eq!(bob.get("/account").await.status, StatusCode::SEE_OTHER);
    bob.log_in("bob").await;
    let theirs = bob.get("/account").await;
    assert!(theirs.body.contains("Nothing is connected"), "{theirs:?}");
    let forgery_token = hidden(&theirs, "forgery_token");
    for (grant, status) in [
        (grant.as_str(), StatusCode::NOT_FOUND),
        ("unknown", StatusCode::NOT_FOUND),
        ("", StatusCode::NOT_FOUND),
    ] {
        let fields = [("forgery_token", forgery_token.as_str()), ("grant", grant)];
        assert_eq!(bob.post("/account/revoke", &fields).await.status, status);
    }
    let fields = [("forgery_token", forgery_token.as_str()), ("grant", &grant)];
    let seen = alice.post("/account/revoke", &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert_eq!(refresh(&alice, &token).await, StatusCode::OK);
}

#[tokio::test]
async fn what_is_connected_is_shown_and_ends_at_once() {
    let site = site().await;
    let browser = site.browser();
    let (_, token) = connect(&browser).await;
    let page = browser.get("/account").await;
    for part in [
        "<bdi>Notes</bdi>",
        "Read your notes",
        "Change your notes",
        "Last used",
        "Since",
        "<time datetime=",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    let (forgery_token, grant) = (hidden(&page, "forgery_token"), hidden(&page, "grant"));
    let fields = [("forgery_token", forgery_token.as_str()), ("grant", &grant)];
    let seen = browser.post("/account/revoke", &fields).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.body.contains("was disconnected"), "{}", seen.body);
    assert!(seen.body.contains("Nothing is connected"));
    assert_eq!(refresh(&browser, &token).await, StatusCode::BAD_REQUEST);
    assert_eq!(site.saw("grant_revoked"), 1);
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it_and_all_other_logins_end() {
    let site = site().await;
    let (here, there) = (site.browser(), site.browser());
    here.log_in("alice").await;
    there.log_in("alice").await;
    let (_, token) = connect(&here).await;
    let before = here.cookie(SESSION).unwrap();
    let forgery_token = hidden(&here.get("/account").await, "forgery_token");
    let fields = |current: &'static str, new: &'static str| {
        [
            ("forgery_token", forgery_token.clone()),
            ("current_password", current.to_owned()),
            ("new_password", new.to_owned()),
        ]
    };
    for (current, new, said) in [
        (
            "wrong guess",
            "another password",
            "The current password is wrong.",
        ),
        (PASSWORD, "short", "A password has at least 8 characters."),
        (PASSWORD, "", "at least 8 characters"),
        ("", "another password", "The current password is wrong."),
    ] {
        let fields = fields(current, new);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let seen = here.post("/account/password", &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
        assert!(seen.body.contains(said), "{said}");
    }
    let fields = fields(PASSWORD, "another password");
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        there.post("/account/password", &fields).await.status,
        StatusCode::FORBIDDEN
    );
    let seen = here.post("/account/password", &fields).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    assert_ne!(here.cookie(SESSION).unwrap(), before);
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.get("/account").await.status, StatusCode::OK);
    assert_eq!(refresh(&here, &token).await, StatusCode::OK);
    let page = there.get("/login").await;
    let seen = there.log_in_on(&page, "alice", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let seen = there.log_in_on(&page, "Alice ", "another password").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_stolen_session_does_not_let_the_password_be_guessed() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let forgery_token = hidden(&browser.get("/account").await, "forgery_token");
    let mut statuses = Vec::new();
    for guess in 0..11 {
        // A new cookie of the browser is no new budget.
        let fresh = (BROWSER.to_owned(), format!("{guess:043}"));
        browser.cookies.borrow_mut().extend([fresh]);
        let fields = [
            ("forgery_token", forgery_token.as_str()),
            ("current_password", "wrong guess"),
            ("new_password", "another password"),
        ];
        statuses.push(browser.post("/account/password", &fields).await.status);
    }
    assert_eq!(statuses[9], StatusCode::BAD_REQUEST);
    assert_eq!(statuses[10], StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn c32_a_disabled_account_has_no_login_and_no_tokens() {
    let site = site().await;
    let browser = site.browser();
    let (_, token) = connect(&browser).await;
    let name = countersign_authorization_server::accounts::AccountName::parse("alice").unwrap();
    site.accounts.disable(&name).await.unwrap();
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(refresh(&browser, &token).await, StatusCode::BAD_REQUEST);
    site.accounts.enable(&name).await.unwrap();
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(refresh(&browser, &token).await, StatusCode::BAD_REQUEST);
    site.clock.advance(Lifetime::from_mins(1));
    browser.log_in("alice").await;
}

#[tokio::test]
async fn everything_of_one_person_is_disconnected_at_once_and_nothing_of_another() {
    let site = site().await;
    let (alice, bob) = (site.browser(), site.browser());
    let tokens = [connect(&alice).await.1, connect(&alice).await.1];
    bob.log_in("bob").await;
    let (_, theirs) = connect(&bob).await;
    let forgery_token = hidden(&alice.get("/account").await, "forgery_token");
    for wrong in ["", &hidden(&bob.get("/account").await, "forgery_token")] {
        let fields = [("forgery_token", wrong)];
        let seen = alice.post("/account/revoke-all", &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(site.saw("grant_revoked"), 0);
    let fields = [("forgery_token", forgery_token.as_str())];
    let seen = alice.post("/account/revoke-all", &fields).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.body.contains("Nothing is connected"), "{}", seen.body);
    for token in &tokens {
        assert_eq!(refresh(&alice, token).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(refresh(&bob, &theirs).await, StatusCode::OK);
    assert_eq!(site.saw("grant_revoked"), 2);
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_login_and_keeps_what_is_connected() {
    let site = site().await;
    let (here, there) = (site.browser(), site.browser());
    let (_, token) = connect(&here).await;
    there.log_in("alice").await;
    let forgery_token = hidden(&here.get("/account").await, "forgery_token");
    let fields = [
        ("forgery_token", forgery_token.as_str()),
        ("everywhere", "yes"),
    ];
    let seen = here.post("/logout", &fields).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    for browser in [&here, &there] {
        assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(refresh(&here, &token).await, StatusCode::OK);
}

#[tokio::test]
async fn a_form_that_comes_after_the_login_ended_asks_for_another_login() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let forgery_token = hidden(&browser.get("/account").await, "forgery_token");
    site.clock.advance(Lifetime::from_hours(12));
    for path in [
        "/account/revoke",
        "/account/revoke-all",
        "/account/password",
        "/logout",
    ] {
        let fields = [("forgery_token", forgery_token.as_str())];
        let seen = browser.post(path, &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        assert!(seen.body.contains("Your login has ended"), "{path}");
        assert!(seen.body.contains("name=\"password\""), "{path}");
    }
}

#[tokio::test]
async fn a_code_that_was_never_redeemed_is_not_shown_as_connected() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("D").await;
    browser.decide(&page, "allow", &[]).await;
    let seen = browser.get("/account").await;
    assert!(seen.body.contains("<bdi>Notes</bdi>"), "{}", seen.body);
    site.clock.advance(Lifetime::from_mins(1));
    let seen = browser.get("/account").await;
    assert!(seen.body.contains("Nothing is connected"), "{}", seen.body);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let site = site().await;
    let browser = site.browser();
    for _ in 0..101 {
        let page = browser.consent_page("D").await;
        browser.decide(&page, "allow", &[]).await;
    }
    let count = |seen: &Seen| seen.body.matches("name=\"grant\"").count();
    let first = browser.get("/account").await;
    assert_eq!(count(&first), 100);
    let link = "href=\"/account?after=";
    let at = first.body.find(link).unwrap() + "href=\"".len();
    let next = first.body[at..].split('"').next().unwrap();
    let second = browser.get(next).await;
    assert_eq!(count(&second), 1);
    assert!(!second.body.contains(link), "{}", second.body);
    assert!(second.body.contains("To the beginning"), "{}", second.body);
    // Who disconnects something there stays there, whatever else the form says.
    let (token, grant) = (hidden(&second, "forgery_token"), hidden(&second, "grant"));
    let after = hidden(&second, "after");
    let fields = [
        ("forgery_token", token.as_str()),
        ("grant", &grant),
        ("after", &after),
    ];
    let still = browser.post("/account/revoke", &fields).await;
    assert_eq!((still.status, count(&still)), (StatusCode::OK, 0));
    assert!(still.body.contains("was disconnected"), "{}", still.body);
    assert!(still.body.contains("To the beginning"), "{}", still.body);
    assert_eq!(first.body.matches("name=\"after\"").count(), 0);
    let (token, grant) = (hidden(&first, "forgery_token"), hidden(&first, "grant"));
    for after in ["", "x", "\"><script>"] {
        let fields = [
            ("forgery_token", token.as_str()),
            ("grant", &grant),
            ("after", after),
        ];
        let seen = browser.post("/account/revoke", &fields).await;
        assert!(!seen.body.contains("<script"), "{}", seen.body);
        assert!(!seen.body.contains("name=\"after\""), "{}", seen.body);
    }
    let beyond = browser.get("/account?after=999999999").await;
    assert_eq!(count(&beyond), 0);
    assert!(!beyond.body.contains("Nothing is connected"));
    for nonsense in ["x", "-1", "", "99999999999999999999999"] {
        let seen = browser.get(&format!("/account?after={nonsense}")).await;
        assert_eq!(count(&seen), 99, "{nonsense}");
    }
}
