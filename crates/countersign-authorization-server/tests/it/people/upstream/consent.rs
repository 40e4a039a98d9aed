//! What the consent page says before somebody is sent to a provider: BP-04, BP-05.

use countersign_authorization_server::upstream::UpstreamBuilder;
use http::StatusCode;

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::{CALLBACK, ISSUER, VERIFIER};

#[tokio::test]
async fn bp_04_the_page_names_the_client_its_hosts_the_scopes_and_what_the_provider_is_asked() {
    let rules = |builder: UpstreamBuilder| builder.allow_everyone().scopes(["public_repo"]);
    let inn = inn_with(settings_at(ISSUER), Offer::Alone, rules, |builder| builder).await;
    let browser = inn.browser();
    let page = browser.authorize("D", &[]).await;
    for part in [
        "<bdi>Notes</bdi>",
        "<bdi>good.example</bdi>",
        CALLBACK,
        "<bdi>https://rs.test/mcp</bdi>",
        "Read your notes",
        "name=\"scope\" value=\"write\"",
        "<dt>You log in next at</dt>",
        "<bdi>GitHub</bdi>",
        "<bdi>read:user</bdi>",
        "<bdi>public_repo</bdi>",
        "Nobody has checked that it is what it says",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    // Nobody is logged in, so nobody is named.
    assert!(!page.body.contains("<dt>You are</dt>"), "{}", page.body);
    // There is no other way, so none is offered.
    assert!(!page.body.contains("value=\"switch\""), "{}", page.body);
    // And what it says of the provider is what the provider is asked.
    let location = location_of(&browser.decide(&page, "allow", &[]).await);
    let asked = parameter(&location, "scope").unwrap();
    assert_eq!(asked, "read:user public_repo");
}

#[tokio::test]
async fn as_43_scopes_are_chosen_one_by_one_before_the_provider_is_asked() {
    let inn = inn(Offer::Alone).await;
    for (ticked, granted) in [
        (&[][..], "read"),
        (&["write"], "read write"),
        (&["evil"], "read"),
    ] {
        let browser = inn.browser();
        let page = browser.authorize("D", &[]).await;
        let location = location_of(&browser.decide(&page, "allow", ticked).await);
        let callback = inn.github.approve(&location, "alice").await;
        let code = browser.get(&callback).await.redirect()["code"].clone();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("client_id", "D"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        let seen = browser.post("/token", &fields).await;
        assert_eq!(seen.json()["scope"], granted, "{seen:?}");
    }
}

#[tokio::test]
async fn who_says_no_here_is_never_sent_to_the_provider() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let page = browser.authorize("D", &[]).await;
    let seen = browser.decide(&page, "deny", &[]).await;
    assert_eq!(seen.redirect()["error"], "access_denied");
    // Pressed once more it is the same answer.
    let again = browser.decide(&page, "deny", &[]).await;
    assert_eq!(again.header("location"), seen.header("location"));
    assert!(inn.github.requests().is_empty());
    inn.assert_nothing_happened().await;
    let seen = browser.decide(&page, "switch", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn x5_bp_05_every_page_on_the_way_is_protected_and_leads_only_where_it_says() {
    let inn = inn(Offer::Alone).await;
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
    headers.push(("accept", AS_BROWSERS_ACCEPT));
    let leaving = browser.post_with("/consent", &headers, &fields).await;
    assert_eq!(
        (leaving.status, leaving.header("location")),
        (StatusCode::OK, None)
    );
    let target = leaving.body.split("href=\"").nth(1).unwrap();
    let target = target.split('"').next().unwrap().replace("&#38;", "&");
    assert!(target.starts_with(&inn.github.origin()), "{target}");
    assert_eq!(
        leaving.body.matches(&target.replace('&', "&#38;")).count(),
        2
    );
    let callback = inn.github.approve(&target, "alice").await;
    let back = browser.visit(&callback).await;
    assert_eq!(
        (back.status, back.header("location")),
        (StatusCode::OK, None)
    );
    assert!(back.body.contains("Access allowed"), "{}", back.body);
    let refused = browser.visit(&callback).await;
    for page in [page, leaving, back, refused] {
        let policy = page.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert!(!page.body.contains("<script"), "{}", page.body);
    }
}
