//! What is noted of what people do: row H13.

use countersign_authorization_server::accounts::AccountName;
use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use super::browser::*;
use crate::audit::taken;
use crate::fixture::{CALLBACK, ISSUER, VERIFIER, tokens_of};

const WRONG: &str = "canary-of-a-password";

/// The names of the events, and that none of them says what must not be known.
fn names(site: &Site, secrets: &[&str]) -> Vec<String> {
    let events = taken(&site.events);
    for event in &events {
        for secret in secrets.iter().chain(&[WRONG, PASSWORD, VERIFIER]) {
            assert!(!event.contains(secret), "{event}");
        }
    }
    let name = |event: &String| event.split(['(', ' ']).next().unwrap().to_owned();
    events.iter().map(name).collect()
}

#[tokio::test]
async fn h13_logins_that_are_refused_throttled_and_succeed_are_one_event_each() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.get("/login").await;
    names(&site, &[]);
    for (name, password) in [("alice", WRONG), ("nobody", WRONG), (WRONG, WRONG)] {
        browser.log_in_on(&page, name, password).await;
        assert_eq!(names(&site, &[]), ["login_refused"], "{name}");
    }
    browser.log_in("alice").await;
    let session = browser.cookie(SESSION).unwrap();
    let device = browser.cookie(BROWSER).unwrap();
    assert_eq!(names(&site, &[&session, &device]), ["logged_in"]);
    let stranger = site.browser();
    let page = stranger.get("/login").await;
    for _ in 0..20 {
        stranger.log_in_on(&page, "bob", WRONG).await;
    }
    let throttled = stranger.log_in_on(&page, "bob", PASSWORD).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    let events = taken(&site.events);
    assert_eq!(events.len(), 21);
    assert_eq!(
        events[20],
        "login_refused reason=rate_limited detail=too many attempts"
    );
}

#[tokio::test]
async fn h13_consent_given_and_denied_and_taken_back_are_events_with_who_and_what() {
    let site = site().await;
    let name = AccountName::parse("alice").unwrap();
    let alice = site.accounts.list(None).await.unwrap();
    let alice = alice
        .entries
        .iter()
        .find(|entry| entry.name == name.as_str());
    let subject = alice.unwrap().subject.clone();
    let browser = site.browser();
    browser.log_in("alice").await;
    taken(&site.events);

    let page = browser.consent_page("D").await;
    assert_eq!(taken(&site.events), Vec::<String>::new());
    browser.decide(&page, "deny", &[]).await;
    assert_eq!(
        taken(&site.events),
        ["consent_denied client=D reason=access_denied"]
    );
    // Once more, at once and later: it was answered.
    browser.decide(&page, "deny", &[]).await;
    assert_eq!(taken(&site.events), ["answer_repeated client=D"]);
    site.clock.advance(Lifetime::from_secs(5));
    browser.decide(&page, "deny", &[]).await;
    assert_eq!(
        taken(&site.events),
        ["request_refused reason=invalid_request status=400"]
    );

    let page = browser.consent_page("D").await;
    let transaction = hidden(&page, "transaction");
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    let events = taken(&site.events);
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("code_issued client=D "), "{events:?}");
    assert!(events[0].contains(&subject), "{events:?}");
    assert!(!events[0].contains(&code) && !events[0].contains(&transaction));

    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (access, refresh) = tokens_of(&browser.post("/token", &fields).await);
    assert_eq!(names(&site, &[&access, &refresh, &code]), ["tokens_issued"]);

    let account = browser.get("/account").await;
    let (token, grant) = (hidden(&account, "forgery_token"), hidden(&account, "grant"));
    for (grant, event) in [
        ("unknown", "request_refused"),
        (grant.as_str(), "grant_revoked"),
    ] {
        let fields = [("forgery_token", token.as_str()), ("grant", grant)];
        browser.post("/account/revoke", &fields).await;
        assert_eq!(names(&site, &[&token]), [event]);
    }
    let fields = [("forgery_token", WRONG), ("grant", &grant)];
    browser.post("/account/revoke", &fields).await;
    assert_eq!(names(&site, &[]), ["form_refused"]);
}

#[tokio::test]
async fn h13_changes_of_the_password_and_logging_out_are_events() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    taken(&site.events);
    let account = browser.get("/account").await;
    let token = hidden(&account, "forgery_token");
    let change = |current: &'static str, new: &'static str| {
        [("current_password", current), ("new_password", new)]
    };
    for (fields, event) in [
        (change(WRONG, "another password"), "login_refused"),
        (change(PASSWORD, "short"), "request_refused"),
        (change(PASSWORD, "another password"), "password_changed"),
    ] {
        let mut fields = fields.to_vec();
        fields.push(("forgery_token", &token));
        browser.post("/account/password", &fields).await;
        assert_eq!(names(&site, &["another password", &token]), [event]);
    }
    let account = browser.get("/account").await;
    let token = hidden(&account, "forgery_token");
    for (token, event) in [(WRONG, "form_refused"), (token.as_str(), "logged_out")] {
        browser.post("/logout", &[("forgery_token", token)]).await;
        assert_eq!(names(&site, &[]), [event]);
    }
}

#[tokio::test]
async fn h13_the_first_account_and_links_that_make_none_are_events() {
    let site = empty_site(settings_at(ISSUER)).await;
    let link = site.people.setup_link().await.unwrap().unwrap();
    let target = link.reveal().strip_prefix(ISSUER).unwrap();
    let secret = target.split('=').nth(1).unwrap();
    let browser = site.browser();
    taken(&site.events);
    browser.get("/setup?token=unknown").await;
    assert_eq!(names(&site, &[secret]), ["setup_refused"]);
    let page = browser.get(target).await;
    assert_eq!(names(&site, &[secret]), Vec::<String>::new());
    let token = hidden(&page, "forgery_token");
    for (name, password, event) in [
        ("no name!", PASSWORD, "request_refused"),
        ("root", PASSWORD, "account_created"),
        ("root", PASSWORD, "setup_refused"),
    ] {
        let fields = [
            ("forgery_token", token.as_str()),
            ("token", secret),
            ("name", name),
            ("password", password),
        ];
        browser.post("/setup", &fields).await;
        assert_eq!(names(&site, &[secret, &token]), [event], "{name}");
    }
}
