//! A request belongs to the browser that began it and to the person who answers it:
//! rows X9 and X10, BP-01 to BP-11. Those rows speak of a callback from an upstream
//! provider; here the login and the consent form are what comes back to the server,
//! and the transaction is the `state` that binds them.

use countersign_authorization_server::oauth::{ClientId, Lifetime};
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::store::{Index, Kind, Store as _};
use http::StatusCode;

use super::browser::*;
use crate::fixture::{CALLBACK, Seen, VERIFIER, form};

async fn count(site: &Site, kind: Kind) -> u64 {
    let index = Index::Kind(kind);
    site.store
        .count(&index, 1_000, site.clock.now())
        .await
        .unwrap()
}

/// A cookie jar with the cookies of `browser`, of which one is changed.
fn with_cookie<'a>(site: &'a Site, browser: &Browser<'_>, name: &str, value: &str) -> Browser<'a> {
    let other = site.browser();
    *other.cookies.borrow_mut() = browser.cookies.borrow().clone();
    let cookie = (name.to_owned(), value.to_owned());
    other.cookies.borrow_mut().extend([cookie]);
    other
}

#[tokio::test]
async fn x9_bp_09_what_one_browser_began_another_one_cannot_finish() {
    let site = site().await;
    let (mallory, alice) = (site.browser(), site.browser());
    alice.log_in("alice").await;
    // Mallory begins, and gets alice to send what would come next.
    let login = mallory.authorize("D", &[]).await;
    let consent = mallory.log_in_on(&login, "bob", PASSWORD).await;
    for page in [&login, &consent] {
        let (token, transaction) = (hidden(page, "forgery_token"), hidden(page, "transaction"));
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", transaction.as_str()),
            ("decision", "allow"),
            ("name", "alice"),
            ("password", PASSWORD),
        ];
        for path in ["/login", "/consent"] {
            let seen = alice.post(path, &fields).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path} {seen:?}");
            assert_eq!(seen.header("location"), None);
            let link = format!("{path}?{}", form(&fields));
            let seen = alice.get(&link).await;
            let location = seen.header("location").unwrap_or_default();
            assert!(!location.contains("code="), "{path} {seen:?}");
            assert!(!seen.body.contains(&transaction), "{path}");
        }
    }
    assert_eq!(count(&site, Kind::Grant).await, 0);
    // What Mallory can finish is about bob alone.
    let code = mallory.decide(&consent, "allow", &[]).await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(mallory.post("/token", &fields).await.status, StatusCode::OK);
    let account = alice.get("/account").await;
    assert!(account.body.contains("Nothing is connected"), "{account:?}");
}

#[tokio::test]
async fn x10_bp_06_a_binding_cookie_that_is_another_cut_or_forged_binds_nothing() {
    let site = site().await;
    let (alice, other) = (site.browser(), site.browser());
    let page = alice.consent_page("C1").await;
    other.consent_page("C1").await;
    for name in [SESSION, BROWSER] {
        let (good, strange) = (alice.cookie(name).unwrap(), other.cookie(name).unwrap());
        let last = if good.ends_with('A') { "B" } else { "A" };
        let mut wrong = vec![
            good[..42].to_owned(),
            format!("{}{last}", &good[..42]),
            format!("{good}A"),
            "A".repeat(43),
            String::new(),
        ];
        // Another login of the same person is the same person; another browser is not
        // the same browser.
        if name == BROWSER {
            wrong.push(strange);
        }
        for value in wrong {
            let thief = with_cookie(&site, &alice, name, &value);
            let seen = thief.decide(&page, "allow", &[]).await;
            assert_eq!(
                seen.status,
                StatusCode::FORBIDDEN,
                "{name} {value} {seen:?}"
            );
            assert_eq!(count(&site, Kind::Grant).await, 0);
        }
    }
    let seen = alice.decide(&page, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"));
}

#[tokio::test]
async fn x26_no_address_shows_the_code_again_in_whatever_browser() {
    let site = site().await;
    let (alice, stranger, elsewhere) = (site.browser(), site.browser(), site.browser());
    elsewhere.log_in("alice").await;
    let page = alice.consent_page("C1").await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    let code = alice.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("decision", "allow"),
    ];
    for browser in [&stranger, &elsewhere, &alice] {
        if std::ptr::eq(browser, &alice) {
            // Pressing twice at once is pressing once.
            site.clock.advance(Lifetime::from_secs(5));
        }
        for target in [
            "/consent".to_owned(),
            format!("/consent?{}", form(&fields)),
            format!("/login?transaction={transaction}"),
            format!("/account?transaction={transaction}"),
        ] {
            let seen = browser.get(&target).await;
            let location = seen.header("location").unwrap_or_default();
            assert!(
                !seen.body.contains(&code) && !location.contains("code="),
                "{target}"
            );
        }
        let seen = browser.post("/consent", &fields).await;
        assert!(seen.status.is_client_error(), "{seen:?}");
        assert!(!seen.body.contains(&code) && !seen.body.contains("code="));
    }
    assert_eq!(count(&site, Kind::AuthorizationCode).await, 1);
}

#[tokio::test]
async fn bp_01_bp_02_consent_for_one_client_is_none_for_another() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("C1").await;
    browser.decide(&page, "allow", &["write"]).await;
    let grants = count(&site, Kind::Grant).await;
    for client in ["D", "L", "A", "C1"] {
        let seen = browser.authorize(client, &[("scope", "read")]).await;
        assert_eq!(
            (seen.status, seen.header("location")),
            (StatusCode::OK, None)
        );
        assert!(seen.body.contains("value=\"allow\""), "{client}");
    }
    assert_eq!(count(&site, Kind::Grant).await, grants);
}

#[tokio::test]
async fn bp_03_bp_11_what_was_allowed_is_known_to_the_server_and_to_no_cookie() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("D").await;
    let before = browser.cookies.borrow().clone();
    assert_eq!(before.keys().collect::<Vec<_>>(), [BROWSER, SESSION]);
    let seen = browser.decide(&page, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"));
    assert_eq!(seen.header("set-cookie"), None);
    assert_eq!(*browser.cookies.borrow(), before);
    let (client, other) = (
        ClientId::parse("D").unwrap(),
        ClientId::parse("C1").unwrap(),
    );
    let of = async |client: &ClientId| {
        let portion = site.server.grants(GrantsOf::Client(client), None).await;
        portion.unwrap().entries.len()
    };
    assert_eq!((of(&client).await, of(&other).await), (1, 0));
}

#[tokio::test]
async fn bp_04_the_page_names_the_client_what_it_may_do_and_where_the_answer_goes() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.consent_page("D").await;
    for part in [
        "<bdi>Notes</bdi>",
        "Read your notes",
        "Change your notes",
        "<bdi>good.example</bdi>",
        CALLBACK,
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
}

#[tokio::test]
async fn bp_08_a_request_is_remembered_under_a_new_secret_and_nothing_is_granted_before_consent() {
    let site = site().await;
    let browser = site.browser();
    let mut transactions = Vec::new();
    for _ in 0..20 {
        let page = browser.consent_page("C1").await;
        let transaction = hidden(&page, "transaction");
        // 256 bits, and not those of another request.
        assert_eq!(transaction.len(), 43);
        assert!(!transactions.contains(&transaction));
        transactions.push(transaction);
    }
    for kind in [Kind::Grant, Kind::AuthorizationCode, Kind::AccessToken] {
        assert_eq!(count(&site, kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn bp_10_a_request_is_answered_once_and_within_ten_minutes() {
    let site = site().await;
    let browser = site.browser();
    let (late, good) = (
        browser.consent_page("C1").await,
        browser.consent_page("C1").await,
    );
    site.clock.advance(Lifetime::from_secs(599));
    let seen = browser.decide(&good, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"));
    site.clock.advance(Lifetime::from_secs(1));
    for page in [&good, &late] {
        for decision in ["allow", "deny"] {
            let seen = browser.decide(page, decision, &[]).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST);
            assert_eq!(seen.header("location"), None);
        }
    }
    assert_eq!(count(&site, Kind::Grant).await, 1);
}

#[tokio::test]
async fn as_37_what_was_posted_with_a_password_is_never_posted_on() {
    let site = site().await;
    let browser = site.browser();
    let is_see_other = |seen: &Seen| seen.status == StatusCode::SEE_OTHER;
    let login = browser.get("/login").await;
    assert!(is_see_other(
        &browser.log_in_on(&login, "alice", PASSWORD).await
    ));
    let page = browser.consent_page("C1").await;
    assert!(is_see_other(&browser.decide(&page, "allow", &[]).await));
    let page = browser.consent_page("C1").await;
    assert!(is_see_other(&browser.decide(&page, "deny", &[]).await));
    let refused = browser.authorize("C1", &[("scope", "unknown")]).await;
    assert!(is_see_other(&refused));
}

#[tokio::test]
async fn as_48_a_client_on_loopback_gets_nothing_without_a_warning_and_a_person() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    for _ in 0..2 {
        let silent = browser.authorize("L", &[("prompt", "none")]).await;
        let told = silent.header("location").unwrap();
        assert!(told.contains("error=consent_required"), "{told}");
        let page = browser.authorize("L", &[]).await;
        assert!(
            page.body.contains("A program on this computer asks"),
            "{page:?}"
        );
        let seen = browser.decide(&page, "allow", &[]).await;
        assert!(seen.header("location").unwrap().contains("code="));
    }
}
