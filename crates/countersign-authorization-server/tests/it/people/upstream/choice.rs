//! Several ways to log in, side by side.

use countersign_authorization_server::store::Kind;
use http::StatusCode;

use super::super::browser::*;
use super::fixture::*;

#[tokio::test]
async fn providers_and_local_accounts_are_offered_side_by_side() {
    let inn = inn(Offer::WithAccounts).await;
    inn.site.add("ada", PASSWORD).await;
    let browser = inn.browser();
    let page = browser.authorize("D", &[]).await;
    assert!(page.body.contains("Continue with GitHub"), "{}", page.body);
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let consent = browser.log_in_on(&page, "ada", PASSWORD).await;
    assert!(consent.body.contains("<dt>You are</dt>"), "{consent:?}");
    // Who is logged in can log in elsewhere instead.
    let again = browser.decide(&consent, "switch", &[]).await;
    let (token, transaction) = (
        hidden(&again, "forgery_token"),
        hidden(&again, "transaction"),
    );
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", &transaction),
        ("provider", "github"),
    ];
    let via = browser.post("/login/with", &fields).await;
    assert!(via.body.contains("<dt>You log in next at</dt>"), "{via:?}");
    // And the other way round.
    let again = browser.decide(&via, "switch", &[]).await;
    assert!(again.body.contains("Continue with GitHub"), "{again:?}");
    let via = browser.post("/login/with", &fields).await;
    let location = location_of(&browser.decide(&via, "allow", &[]).await);
    let callback = inn.github.approve(&location, "alice").await;
    assert!(browser.get(&callback).await.redirect().contains_key("code"));
    let page = browser.get("/account").await;
    assert!(
        page.body.contains("through <bdi>GitHub</bdi>"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn without_local_accounts_there_is_no_way_to_use_one() {
    let inn = inn(Offer::Alone).await;
    inn.site.add("ada", PASSWORD).await;
    let browser = inn.browser();
    let page = browser.get("/login").await;
    assert!(!page.body.contains("name=\"password\""), "{}", page.body);
    let seen = browser.log_in_on(&page, "ada", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{seen:?}");
    for path in ["/setup", "/account/password"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND);
        assert!(!inn.site.server.answers(path), "{path}");
    }
    let link = inn.site.server.people().unwrap().setup_link().await;
    assert!(link.unwrap().is_none());
    assert_eq!(inn.count(Kind::BrowserSession).await, 0);
    let account = inn.site.accounts.with_subject("x").await;
    assert!(account.unwrap().is_none());
}

#[tokio::test]
async fn who_logged_in_with_a_password_is_out_when_that_is_offered_no_more() {
    let offered = inn(Offer::WithAccounts).await;
    offered.site.add("ada", PASSWORD).await;
    let browser = offered.browser();
    browser.log_in("ada").await;
    let jar = browser.cookies.borrow().clone();
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);

    let store = (offered.site.store.clone(), offered.site.clock.clone());
    let upstream = application(&offered.github, "github")
        .allow_everyone()
        .build()
        .unwrap();
    let settings = settings_at(crate::fixture::ISSUER);
    let events = std::sync::Arc::new(crate::fixture::Events::default());
    let sealing = countersign_authorization_server::store::SealingKeys::parse(
        &countersign_authorization_server::store::SealingKeys::text_of([7; 32]),
    )
    .unwrap();
    let server = countersign_authorization_server::AuthorizationServer::with_settings(settings)
        .storage(countersign_authorization_server::Storage::new(
            store.0.clone(),
            sealing,
        ))
        .clock(std::sync::Arc::new(store.1))
        .audit(events.clone())
        .upstream(upstream)
        .build()
        .unwrap();
    let site = Site {
        server,
        accounts: offered.site.accounts.clone(),
        people: offered.site.people.clone(),
        store: store.0,
        clock: offered.site.clock.clone(),
        events,
    };
    let later = site.browser();
    *later.cookies.borrow_mut() = jar;
    let seen = later.get("/account").await;
    assert_eq!(seen.header("location"), Some("https://as.test/login"));
    let page = later.authorize("D", &[]).await;
    assert!(
        page.body.contains("name=\"provider\" value=\"github\""),
        "{page:?}"
    );
}

#[tokio::test]
async fn x6_x7_a_choice_that_this_page_did_not_send_is_refused() {
    let inn = inn(Offer::Providers).await;
    let (browser, other) = (inn.browser(), inn.browser());
    let page = browser.authorize("D", &[]).await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("provider", "github"),
    ];
    other.authorize("D", &[]).await;
    let seen = other.post("/login/with", &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
    let strange = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let seen = browser.post_with("/login/with", &strange, &fields).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
    // The token is for this request alone.
    let seen = browser.post("/login/with", &[fields[0], fields[2]]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
    for provider in ["", "evil", "GitHub", "../github"] {
        let fields = [fields[0], fields[1], ("provider", provider)];
        let seen = browser.post("/login/with", &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{provider}");
    }
    // A consent page for one provider is none for the other.
    let consent = browser.post("/login/with", &fields).await;
    let (token, transaction) = (
        hidden(&consent, "forgery_token"),
        hidden(&consent, "transaction"),
    );
    for provider in ["oidc", "evil"] {
        let fields = [
            ("forgery_token", token.as_str()),
            ("transaction", transaction.as_str()),
            ("provider", provider),
            ("decision", "allow"),
        ];
        let seen = browser.post("/consent", &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{provider} {seen:?}");
    }
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
    assert_eq!(
        browser.get("/login/with").await.header("location"),
        Some("https://as.test/login")
    );
}

#[tokio::test]
async fn x13_a_request_that_was_answered_cannot_be_chosen_for() {
    let inn = inn(Offer::Providers).await;
    let browser = inn.browser();
    let page = browser.authorize("D", &[]).await;
    let (token, transaction) = (hidden(&page, "forgery_token"), hidden(&page, "transaction"));
    let fields = [
        ("forgery_token", token.as_str()),
        ("transaction", transaction.as_str()),
        ("provider", "github"),
    ];
    let consent = browser.post("/login/with", &fields).await;
    browser.decide(&consent, "deny", &[]).await.redirect();
    let seen = browser.post("/login/with", &fields).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
}

#[tokio::test]
async fn g14_logins_for_the_account_page_are_counted() {
    let mut settings = settings_at(crate::fixture::ISSUER);
    settings.budgets.authorizations = 3;
    let rules = countersign_authorization_server::upstream::UpstreamBuilder::allow_everyone;
    let inn = inn_with(settings, Offer::Alone, rules, |builder| builder).await;
    let browser = inn.browser();
    let page = browser.get("/login").await;
    let token = hidden(&page, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    for _ in 0..3 {
        location_of(&browser.post("/login/with", &fields).await);
    }
    let seen = browser.post("/login/with", &fields).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{seen:?}");
    assert!(seen.header("retry-after").is_some());
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 3);
}
