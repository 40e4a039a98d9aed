//! What one browser allowed, no other can finish: rows X9, X10, X14, X15, X19, X26,
//! BP-08 to BP-11.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Kind;
use http::StatusCode;

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::ISSUER;

#[tokio::test]
async fn x9_bp_09_what_one_browser_allowed_another_cannot_finish() {
    let inn = inn(Offer::Alone).await;
    let (mallory, alice) = (inn.browser(), inn.browser());
    // Mallory allows a client of hers, and sends alice where it would go on.
    let location = allow(&mallory, "D").await;
    let callback = inn.github.approve(&location, "alice").await;
    for _ in 0..2 {
        assert_refused(&alice.get(&callback).await, StatusCode::FORBIDDEN);
        inn.assert_nothing_happened().await;
    }
    // Nor if alice is under way herself.
    let own = allow(&alice, "D").await;
    assert_refused(&alice.get(&callback).await, StatusCode::FORBIDDEN);
    inn.assert_nothing_happened().await;
    assert_eq!(inn.site.saw("callback_refused"), 3);
    // What is alice's still works, and is about alice.
    let callback = inn.github.approve(&own, "alice").await;
    assert!(alice.get(&callback).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn x10_x14_bp_06_a_binding_cookie_that_is_another_cut_or_forged_binds_nothing() {
    let inn = inn(Offer::Alone).await;
    let (alice, other) = (inn.browser(), inn.browser());
    let callback = inn.github.approve(&allow(&alice, "D").await, "alice").await;
    allow(&other, "D").await;
    let name = attempt_cookie(&alice);
    let good = alice.cookie(&name).unwrap();
    let strange = other.cookie(&attempt_cookie(&other)).unwrap();
    let last = if good.ends_with('A') { "B" } else { "A" };
    for value in [
        strange.clone(),
        good[..42].to_owned(),
        format!("{}{last}", &good[..42]),
        format!("{good}A"),
        "A".repeat(43),
        String::new(),
        format!("{good}; {name}={good}"),
    ] {
        let thief = inn.browser();
        let cookie = (name.clone(), value.clone());
        thief.cookies.borrow_mut().extend([cookie]);
        assert_refused(&thief.get(&callback).await, StatusCode::FORBIDDEN);
        inn.assert_nothing_happened().await;
    }
    // Under the name of another attempt it is worth nothing either.
    let thief = inn.browser();
    let renamed = (attempt_cookie(&other), good);
    thief.cookies.borrow_mut().extend([renamed]);
    assert_refused(&thief.get(&callback).await, StatusCode::FORBIDDEN);
    inn.assert_nothing_happened().await;
    assert!(alice.get(&callback).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn x15_bp_11_the_cookie_is_a_host_cookie_and_set_after_consent_alone() {
    let inn = inn(Offer::WithAccounts).await;
    let browser = inn.browser();
    let login = browser.authorize("D", &[]).await;
    let (token, transaction) = (
        hidden(&login, "forgery_token"),
        hidden(&login, "transaction"),
    );
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", &transaction),
        ("provider", "github"),
    ];
    let consent = browser.post("/login/with", &fields).await;
    assert!(consent.body.contains("value=\"allow\""), "{consent:?}");
    assert_eq!(
        browser.cookies.borrow().keys().collect::<Vec<_>>(),
        [BROWSER]
    );
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
    let seen = browser.decide(&consent, "deny", &[]).await;
    assert_eq!(seen.header("set-cookie"), None);
    let page = browser.authorize("D", &[]).await;
    let token = hidden(&page, "forgery_token");
    let transaction = hidden(&page, "transaction");
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", &transaction),
        ("provider", "github"),
    ];
    let consent = browser.post("/login/with", &fields).await;
    let seen = browser.decide(&consent, "allow", &[]).await;
    let lines: Vec<_> = seen.headers.get_all("set-cookie").iter().collect();
    assert_eq!(lines.len(), 1);
    let line = lines[0].to_str().unwrap();
    let (pair, attributes) = line.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
    );
    let (name, value) = pair.split_once('=').unwrap();
    assert!(name.starts_with("__Host-countersign-attempt-"), "{name}");
    assert_eq!(name.len(), "__Host-countersign-attempt-".len() + 8);
    // It says nothing of what it belongs to, and the address nothing of it.
    let state = parameter(&location_of(&seen), "state").unwrap();
    assert_eq!((value.len(), state.len()), (43, 43));
    assert!(!location_of(&seen).contains(value) && value != state);
}

#[tokio::test]
async fn x19_an_answer_that_was_made_for_somebody_else_logs_nobody_in() {
    let inn = inn(Offer::Alone).await;
    let (mallory, victim) = (inn.browser(), inn.browser());
    // Mallory's own login: in the victim's browser, everything the victim then does
    // would be hers to see.
    let page = mallory.get("/login").await;
    let token = hidden(&page, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    let location = location_of(&mallory.post("/login/with", &fields).await);
    let for_account = inn.github.approve(&location, "mallory").await;
    let for_client = inn
        .github
        .approve(&allow(&mallory, "D").await, "mallory")
        .await;
    for callback in [for_account, for_client] {
        assert_refused(&victim.get(&callback).await, StatusCode::FORBIDDEN);
        assert_eq!(victim.cookie(SESSION), None);
        let with_own_state = allow(&victim, "D").await;
        let own = parameter(&with_own_state, "state").unwrap();
        // The victim's state with mallory's code: PKCE makes it worthless.
        let mixed = with_parameter(&callback, "state", Some(&own));
        let seen = victim.get(&mixed).await;
        assert_eq!(seen.header("location"), None, "{seen:?}");
        assert!(seen.status.is_server_error(), "{seen:?}");
        assert_eq!(victim.cookie(SESSION), None);
    }
    for kind in [Kind::Account, Kind::Grant, Kind::UpstreamTokens] {
        assert_eq!(inn.count(kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn bp_08_bp_10_a_state_is_drawn_after_each_consent_and_used_once() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let mut states = Vec::new();
    for _ in 0..20 {
        let page = browser.authorize("D", &[]).await;
        assert_eq!(
            inn.count(Kind::UpstreamAttempt).await as usize,
            states.len()
        );
        let location = location_of(&browser.decide(&page, "allow", &[]).await);
        let state = parameter(&location, "state").unwrap();
        assert!(!states.contains(&state) && !page.body.contains(&state));
        states.push(state);
    }
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    browser.get(&callback).await.redirect();
    inn.github.forget_requests();
    // Until then the same browser is told the same (`again.rs`).
    inn.site.clock.advance(Lifetime::from_secs(5));
    let jar = browser.cookies.borrow().clone();
    for _ in 0..2 {
        assert_refused(&browser.get(&callback).await, StatusCode::BAD_REQUEST);
        *browser.cookies.borrow_mut() = jar.clone();
    }
    assert!(inn.github.requests().is_empty());
    assert_eq!(inn.count(Kind::Grant).await, 1);
}

#[tokio::test]
async fn bp_10_a_login_has_to_be_finished_within_ten_minutes() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let late = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    let good = inn
        .github
        .approve(&allow(&browser, "C1").await, "alice")
        .await;
    inn.site.clock.advance(Lifetime::from_secs(599));
    // GitHub gives its codes ten minutes as well.
    assert!(browser.get(&good).await.redirect().contains_key("code"));
    inn.site.clock.advance(Lifetime::from_secs(1));
    let seen = browser.get(&late).await;
    assert_refused(&seen, StatusCode::BAD_REQUEST);
    assert_eq!(inn.count(Kind::Grant).await, 1);
}

#[tokio::test]
async fn x26_no_address_shows_the_result_again_in_whatever_browser() {
    let inn = inn(Offer::Alone).await;
    let (alice, stranger) = (inn.browser(), inn.browser());
    let page = alice.authorize("D", &[]).await;
    let location = location_of(&alice.decide(&page, "allow", &[]).await);
    let state = parameter(&location, "state").unwrap();
    let callback = inn.github.approve(&location, "alice").await;
    let code = alice.get(&callback).await.redirect()["code"].clone();
    let transaction = hidden(&page, "transaction");
    inn.site.clock.advance(Lifetime::from_secs(5));
    for browser in [&stranger, &alice] {
        for target in [
            callback.clone(),
            format!("{ISSUER}/callback/github?state={state}"),
            format!("/login/with?transaction={transaction}"),
            format!("/consent?transaction={transaction}&provider=github"),
            format!("/account?state={state}"),
        ] {
            let seen = browser.get(&target).await;
            let location = seen.header("location").unwrap_or_default();
            assert!(!seen.body.contains(&code) && !location.contains("code="));
        }
        let seen = browser.decide(&page, "allow", &[]).await;
        assert!(seen.status.is_client_error(), "{seen:?}");
    }
    assert_eq!(inn.count(Kind::AuthorizationCode).await, 1);
}

#[tokio::test]
async fn x17_x24_allow_pressed_twice_makes_one_attempt_and_leads_to_the_same_address() {
    let inn = inn(Offer::Alone).await;
    let (browser, stranger) = (inn.browser(), inn.browser());
    let page = browser.authorize("D", &[]).await;
    let (one, two) = tokio::join!(
        browser.decide(&page, "allow", &[]),
        browser.decide(&page, "allow", &[])
    );
    assert_eq!(location_of(&one), location_of(&two));
    assert_eq!(one.header("set-cookie"), two.header("set-cookie"));
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 1);
    // Another decision is not told where the first one led, and another browser nothing.
    assert_refused(
        &browser.decide(&page, "deny", &[]).await,
        StatusCode::BAD_REQUEST,
    );
    stranger.authorize("D", &[]).await;
    assert_refused(
        &stranger.decide(&page, "allow", &[]).await,
        StatusCode::FORBIDDEN,
    );
    let callback = inn.github.approve(&location_of(&one), "alice").await;
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
    // Nobody is led to a login that is over.
    assert_refused(
        &browser.decide(&page, "allow", &[]).await,
        StatusCode::BAD_REQUEST,
    );
    inn.site.clock.advance(Lifetime::from_secs(5));
    assert_refused(
        &browser.decide(&page, "allow", &[]).await,
        StatusCode::BAD_REQUEST,
    );
    assert_eq!(inn.count(Kind::Grant).await, 1);
}

#[tokio::test]
async fn a_browser_has_eight_logins_under_way_at_most() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    for _ in 0..12 {
        allow(&browser, "D").await;
        let cookies = browser.cookies.borrow();
        let under_way = cookies.keys().filter(|name| name.contains("-attempt-"));
        assert!(under_way.count() <= 8);
    }
    // The last one is never the one that had to make room.
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
}
