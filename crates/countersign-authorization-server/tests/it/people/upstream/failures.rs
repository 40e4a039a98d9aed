//! Providers that are down, or answer something that is no answer: rows X23, X30, C34.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::upstream::UpstreamBuilder;
use countersign_resource_server::fetch::Fetcher;
use http::StatusCode;
use serde_json::json;
use testkit::ScriptedAnswer;
use testkit::provider::{Breakage, Endpoint, Misbehaviour};

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::{ISSUER, Seen};

/// A page that asks again, and that a person can use.
fn assert_asks_again(seen: &Seen, status: StatusCode) {
    assert_eq!(seen.status, status, "{seen:?}");
    assert_eq!(seen.header("location"), None, "{seen:?}");
    assert!(seen.body.contains("role=\"alert\""), "{}", seen.body);
    assert!(seen.body.contains("value=\"allow\""), "{}", seen.body);
    let waits = seen.header("retry-after").is_some();
    assert_eq!(waits, status == StatusCode::SERVICE_UNAVAILABLE);
}

async fn assert_nothing_granted(inn: &Inn) {
    for kind in [
        Kind::Account,
        Kind::Grant,
        Kind::UpstreamTokens,
        Kind::AuthorizationCode,
        Kind::BrowserSession,
    ] {
        assert_eq!(inn.count(kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn x30_a_token_endpoint_that_gives_no_tokens_is_a_page_with_a_way_to_try_again() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let member = |name, value| Misbehaviour::Member(Endpoint::Token, name, value);
    let broken = [
        Breakage::Redirect("http://127.0.0.1:1/".to_owned()),
        Breakage::Html,
        Breakage::TenMebibytes,
        Breakage::Endless,
        Breakage::Cut,
        Breakage::NotJson,
        Breakage::NotAnObject,
        Breakage::Empty,
        Breakage::Status(500),
        Breakage::Status(503),
    ];
    let wrong = [
        member("access_token", None),
        member("access_token", Some(json!(""))),
        member("expires_in", Some(json!(-1))),
        member("token_type", Some(json!("mac"))),
    ];
    let mut page = browser.authorize("D", &[]).await;
    for breakage in broken {
        inn.github.break_endpoint(Endpoint::Token, breakage.clone());
        let location = location_of(&browser.decide(&page, "allow", &[]).await);
        let callback = inn.github.approve(&location, "alice").await;
        page = browser.get(&callback).await;
        let status = page.status;
        assert!(
            matches!(status.as_u16(), 502 | 503),
            "{breakage:?} {page:?}"
        );
        assert_asks_again(&page, status);
        assert_nothing_granted(&inn).await;
    }
    inn.github.repair_all();
    for misbehaviour in wrong {
        inn.github.misbehave(misbehaviour.clone());
        let location = location_of(&browser.decide(&page, "allow", &[]).await);
        let callback = inn.github.approve(&location, "alice").await;
        page = browser.get(&callback).await;
        assert_asks_again(&page, StatusCode::BAD_GATEWAY);
        assert_nothing_granted(&inn).await;
        inn.github.behave();
    }
    // It heals, and the person only presses the button again.
    let location = location_of(&browser.decide(&page, "allow", &[]).await);
    let callback = inn.github.approve(&location, "alice").await;
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
    assert_eq!(inn.site.saw("upstream_failed"), 14);
}

#[tokio::test]
async fn x30_a_token_endpoint_that_hangs_is_given_up() {
    let impatient = Fetcher::builder()
        .danger_allow_loopback()
        .timeout(Lifetime::from_secs(1))
        .build()
        .unwrap();
    let rules = |builder: UpstreamBuilder| builder.allow_everyone().fetcher(impatient);
    let inn = inn_with(settings_at(ISSUER), Offer::Alone, rules, |it| it).await;
    let browser = inn.browser();
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    inn.github.break_endpoint(Endpoint::Token, Breakage::Hang);
    let seen = browser.get(&callback).await;
    assert_asks_again(&seen, StatusCode::SERVICE_UNAVAILABLE);
    assert_nothing_granted(&inn).await;
}

#[tokio::test]
async fn a_provider_that_is_down_before_the_login_uses_nothing_up() {
    let mut inn = inn(Offer::Providers).await;
    inn.oidc
        .break_endpoint(Endpoint::Discovery, Breakage::Status(503));
    let browser = inn.site.browser();
    let page = browser.authorize("D", &[]).await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", &transaction),
        ("provider", "oidc"),
    ];
    let consent = browser.post("/login/with", &fields).await;
    let seen = browser.decide(&consent, "allow", &["write"]).await;
    assert_asks_again(&seen, StatusCode::SERVICE_UNAVAILABLE);
    assert!(seen.body.contains("does not answer at the moment"));
    // The same request still waits, under the same secret.
    assert_eq!(hidden(&seen, "transaction"), transaction);
    assert_eq!(seen.header("set-cookie"), None);
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
    // For the account page too.
    let login = browser.get("/login").await;
    let token = hidden(&login, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "oidc")];
    let shown = browser.post("/login/with", &fields).await;
    assert_eq!(shown.status, StatusCode::SERVICE_UNAVAILABLE, "{shown:?}");
    assert!(shown.body.contains("/login/with"), "{}", shown.body);

    inn.oidc.repair_all();
    inn.site.clock.advance(Lifetime::from_mins(1));
    let location = location_of(&browser.decide(&seen, "allow", &[]).await);
    let callback = inn.oidc.approve(&location, "alice").await;
    drop(browser);
    let browser = inn.site.browser();
    assert_refused(&browser.get(&callback).await, StatusCode::FORBIDDEN);
    inn.oidc.stop().await;
}

#[tokio::test]
async fn x23_a_person_who_is_not_proven_is_nobody() {
    let inn = inn(Offer::Providers).await;
    for wrong in [
        Misbehaviour::WrongNonce,
        Misbehaviour::NoNonce,
        Misbehaviour::WrongAudience,
        Misbehaviour::WrongAuthorizedParty,
        Misbehaviour::WrongIssuer,
        Misbehaviour::Unsigned,
        Misbehaviour::StrangersKey,
        Misbehaviour::SignedWithClientSecret,
        Misbehaviour::Expired,
    ] {
        let browser = inn.browser();
        let page = browser.authorize("D", &[]).await;
        let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", &transaction),
            ("provider", "oidc"),
        ];
        let page = browser.post("/login/with", &fields).await;
        let location = location_of(&browser.decide(&page, "allow", &[]).await);
        inn.oidc.misbehave(wrong.clone());
        let callback = inn.oidc.approve(&location, "alice").await;
        let seen = browser.get(&callback).await;
        inn.oidc.behave();
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{wrong:?} {seen:?}");
        assert_eq!(seen.header("location"), None);
        assert!(
            seen.body.contains("It is not certain who you are"),
            "{wrong:?}"
        );
        assert_nothing_granted(&inn).await;
    }
    assert_eq!(inn.site.saw("upstream_refused"), 9);
}

#[tokio::test]
async fn x30_a_person_is_told_how_long_a_provider_wants_to_be_left_alone() {
    for (seconds, words) in [
        ("3", "Wait a moment and"),
        ("75", "Wait 75 seconds and"),
        ("240", "Wait 4 minutes and"),
    ] {
        let inn = inn(Offer::Alone).await;
        let browser = inn.browser();
        let told = ScriptedAnswer::status(429).header("retry-after", seconds);
        inn.github
            .break_endpoint(Endpoint::Token, Breakage::Answer(told));
        for _ in 0..2 {
            let page = browser.authorize("D", &[]).await;
            let location = location_of(&browser.decide(&page, "allow", &[]).await);
            let callback = inn.github.approve(&location, "alice").await;
            let seen = browser.get(&callback).await;
            assert_asks_again(&seen, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(seen.header("retry-after"), Some(seconds));
            assert!(seen.body.contains(words), "{words}: {}", seen.body);
        }
        let asked = inn.github.requests_to(Endpoint::Token);
        assert_eq!(asked.len(), 1, "it was asked although it said when to");
    }
}

#[tokio::test]
async fn x30_an_account_page_that_cannot_be_reached_offers_the_login_again() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let login = browser.get("/login").await;
    let token = hidden(&login, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    for (breakage, status) in [
        (Some(Breakage::Status(503)), StatusCode::SERVICE_UNAVAILABLE),
        (Some(Breakage::Html), StatusCode::BAD_GATEWAY),
        (None, StatusCode::FORBIDDEN),
    ] {
        let location = location_of(&browser.post("/login/with", &fields).await);
        let callback = match breakage {
            Some(breakage) => {
                inn.github.break_endpoint(Endpoint::Token, breakage);
                inn.github.approve(&location, "alice").await
            }
            None => inn.github.refuse(&location).await,
        };
        let seen = browser.get(&callback).await;
        inn.github.repair_all();
        assert_eq!(seen.status, status, "{seen:?}");
        assert!(seen.body.contains("role=\"alert\""), "{}", seen.body);
        assert!(seen.body.contains("Continue with GitHub"), "{}", seen.body);
        assert_nothing_granted(&inn).await;
    }
}
