//! Consent: rows X1 to X28 as far as they are about our own pages.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::store::{Index, Kind, Page, Store as _};
use http::{Method, Request, StatusCode};

use super::browser::*;
use crate::fixture::{CALLBACK, ISSUER, RESOURCE, VERIFIER};

async fn grants(site: &Site) -> usize {
    let (index, page) = (Index::Kind(Kind::Grant), Page::first(10));
    let listed = site.store.list(&index, page, site.clock.now()).await;
    listed.unwrap().records.len()
}

#[tokio::test]
async fn x6_bp_05_consent_that_this_page_did_not_send_is_refused_and_the_request_still_waits() {
    let site = site().await;
    let (alice, mallory) = (site.browser(), site.browser());
    let page = alice.consent_page("C1").await;
    let other = alice.consent_page("C1").await;
    let theirs = mallory.consent_page("C1").await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    for wrong in [
        "",
        "AAAA",
        &hidden(&other, "forgery_token"),
        &hidden(&theirs, "forgery_token"),
    ] {
        let fields = [
            ("forgery_token", wrong),
            ("transaction", transaction.as_str()),
            ("decision", "allow"),
        ];
        let seen = alice.post("/consent", &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let good = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("decision", "allow"),
    ];
    for stranger in [&mallory, &site.browser()] {
        let seen = stranger.post("/consent", &good).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
        assert_eq!(seen.header("location"), None);
    }
    assert_eq!(grants(&site).await, 0);
    let seen = alice.decide(&page, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"), "{seen:?}");
}

#[tokio::test]
async fn x7_consent_from_another_site_is_refused() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    let good = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("decision", "allow"),
    ];
    for headers in [
        [("origin", "https://evil.example")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "null")],
    ] {
        let seen = browser.post_with("/consent", &headers, &good).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert_eq!(grants(&site).await, 0);
}

#[tokio::test]
async fn x8_only_a_post_can_approve() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let query = format!(
        "/consent?forgery_token={}&transaction={}&decision=allow",
        hidden(&page, "forgery_token"),
        hidden(&page, "transaction")
    );
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        let request = Request::builder().method(method).uri(&query);
        let seen = browser.send(request, String::new()).await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(seen.header("allow"), Some("POST"));
    }
    let seen = browser.post(&query, &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(grants(&site).await, 0);
}

#[tokio::test]
async fn x11_x12_x13_as_19_every_request_is_asked_about() {
    let site = site().await;
    let browser = site.browser();
    for client in ["C1", "L", "A", "D", "C1", "L", "A", "D"] {
        let page = browser.consent_page(client).await;
        let seen = browser.decide(&page, "allow", &[]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{client} {seen:?}");
    }
}

#[tokio::test]
async fn p17_a_client_that_wants_nothing_asked_is_told_what_is_missing() {
    let site = site().await;
    let browser = site.browser();
    let seen = browser.authorize("C1", &[("prompt", "none")]).await;
    assert_eq!(seen.redirect()["error"], "login_required");
    browser.log_in("alice").await;
    let seen = browser.authorize("C1", &[("prompt", "none")]).await;
    assert_eq!(seen.redirect()["error"], "consent_required");
    for prompt in ["login", "select_account"] {
        let seen = browser.authorize("C1", &[("prompt", prompt)]).await;
        assert!(seen.body.contains("name=\"password\""), "{prompt}");
    }
    let seen = browser.authorize("C1", &[("prompt", "consent")]).await;
    assert!(seen.body.contains("value=\"allow\""));
}

#[tokio::test]
async fn x16_a_transaction_that_is_guessed_expired_or_finished_is_over() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    browser.decide(&page, "allow", &[]).await;
    site.clock.advance(Lifetime::from_secs(5));
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let page = browser.consent_page("C1").await;
    site.clock.advance(Lifetime::from_mins(10));
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(hidden(&page, "transaction").len(), 43);
    let login = site.browser().authorize("C1", &[]).await;
    site.clock.advance(Lifetime::from_mins(10));
    assert_eq!(
        site.browser()
            .log_in_on(&login, "alice", PASSWORD)
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(grants(&site).await, 1);
}

#[tokio::test]
async fn x17_x24_allow_pressed_twice_at_once_makes_one_code() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let (first, second) = tokio::join!(
        browser.decide(&page, "allow", &[]),
        browser.decide(&page, "allow", &[])
    );
    // A browser shows the answer to the second press alone.
    let code = first.redirect()["code"].clone();
    assert_eq!(second.redirect()["code"], code);
    assert_eq!((site.saw("code_issued"), grants(&site).await), (1, 1));
    for _ in 0..3 {
        let again = browser.decide(&page, "allow", &[]).await;
        assert_eq!(again.redirect()["code"], code);
    }
    assert_eq!((site.saw("code_issued"), grants(&site).await), (1, 1));
}

#[tokio::test]
async fn x17_x24_only_the_same_decision_is_told_again_and_no_code_that_was_redeemed() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    for other in ["deny", "switch", "perhaps"] {
        let seen = browser.decide(&page, other, &[]).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{other} {seen:?}");
    }
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(browser.post("/token", &fields).await.status, StatusCode::OK);
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");

    let page = browser.consent_page("C1").await;
    let first = browser.decide(&page, "deny", &[]).await;
    let again = browser.decide(&page, "deny", &[]).await;
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(site.saw("consent_denied"), 1);
    browser.cookies.borrow_mut().remove(SESSION);
    let seen = browser.decide(&page, "deny", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
}

#[tokio::test]
async fn x28_x26_another_person_or_browser_cannot_use_the_page() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let login = browser.authorize("C1", &[("prompt", "login")]).await;
    browser.log_in_on(&login, "bob", PASSWORD).await;
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert_eq!(grants(&site).await, 0);
}

#[tokio::test]
async fn p26_two_tabs_of_one_browser_are_both_answered() {
    let site = site().await;
    let browser = site.browser();
    let older = browser.authorize("C1", &[]).await;
    let newer = browser.authorize("C1", &[]).await;
    let newer = browser.log_in_on(&newer, "alice", PASSWORD).await;
    let older_again = browser.log_in_on(&older, "alice", PASSWORD).await;
    assert_eq!(older_again.status, StatusCode::OK, "{older_again:?}");
    let one = browser.decide(&newer, "allow", &[]).await.redirect();
    let two = browser.decide(&older_again, "allow", &[]).await.redirect();
    assert_ne!(one["code"], two["code"]);
}

#[tokio::test]
async fn denying_tells_the_client_and_leaves_nothing() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let unclear = browser.decide(&page, "perhaps", &[]).await;
    assert_eq!(unclear.status, StatusCode::BAD_REQUEST);
    let seen = browser.decide(&page, "deny", &[]).await;
    let answer = seen.redirect();
    assert_eq!(
        (answer["error"].as_str(), answer["state"].as_str()),
        ("access_denied", "s")
    );
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(grants(&site).await, 0);
}

#[tokio::test]
async fn optional_scopes_are_granted_only_if_they_are_ticked() {
    let site = site().await;
    let browser = site.browser();
    for (ticked, granted) in [
        (&[][..], "read"),
        (&["write"][..], "read write"),
        (&["admin", "read"][..], "read"),
    ] {
        let page = browser.consent_page("C1").await;
        assert!(
            page.body
                .contains("type=\"checkbox\" id=\"scope-1\" name=\"scope\" value=\"write\"><")
        );
        let code = browser.decide(&page, "allow", ticked).await.redirect()["code"].clone();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "C1"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let seen = browser.post("/token", &fields).await;
        assert_eq!(seen.json()["scope"], granted, "{seen:?}");
    }
}

#[tokio::test]
async fn x27_as_13_the_page_says_who_asks_what_for_and_where_the_answer_goes() {
    let site = site().await;
    let browser = site.browser();
    for (client, said, notices) in [
        ("C1", "<bdi>good.example</bdi>", 0),
        ("L", "<bdi>127.0.0.1:51234</bdi>", 1),
        ("A", "<bdi>com.example.app:</bdi>", 1),
        ("D", "Nobody has checked", 1),
    ] {
        let page = browser.consent_page(client).await;
        assert!(page.body.contains(said), "{client}");
        assert!(page.body.contains("Read your notes"), "{client}");
        assert!(page.body.contains(RESOURCE), "{client}");
        assert!(page.body.contains("for 365 days at most"), "{client}");
        assert_eq!(
            page.body.matches("class=\"notice\"").count(),
            notices,
            "{client}"
        );
    }
}

#[tokio::test]
async fn x5_the_answer_may_go_to_the_client_and_forms_to_nobody_else() {
    let site = site().await;
    let browser = site.browser();
    for client in ["C1", "L", "A"] {
        let page = browser.consent_page(client).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self';"), "{policy}");
    }
}

#[tokio::test]
async fn a_request_that_is_posted_by_another_site_finds_the_login_all_the_same() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
    let fields = [
        ("response_type", "code"),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", "a b&c"),
    ];
    // Another site's form comes without cookies.
    let from_elsewhere = site.browser();
    let headers = [
        ("origin", "https://good.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let seen = from_elsewhere
        .post_with("/authorize", &headers, &fields)
        .await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
    assert_eq!(seen.header("set-cookie"), None);
    let target = seen
        .header("location")
        .unwrap()
        .strip_prefix(ISSUER)
        .unwrap();
    let page = browser.get(target).await;
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.redirect()["state"], "a b&c");
}
