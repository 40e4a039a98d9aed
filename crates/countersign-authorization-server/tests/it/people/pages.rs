//! What every page has, and what hostile text does to it.

use http::StatusCode;

use super::browser::*;
use crate::fixture::{ISSUER, Seen};

fn assert_protected(seen: &Seen) {
    let policy = seen.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "style-src 'sha256-",
        "form-action '",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert!(!seen.body.contains("<script"), "{}", seen.body);
    assert!(!seen.body.contains("style="), "{}", seen.body);
    assert!(seen.body.contains("<html lang=\"en\">"));
    assert_eq!(seen.body.matches("<h1").count(), 1);
}

#[tokio::test]
async fn x5_h14_as_36_every_page_is_protected() {
    let site = site().await;
    let browser = site.browser();
    let login = browser.get("/login").await;
    let wrong = browser.log_in_on(&login, "alice", "wrong guess").await;
    let consent = browser.consent_page("D").await;
    let account = browser.get("/account").await;
    let forged = browser.post("/consent", &[]).await;
    let over = browser.get("/setup?token=x").await;
    assert_eq!(
        (wrong.status, forged.status, over.status),
        (
            StatusCode::BAD_REQUEST,
            StatusCode::FORBIDDEN,
            StatusCode::GONE
        )
    );
    let refused = browser.get("/authorize?client_id=unknown").await;
    for page in [refused, login, wrong, consent, account, forged, over] {
        assert_protected(&page);
    }
}

#[tokio::test]
async fn x1_x4_hostile_names_are_shown_harmlessly() {
    let site = site().await;
    let long = "A".repeat(10_240);
    let browser = site.browser();
    for (number, name) in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{7*7}}{% raw %}",
        "</title><h1>Free</h1>",
        "Good\u{202e}elpmaxe.live",
        "Go\u{200b}od\u{feff}",
        &long,
        "Сlaude",
        "' autofocus onfocus='x",
    ]
    .iter()
    .enumerate()
    {
        let id = format!("X{number}");
        site.named(&id, name).await;
        let page = browser.consent_page(&id).await;
        assert_protected(&page);
        for bad in [
            "<img",
            "<script",
            "49",
            "Free</h1>",
            "\u{202e}",
            "\u{200b}",
            "\u{feff}",
            "' auto",
        ] {
            let without_style = &page.body[page.body.find("</style>").unwrap()..];
            let token = hidden(&page, "forgery_token");
            let transaction = hidden(&page, "transaction");
            let text = without_style.replace(&token, "").replace(&transaction, "");
            assert!(!text.contains(bad), "{bad} for {name}");
        }
        assert!(page.body.len() < 16 * 1024, "{}", page.body.len());
        assert!(page.body.contains("<bdi>good.example</bdi>"));
    }
}

#[tokio::test]
async fn x4_a_scope_that_nobody_described_is_not_shown_as_harmless() {
    let mut settings = settings_at(ISSUER);
    settings.scopes =
        countersign_authorization_server::oauth::ScopeSet::parse("read write <b>&x").unwrap();
    let site = empty_site(settings).await;
    site.add("alice", PASSWORD).await;
    let browser = site.browser();
    let page = browser.authorize("C1", &[("scope", "read <b>&x")]).await;
    let page = browser.log_in_on(&page, "alice", PASSWORD).await;
    assert!(!page.body.contains("<b>&x"), "{}", page.body);
    assert!(page.body.contains("&#60;b&#62;&#38;x"), "{}", page.body);
    assert!(
        page.body
            .contains("This server does not say what this permits")
    );
}

#[tokio::test]
async fn hostile_names_of_accounts_come_back_escaped() {
    let site = site().await;
    let browser = site.browser();
    let page = browser.get("/login").await;
    let seen = browser
        .log_in_on(&page, "\"><script>alert(1)</script>", "wrong guess")
        .await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(!seen.body.contains("<script"), "{}", seen.body);
    assert!(seen.body.contains("&#60;script&#62;"), "{}", seen.body);
}

#[tokio::test]
async fn x29_links_come_from_the_settings_alone() {
    let site = site().await;
    let browser = site.browser();
    let request = http::Request::get("/account")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let seen = browser.send(request, String::new()).await;
    assert_eq!(
        seen.header("location"),
        Some(format!("{ISSUER}/login").as_str())
    );
    let page = browser.get("/login").await;
    assert!(!page.body.contains("http://") && !page.body.contains("https://"));
}

#[tokio::test]
async fn pages_of_a_server_below_a_path_stay_below_it() {
    for (issuer, prefix, base) in [
        ("https://as.test/tenant", "", "/tenant"),
        ("https://as.test", "/auth", "/auth"),
        ("https://as.test/tenant/", "/auth", "/tenant/auth"),
    ] {
        let mut settings = settings_at(issuer);
        settings.prefix = prefix.to_owned();
        let site = empty_site(settings).await;
        let link = site.people.setup_link().await.unwrap().unwrap();
        let target = link.reveal().strip_prefix("https://as.test").unwrap();
        let browser = site.browser();
        let page = browser.get(target).await;
        let action = format!("action=\"{base}/setup\"");
        assert!(page.body.contains(&action), "{}", page.body);
        let seen = browser.get(&format!("{base}/account")).await;
        let login = format!("https://as.test{base}/login");
        assert_eq!(seen.header("location"), Some(login.as_str()));
        assert_eq!(browser.get("/login").await.status, StatusCode::NOT_FOUND);
        let page = browser.get(&format!("{base}/login")).await;
        let token = hidden(&page, "forgery_token");
        let fields = [("forgery_token", token.as_str()), ("name", "nobody")];
        let headers = [
            ("origin", "https://as.test"),
            ("sec-fetch-site", "same-origin"),
        ];
        let path = format!("{base}/login");
        let seen = browser.post_with(&path, &headers, &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
}
