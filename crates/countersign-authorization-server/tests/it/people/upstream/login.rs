//! A login from the first request to the token, and what is left of it.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::store::Kind;
use http::StatusCode;
use testkit::provider::Endpoint;

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::{CALLBACK, ISSUER, VERIFIER, tokens_of};

#[tokio::test]
async fn a_person_logs_in_at_the_provider_and_the_client_gets_tokens_of_this_server() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let page = browser.authorize("D", &[]).await;
    let leaving = browser.decide(&page, "allow", &["write"]).await;
    let location = location_of(&leaving);
    assert!(location.starts_with(&inn.github.origin()), "{location}");
    let callback = inn.github.approve(&location, "alice").await;
    let own = format!("{ISSUER}/callback/github?");
    assert!(callback.starts_with(&own), "{callback}");

    let back = browser.get(&callback).await;
    let answer = back.redirect();
    assert_eq!(answer["state"], "s");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", answer["code"].as_str()),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let seen = browser.post("/token", &fields).await;
    assert_eq!(seen.json()["scope"], "read write");
    let (access, refresh) = tokens_of(&seen);
    // Neither the client nor the browser has seen a token of the provider.
    for token in inn.github.access_tokens() {
        assert!(!seen.body.contains(&token) && !back.body.contains(&token));
        assert_ne!(token, access);
    }
    inn.github.assert_never_received(&access);
    inn.github.assert_never_received(&answer["code"]);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "D"),
    ];
    assert_eq!(browser.post("/token", &fields).await.status, StatusCode::OK);
    let grants = inn.site.server.grants(GrantsOf::Everybody, None).await;
    let grants = grants.unwrap().entries;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].upstream.as_deref(), Some("github"));
}

#[tokio::test]
async fn the_account_page_says_through_whom_and_lets_go_and_log_out() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    code_of(&inn, &browser, "D", "alice").await.redirect();
    let page = browser.get("/account").await;
    assert_eq!(page.status, StatusCode::OK);
    for part in [
        "through <bdi>GitHub</bdi>",
        "<dt>Through</dt><dd><bdi>GitHub</bdi></dd>",
        "<bdi>Notes</bdi>",
        "Log out",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert!(!page.body.contains("Change your password"), "{}", page.body);
    let (token, grant) = (hidden(&page, "forgery_token"), hidden(&page, "grant"));
    let fields = [("forgery_token", token.as_str()), ("grant", &grant)];
    assert!(browser.post("/account/revoke", &fields).await.status != StatusCode::FORBIDDEN);
    assert_eq!(inn.count(Kind::Grant).await, 0);
    let fields = [("forgery_token", token.as_str())];
    let seen = browser.post("/logout", &fields).await;
    assert_eq!(seen.header("location"), Some("https://as.test/logout"));
    assert_eq!(browser.cookie(SESSION), None);
    let seen = browser.get("/account").await;
    assert_eq!(seen.header("location"), Some("https://as.test/login"));
}

#[tokio::test]
async fn the_account_page_can_be_reached_without_a_client() {
    let inn = inn(Offer::Providers).await;
    for (name, provider, endpoint) in [
        ("github", &inn.github, Endpoint::Application),
        ("oidc", &inn.oidc, Endpoint::Revocation),
    ] {
        let browser = inn.browser();
        let page = browser.get("/login").await;
        assert!(!page.body.contains("name=\"password\""), "{}", page.body);
        let token = hidden(&page, "forgery_token");
        let fields = [("forgery_token", token.as_str()), ("provider", name)];
        let location = location_of(&browser.post("/login/with", &fields).await);
        let callback = provider.approve(&location, "bob").await;
        let seen = browser.get(&callback).await;
        assert_eq!(seen.header("location"), Some("https://as.test/account"));
        let page = browser.get("/account").await;
        assert!(page.body.contains("You are logged in as"), "{page:?}");
        // Nobody needs the tokens of such a login.
        provider.asked(endpoint, 1).await;
        let issued = provider.access_tokens();
        assert_eq!(issued.len(), 1);
        assert!(!provider.is_live(&issued[0]), "{name}");
    }
    assert_eq!(inn.count(Kind::Account).await, 2);
    for kind in [Kind::Grant, Kind::UpstreamTokens] {
        assert_eq!(inn.count(kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn x25_a_session_is_new_after_each_login_and_the_one_before_has_ended() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let planted = "A".repeat(43);
    let cookie = (SESSION.to_owned(), planted.clone());
    browser.cookies.borrow_mut().extend([cookie]);
    code_of(&inn, &browser, "D", "alice").await.redirect();
    let first = browser.cookie(SESSION).unwrap();
    assert_ne!(first, planted);
    code_of(&inn, &browser, "D", "alice").await.redirect();
    assert_ne!(browser.cookie(SESSION).unwrap(), first);
    let thief = inn.browser();
    thief.cookies.borrow_mut().insert(SESSION.to_owned(), first);
    let seen = thief.get("/account").await;
    assert_eq!(seen.header("location"), Some("https://as.test/login"));
}

#[tokio::test]
async fn every_new_grant_goes_to_the_provider_again_whoever_is_logged_in() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    code_of(&inn, &browser, "D", "alice").await.redirect();
    inn.github.forget_requests();
    let page = browser.authorize("D", &[]).await;
    assert!(page.body.contains("name=\"provider\" value=\"github\""));
    // The form of somebody who logged in here is of no use to who logged in elsewhere.
    let transaction = hidden(&page, "transaction");
    let token = hidden(&page, "forgery_token");
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", &transaction),
        ("decision", "allow"),
    ];
    let seen = browser.post("/consent", &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
    assert_eq!(inn.count(Kind::Grant).await, 1);
    let location = location_of(&browser.decide(&page, "allow", &[]).await);
    let callback = inn.github.approve(&location, "alice").await;
    browser.get(&callback).await.redirect();
    assert_eq!(inn.github.requests_to(Endpoint::Token).len(), 1);
    assert_eq!(inn.count(Kind::Grant).await, 2);
    assert_eq!(inn.count(Kind::Account).await, 1);
}

#[tokio::test]
async fn p17_nothing_is_granted_unasked_whoever_is_logged_in() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let none = [("prompt", "none")];
    let error = async |browser: &Browser<'_>| {
        let seen = browser.authorize("D", &none).await;
        seen.redirect()["error"].clone()
    };
    assert_eq!(error(&browser).await, "login_required");
    code_of(&inn, &browser, "D", "alice").await.redirect();
    assert_eq!(error(&browser).await, "consent_required");
    for prompt in ["login", "select_account", "consent"] {
        let page = browser.authorize("D", &[("prompt", prompt)]).await;
        assert!(page.body.contains("name=\"provider\""), "{prompt}");
    }
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
}

#[tokio::test]
async fn a_client_that_wants_a_fresh_login_gets_one_where_that_can_be_said() {
    let inn = inn(Offer::Providers).await;
    for (wanted, told) in [
        ("login", Some("login")),
        ("select_account", Some("select_account")),
        ("login select_account", Some("login select_account")),
        ("consent", None),
    ] {
        for (provider, told) in [("oidc", told), ("github", None)] {
            let browser = inn.browser();
            let page = browser.authorize("D", &[("prompt", wanted)]).await;
            let (token, transaction) =
                (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
            let fields = [
                ("forgery_token", token.as_str()),
                ("transaction", &transaction),
                ("provider", provider),
            ];
            let page = browser.post("/login/with", &fields).await;
            let location = location_of(&browser.decide(&page, "allow", &[]).await);
            let sent = parameter(&location, "prompt");
            assert_eq!(sent.as_deref(), told, "{wanted} at {provider}");
        }
    }
}

#[tokio::test]
async fn bp_10_logins_that_nobody_finished_are_forgotten() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    for _ in 0..3 {
        allow(&browser, "D").await;
    }
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 3);
    inn.site.clock.advance(Lifetime::from_mins(11));
    let done = inn.site.server.keep_house().await.unwrap();
    assert!(done.forgotten >= 6, "{done:?}");
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
}
