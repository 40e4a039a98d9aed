//! What comes back from a provider, or from somebody who pretends to: rows X18, X20,
//! X21, X29.

use countersign_authorization_server::oauth::redirect_uri::RedirectUri;
use countersign_authorization_server::oauth::{
    ClientId, Lifetime, client_metadata::ClientMetadata,
};
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::upstream::UpstreamBuilder;
use http::{Request, StatusCode};
use testkit::provider::{Endpoint, Misbehaviour};

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::facts;

const MARKUP: &str = "<script>alert(1)</script><h1>Free</h1>";

#[tokio::test]
async fn x20_an_answer_that_is_none_is_a_page_and_uses_nothing_up() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    let state = parameter(&callback, "state").unwrap();
    let escaped = format!("{}&error_description={MARKUP}", "error=x");
    let markup = [
        ("error", MARKUP),
        ("error_description", MARKUP),
        ("state", MARKUP),
    ];
    for (case, target) in [
        ("state missing", with_parameter(&callback, "state", None)),
        ("state empty", with_parameter(&callback, "state", Some(""))),
        (
            "state unknown",
            with_parameter(&callback, "state", Some(&"A".repeat(43))),
        ),
        (
            "state cut",
            with_parameter(&callback, "state", Some(&state[..42])),
        ),
        ("state doubled", format!("{callback}&state={state}")),
        (
            "state doubled, the other empty",
            format!("{callback}&state="),
        ),
        ("code missing", with_parameter(&callback, "code", None)),
        ("code empty", with_parameter(&callback, "code", Some(""))),
        ("code doubled", format!("{callback}&code=other")),
        ("code and error", format!("{callback}&error=access_denied")),
        ("another one doubled", format!("{callback}&iss=a&iss=b")),
        ("no text", format!("{callback}&x=%FF%FE")),
        ("nothing", "/callback/github".to_owned()),
        (
            "markup",
            format!("/callback/github?{}", crate::fixture::form(&markup)),
        ),
        (
            "markup without a state",
            format!("/callback/github?{}", crate::fixture::form(&markup[..2])),
        ),
        ("long", format!("{callback}&x={}", "a".repeat(8_000))),
    ] {
        let seen = browser.get(&target).await;
        if case != "long" {
            assert_refused(&seen, StatusCode::BAD_REQUEST);
            inn.assert_nothing_happened().await;
        }
        assert!(
            !seen.body.contains("<script>") && !seen.body.contains("Free"),
            "{case}"
        );
        assert!(!seen.body.contains(&escaped), "{case}");
        if case == "long" {
            // An unknown parameter is ignored (RFC 6749 §4.1.2).
            assert!(seen.redirect().contains_key("code"), "{case}");
        }
    }
    assert_eq!(inn.site.saw("callback_refused"), 15);
}

#[tokio::test]
async fn x20_only_a_get_comes_back_from_a_provider() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    for request in [
        Request::post(&callback),
        Request::put(&callback),
        Request::head(&callback),
        Request::options(&callback),
    ] {
        let seen = browser.send(request, String::new()).await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{seen:?}");
        assert_eq!(seen.header("allow"), Some("GET"));
    }
    inn.assert_nothing_happened().await;
    for path in [
        "/callback/oidc",
        "/callback/",
        "/callback",
        "/callback/github/",
    ] {
        let seen = browser.get(path).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn x21_an_answer_at_the_address_of_another_provider_is_refused_before_anything_is_sent() {
    let inn = inn(Offer::Providers).await;
    let browser = inn.browser();
    let mut callbacks = Vec::new();
    for (name, provider) in [("github", &inn.github), ("oidc", &inn.oidc)] {
        let location = choose(&browser, "D", name).await;
        callbacks.push(provider.approve(&location, "alice").await);
    }
    inn.github.forget_requests();
    inn.oidc.forget_requests();
    for (callback, from, to) in [
        (&callbacks[0], "github", "oidc"),
        (&callbacks[1], "oidc", "github"),
    ] {
        let swapped = callback.replace(&format!("/callback/{from}"), &format!("/callback/{to}"));
        assert_refused(&browser.get(&swapped).await, StatusCode::FORBIDDEN);
    }
    // The right address, and the answer of somebody else.
    let strange = with_parameter(&callbacks[1], "iss", Some("https://evil.example"));
    assert_refused(&browser.get(&strange).await, StatusCode::FORBIDDEN);
    let of_github = with_parameter(&callbacks[1], "iss", Some(&inn.github.origin()));
    assert_refused(&browser.get(&of_github).await, StatusCode::FORBIDDEN);
    inn.assert_nothing_happened().await;
    assert!(inn.oidc.requests_to(Endpoint::Token).is_empty());
    assert_eq!(inn.site.saw("callback_refused"), 4);
    for callback in &callbacks {
        assert!(browser.get(callback).await.redirect().contains_key("code"));
    }
}

/// Goes on at the provider `name`, and allows `client` something.
async fn choose(browser: &Browser<'_>, client: &str, name: &str) -> String {
    let mut page = browser.authorize(client, &[]).await;
    if page.body.contains("/login/with") {
        let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", &transaction),
            ("provider", name),
        ];
        page = browser.post("/login/with", &fields).await;
    }
    location_of(&browser.decide(&page, "allow", &[]).await)
}

#[tokio::test]
async fn x18_who_says_no_at_the_provider_gives_nothing_and_the_client_is_told() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let callback = inn.github.refuse(&allow(&browser, "D").await).await;
    let seen = browser.get(&callback).await;
    let told = seen.redirect();
    assert_eq!(told["error"], "access_denied");
    assert_eq!(told["state"], "s");
    assert!(!told.contains_key("code"));
    inn.assert_nothing_happened().await;
    assert_eq!(inn.site.saw("upstream_refused"), 1);
    inn.site.clock.advance(Lifetime::from_secs(5));
    assert_refused(&browser.get(&callback).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn x18_an_address_that_a_client_has_no_more_is_not_answered() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let denied = inn.github.refuse(&allow(&browser, "C1").await).await;
    let allowed = inn
        .github
        .approve(&allow(&browser, "C1").await, "alice")
        .await;
    let other = RedirectUri::parse("https://good.example/other").unwrap();
    let id = ClientId::parse("C1").unwrap();
    let changed = facts(ClientMetadata::public(vec![other]));
    inn.site.server.replace_client(&id, &changed).await.unwrap();
    for callback in [denied, allowed] {
        let seen = browser.get(&callback).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
        assert_eq!(seen.header("location"), None);
    }
    assert_eq!(inn.count(Kind::Grant).await, 0);
    // What GitHub issued is of no use to anybody, and was given back.
    for token in inn.github.access_tokens() {
        assert!(!inn.github.is_live(&token));
    }
}

#[tokio::test]
async fn x20_what_a_provider_says_about_an_error_is_shown_as_text() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    inn.github.misbehave(Misbehaviour::AuthorizationError(
        "application_suspended",
        Some(MARKUP),
    ));
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    let seen = browser.get(&callback).await;
    assert_eq!(seen.status, StatusCode::BAD_GATEWAY, "{seen:?}");
    assert!(!seen.body.contains("<script>") && !seen.body.contains("<h1>Free"));
    assert!(
        seen.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        seen.body
    );
    assert!(seen.body.contains("GitHub did not log you in"));
    assert!(seen.body.contains("value=\"allow\""));
    inn.assert_nothing_happened().await;
    // A code of an error that is nobody's, in the log.
    inn.github.behave();
    inn.github
        .misbehave(Misbehaviour::AuthorizationError(MARKUP, None));
    let location = location_of(&browser.decide(&seen, "allow", &[]).await);
    let callback = inn.github.approve(&location, "alice").await;
    let seen = browser.get(&callback).await;
    assert!(!seen.body.contains("alert(1)"), "{}", seen.body);
    // And the next try succeeds.
    inn.github.behave();
    let location = location_of(&browser.decide(&seen, "allow", &[]).await);
    let callback = inn.github.approve(&location, "alice").await;
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
}

#[tokio::test]
async fn x29_where_people_come_back_to_is_configured_and_not_asked_for() {
    let inn = inn(Offer::Alone).await;
    let hostile = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
    ];
    for (name, value) in hostile {
        let browser = inn.browser();
        let page = browser.authorize("D", &[]).await;
        let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", &transaction),
            ("provider", "github"),
            ("decision", "allow"),
        ];
        let mut headers = OWN_FORM.to_vec();
        headers.push((name, value));
        let seen = browser.post_with("/consent", &headers, &fields).await;
        let location = location_of(&seen);
        let address = parameter(&location, "redirect_uri").unwrap();
        assert_eq!(address, "https://as.test/callback/github", "{name}");
        let callback = inn.github.approve(&location, "alice").await;
        let request = Request::get(&callback).header(name, value);
        let seen = browser.send(request, String::new()).await;
        assert!(seen.redirect().contains_key("code"));
        assert!(!seen.body.contains("evil.example"));
    }
    let address = inn.site.server.callback_address("github");
    assert_eq!(address.as_deref(), Some("https://as.test/callback/github"));
    assert_eq!(inn.site.server.callback_address("oidc"), None);
}

#[tokio::test]
async fn p25_below_a_path_and_a_prefix_people_come_back_below_them() {
    let issuer = "https://as.test/tenant";
    let mut settings = settings_at(issuer);
    settings.prefix = "/auth".to_owned();
    let rules = UpstreamBuilder::allow_everyone;
    let inn = inn_with(settings, Offer::Alone, rules, |it| it).await;
    let address = inn.site.server.callback_address("github").unwrap();
    assert_eq!(address, "https://as.test/tenant/auth/callback/github");
    inn.github.register_redirect_uri(&address);
    let browser = inn.browser();
    let page = browser.get("/tenant/auth/login").await;
    let token = hidden(&page, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    let seen = browser.post("/tenant/auth/login/with", &fields).await;
    let callback = inn.github.approve(&location_of(&seen), "alice").await;
    assert!(callback.starts_with(&address), "{callback}");
    let elsewhere = callback.replace("/tenant/auth/callback", "/callback");
    let seen = browser.get(&elsewhere).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND, "{seen:?}");
    let seen = browser.get(&callback).await;
    let account = "https://as.test/tenant/auth/account";
    assert_eq!(seen.header("location"), Some(account));
}
