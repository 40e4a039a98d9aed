//! The way back to the client as browsers get it.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;

use super::browser::*;
use crate::fixture::{CALLBACK, Seen};

/// Presses a button of the consent page `page`, as browsers send it.
async fn press(browser: &Browser<'_>, page: &Seen, decision: &str) -> Seen {
    let (token, transaction) = (hidden(page, "forgery_token"), hidden(page, "transaction"));
    let headers = [
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
        ("accept", AS_BROWSERS_ACCEPT),
    ];
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("decision", decision),
    ];
    browser.post_with("/consent", &headers, &fields).await
}

#[tokio::test]
async fn a_decision_that_is_refused_leads_nowhere() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let first = press(&browser, &page, "allow").await;
    assert!(first.body.contains("http-equiv=\"refresh\""), "{first:?}");
    site.clock.advance(Lifetime::from_secs(5));
    let forged = site.browser();
    forged.get("/login").await;
    for (seen, status) in [
        (
            press(&browser, &page, "allow").await,
            StatusCode::BAD_REQUEST,
        ),
        (
            press(&browser, &page, "deny").await,
            StatusCode::BAD_REQUEST,
        ),
        (
            press(&forged, &page, "allow").await,
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(seen.status, status, "{seen:?}");
        assert!(!seen.body.contains("refresh"), "{seen:?}");
        assert!(!seen.body.contains("code="), "{seen:?}");
        assert_eq!(seen.header("location"), None);
    }
}

#[tokio::test]
async fn x5_browsers_are_led_on_by_a_page_and_programs_by_a_redirect() {
    let site = site().await;
    let browser = site.browser();
    for (client, to, button) in [
        ("C1", CALLBACK, "Go back to the application"),
        ("L", "http://127.0.0.1:51234/cb", "Go back to the program"),
        ("A", "com.example.app:/cb", "Open the app"),
    ] {
        for (decision, heading, said) in [
            ("allow", "Access allowed", "?code="),
            ("deny", "Access denied", "?error=access_denied&#38;"),
        ] {
            let page = browser.consent_page(client).await;
            let seen = press(&browser, &page, decision).await;
            assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
            assert_eq!(seen.header("location"), None);
            for part in [
                &format!("<h1>{heading}</h1>"),
                &format!("content=\"0;url={to}{said}"),
                &format!("href=\"{to}{said}"),
                "&#38;state=s&#38;iss=",
                button,
            ] {
                assert!(seen.body.contains(part), "{part} in {}", seen.body);
            }
            let policy = seen.header("content-security-policy").unwrap();
            assert!(policy.contains("form-action 'self';"), "{policy}");
            assert_eq!(seen.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(seen.header("cache-control"), Some("no-store"));
        }
        let page = browser.consent_page(client).await;
        let seen = browser.decide(&page, "allow", &[]).await;
        assert!(seen.redirect().contains_key("code"), "{seen:?}");
    }
}

#[tokio::test]
async fn x28_whoever_is_logged_in_can_make_room_for_somebody_else() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    let login = browser.decide(&page, "switch", &[]).await;
    assert_eq!(login.status, StatusCode::OK);
    assert!(login.body.contains("name=\"password\""), "{login:?}");
    let theirs = browser.log_in_on(&login, "bob", PASSWORD).await;
    assert!(theirs.body.contains("<bdi>bob</bdi>"), "{theirs:?}");
    // The page of alice is not one of bob.
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let seen = browser.decide(&theirs, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"), "{seen:?}");
}

#[tokio::test]
async fn a_login_that_ended_meanwhile_is_asked_for_again_and_decides_nothing() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    browser.cookies.borrow_mut().remove(SESSION);
    for decision in ["allow", "deny", "switch"] {
        let seen = browser.decide(&page, decision, &[]).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
        assert!(seen.body.contains("Your login has ended"), "{seen:?}");
    }
    assert_eq!(site.saw("code_issued"), 0);
    let login = browser.decide(&page, "allow", &[]).await;
    let again = browser.log_in_on(&login, "alice", PASSWORD).await;
    let seen = browser.decide(&again, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"), "{seen:?}");
}
