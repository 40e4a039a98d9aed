//! A browser that comes back from a provider twice with the same: somebody pressed twice,
//! or loaded the page again.

use std::time::Duration;

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Kind;
use http::StatusCode;
use testkit::provider::{Breakage, Endpoint};

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::{CALLBACK, ISSUER, VERIFIER, tokens_of};

async fn callback(inn: &Inn, browser: &Browser<'_>, client: &str) -> String {
    let location = allow(browser, client).await;
    inn.github.approve(&location, "alice").await
}

fn redemptions(inn: &Inn) -> usize {
    inn.github.requests_to(Endpoint::Token).len()
}

#[tokio::test]
async fn x20_nobody_but_the_same_browser_with_the_same_is_answered_again() {
    let inn = inn(Offer::Alone).await;
    let (alice, stranger, other) = (inn.browser(), inn.browser(), inn.browser());
    let callback = callback(&inn, &alice, "D").await;
    allow(&other, "D").await;
    let name = attempt_cookie(&alice);
    let strange = other.cookie(&attempt_cookie(&other)).unwrap();
    let other_cookie = (name.clone(), strange);
    other.cookies.borrow_mut().extend([other_cookie]);
    let first = alice.get(&callback).await;
    let code = first.redirect()["code"].clone();
    for (browser, target, case) in [
        (&stranger, callback.clone(), "no cookie"),
        (&other, callback.clone(), "another cookie"),
        (
            &alice,
            with_parameter(&callback, "code", Some("another")),
            "another code",
        ),
        (&alice, format!("{callback}&x=y"), "more"),
    ] {
        let seen = browser.get(&target).await;
        assert_refused(&seen, StatusCode::BAD_REQUEST);
        assert!(!seen.body.contains(&code), "{case}");
    }
    let session = alice.cookie(SESSION).unwrap();
    assert_eq!(stranger.cookie(SESSION), None);
    assert_eq!((redemptions(&inn), inn.count(Kind::Grant).await), (1, 1));
    assert_eq!(inn.site.saw("callback_repeated"), 0);
    // And the same browser, as long as it counts.
    inn.site.clock.advance(Lifetime::from_secs(4));
    let again = alice.get(&callback).await;
    assert_eq!(again.redirect(), first.redirect());
    assert_eq!(again.body, first.body);
    assert_eq!(alice.cookie(SESSION), Some(session));
    assert_eq!(inn.site.saw("callback_repeated"), 1);
    inn.site.clock.advance(Lifetime::from_secs(1));
    assert_refused(&alice.get(&callback).await, StatusCode::BAD_REQUEST);
    assert_eq!((redemptions(&inn), inn.count(Kind::Grant).await), (1, 1));
    assert_eq!(inn.count(Kind::BrowserSession).await, 1);
}

#[tokio::test]
async fn a_code_that_the_client_has_redeemed_is_not_handed_over_again() {
    let inn = inn(Offer::Alone).await;
    let alice = inn.browser();
    let callback = callback(&inn, &alice, "C1").await;
    let code = alice.get(&callback).await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", "C1"),
        ("code_verifier", VERIFIER),
    ];
    let (_, refresh) = tokens_of(&alice.post("/token", &fields).await);
    assert_refused(&alice.get(&callback).await, StatusCode::BAD_REQUEST);
    // Nor is that a replay: the grant goes on.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "C1"),
    ];
    tokens_of(&alice.post("/token", &fields).await);
}

#[tokio::test]
async fn the_same_at_the_same_time_is_exchanged_once_and_answered_twice() {
    let inn = inn(Offer::Alone).await;
    let alice = inn.browser();
    for client in ["D", "C1"] {
        inn.github.forget_requests();
        let callback = callback(&inn, &alice, client).await;
        let (one, two) = tokio::join!(alice.get(&callback), alice.get(&callback));
        assert_eq!(one.redirect()["code"], two.redirect()["code"]);
        assert_eq!(redemptions(&inn), 1);
    }
    assert_eq!(inn.count(Kind::Grant).await, 2);
}

#[tokio::test]
async fn who_gives_up_the_first_request_gets_its_answer_with_the_second() {
    let inn = inn(Offer::Alone).await;
    let alice = inn.browser();
    let callback = callback(&inn, &alice, "D").await;
    let given_up = tokio::time::timeout(Duration::ZERO, alice.get(&callback)).await;
    assert!(given_up.is_err(), "it was answered at once");
    let seen = alice.get(&callback).await;
    assert!(seen.redirect().contains_key("code"), "{seen:?}");
    assert!(alice.cookie(SESSION).is_some());
    assert_eq!((redemptions(&inn), inn.count(Kind::Grant).await), (1, 1));
}

#[tokio::test]
async fn it_is_the_same_answer_in_another_process_and_whatever_it_was() {
    let inn = inn(Offer::Alone).await;
    let alice = inn.browser();
    // Refused at the provider.
    let refused = inn.github.refuse(&allow(&alice, "D").await).await;
    // For the account page.
    let page = alice.get("/login").await;
    let token = hidden(&page, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    let location = location_of(&alice.post("/login/with", &fields).await);
    let account = inn.github.approve(&location, "alice").await;
    let allowed = callback(&inn, &alice, "D").await;
    // Another process on the same store.
    let upstream = application(&inn.github, "github").allow_everyone();
    let parts = (inn.site.store.clone(), inn.site.clock.clone());
    let upstream = upstream.build().unwrap();
    let neighbour = site_over(settings_at(ISSUER), parts, |builder| {
        builder.upstream(upstream)
    });
    for callback in [refused, account, allowed] {
        let first = alice.get(&callback).await;
        let here = alice.get(&callback).await;
        let there = neighbour.browser();
        *there.cookies.borrow_mut() = alice.cookies.borrow().clone();
        let there = there.get(&callback).await;
        for again in [here, there] {
            assert_eq!(location_of(&again), location_of(&first));
        }
    }
    assert_eq!(redemptions(&inn), 2);
    assert_eq!(inn.count(Kind::Grant).await, 1);
}

#[tokio::test]
async fn an_answer_that_is_not_there_after_five_seconds_is_not_waited_for() {
    let inn = inn(Offer::Alone).await;
    let alice = inn.browser();
    let callback = callback(&inn, &alice, "D").await;
    inn.github.break_endpoint(Endpoint::Token, Breakage::Hang);
    let given_up = tokio::time::timeout(Duration::ZERO, alice.get(&callback)).await;
    assert!(given_up.is_err(), "it was answered at once");
    inn.site.clock.advance(Lifetime::from_secs(5));
    assert_refused(&alice.get(&callback).await, StatusCode::BAD_REQUEST);
    assert_eq!(inn.count(Kind::Grant).await, 0);
}
