//! What is noted of logins at providers: row H13.

use countersign_authorization_server::oauth::Lifetime;
use http::StatusCode;
use testkit::provider::{Breakage, Endpoint};

use super::fixture::*;
use crate::audit::taken;

/// The names of the events, and that none of them says what must not be known.
fn names(inn: &Inn, secrets: &[&str]) -> Vec<String> {
    let events = taken(&inn.site.events);
    let known = inn.github.client_secret().unwrap();
    for event in &events {
        for secret in secrets.iter().chain(&[known]) {
            assert!(!event.contains(secret), "{event}");
        }
    }
    let name = |event: &String| event.split(['(', ' ']).next().unwrap().to_owned();
    events.iter().map(name).collect()
}

#[tokio::test]
async fn h13_a_login_is_three_events_and_each_refusal_is_one() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    taken(&inn.site.events);
    let location = allow(&browser, "D").await;
    let state = parameter(&location, "state").unwrap();
    let cookie = browser.cookie(&attempt_cookie(&browser)).unwrap();
    assert_eq!(names(&inn, &[&state, &cookie]), ["sent_upstream"]);
    let callback = inn.github.approve(&location, "alice").await;
    let code = parameter(&callback, "code").unwrap();
    let seen = browser.get(&callback).await.redirect();
    let secrets = [state.as_str(), &cookie, &code, &seen["code"]];
    assert_eq!(names(&inn, &secrets), ["code_issued", "logged_in_upstream"]);
    for token in inn.github.access_tokens() {
        assert!(
            !taken(&inn.site.events)
                .iter()
                .any(|event| event.contains(&token))
        );
    }

    let again = browser.get(&callback).await.redirect();
    assert_eq!(again["code"], seen["code"]);
    assert_eq!(names(&inn, &secrets), ["callback_repeated"]);
    inn.site.clock.advance(Lifetime::from_secs(5));
    let seen = browser.get(&callback).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(names(&inn, &secrets), ["callback_refused"]);
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    names(&inn, &[]);
    inn.browser().get(&callback).await;
    assert_eq!(names(&inn, &[]), ["callback_refused"]);
    inn.github.break_endpoint(Endpoint::Token, Breakage::Html);
    browser.get(&callback).await;
    assert_eq!(names(&inn, &[]), ["upstream_failed"]);
    inn.github.repair_all();
    let callback = inn.github.refuse(&allow(&browser, "D").await).await;
    names(&inn, &[]);
    browser.get(&callback).await;
    assert_eq!(names(&inn, &[]), ["upstream_refused"]);
    let forged = [("forgery_token", "A"), ("provider", "github")];
    browser.post("/login/with", &forged).await;
    assert_eq!(names(&inn, &[]), ["form_refused"]);
}
