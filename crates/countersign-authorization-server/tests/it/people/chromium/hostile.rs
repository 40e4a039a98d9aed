//! Texts that strangers choose, in a browser.

use countersign_authorization_server::oauth::{ResourceUri, ScopeSet};
use countersign_authorization_server::{People, Settings};
use testkit::webdriver::Driver;

use super::super::browser::PASSWORD;
use super::look::look;
use super::{DESKTOP, NARROW, PHONE, running, running_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_x4_hostile_text_breaks_no_page_in_a_browser() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let names = [
        "\"><img src=x onerror=document.title='owned'><script>document.title='owned'</script>",
        &"W".repeat(10_240),
        "Claude \u{202e}moc.live\u{2066}",
        &"👩‍💻🏳️‍🌈".repeat(80),
        &"a long name of many words ".repeat(12),
        "مُحرِّر الملاحظات \u{202b} (verified)",
        &"Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}\u{33d}".repeat(20),
    ];
    for (number, name) in names.iter().enumerate() {
        let id = format!("X{number}");
        at.site.named_at(&id, name, "http://127.0.0.1/cb").await;
    }
    for screen in [NARROW, DESKTOP] {
        let window = driver.open(screen).await;
        window.go(&at.request("X1")).await;
        look(&window, screen, "login-hostile").await;
        at.log_in(&window).await;
        for number in 0..names.len() {
            window.go(&at.request(&format!("X{number}"))).await;
            look(&window, screen, &format!("hostile-{number}")).await;
            let title = window.title().await;
            assert!(title.starts_with("Allow access?"), "{title}");
            window.press("button[value=allow]").await;
            window.arrives("/cb?").await;
        }
        window.go(&format!("{}/account", at.issuer)).await;
        look(&window, screen, "account-hostile").await;
        assert!(window.title().await.starts_with("Your account"));
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x4_long_words_scopes_and_addresses_stay_on_the_screen() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let long = "scope".repeat(40);
    let mut scopes: Vec<String> = (0..30).map(|number| format!("files:{number}")).collect();
    scopes.push(long.clone());
    let all = ScopeSet::from_names(scopes.iter().map(String::as_str)).unwrap();
    let change = |settings: &mut Settings| {
        settings.offer(all.clone());
        settings.default_scopes = settings.scopes.clone();
        settings.service_name = Some("Donaudampfschifffahrtsgesellschaft".repeat(4));
        let resource = format!("https://{}.example/{}", "r".repeat(60), "mcp".repeat(60));
        settings.resources = vec![ResourceUri::parse(&resource).unwrap()];
    };
    let write = |people: People| {
        people
            .introduction("Read this before you decide. ".repeat(12))
            .optional_scope(long.clone(), "Everything".repeat(20))
    };
    let at = running_with(change, write).await;
    at.site.add(&"a".repeat(64), PASSWORD).await;
    at.site.add("alice", PASSWORD).await;
    let app = format!("com.{}:/{}", "example.".repeat(12), "callback/".repeat(80));
    let web = format!(
        "https://{}.example:8443/{}",
        "host.".repeat(40),
        "c".repeat(600)
    );
    at.site.named_at("app", "An app", &app).await;
    at.site.named_at("web", "A site", &web).await;
    for screen in [NARROW, PHONE, DESKTOP] {
        let window = driver.open(screen).await;
        window.go(&format!("{}/login", at.issuer)).await;
        look(&window, screen, "login-long").await;
        window.fill("#name", &"a".repeat(64)).await;
        window.fill("#password", PASSWORD).await;
        window.press("main button").await;
        look(&window, screen, "account-long").await;
        for (client, redirect) in [("app", &app), ("web", &web)] {
            window.go(&at.request_to(client, redirect)).await;
            window.titled("Allow access?").await;
            look(&window, screen, &format!("consent-long-{client}")).await;
        }
        window.press("button[value=deny]").await;
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x24_as_36_no_page_shows_itself_in_a_frame() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    let window = driver.open(DESKTOP).await;
    let frame = format!("data:text/html,<iframe src='{}/login'></iframe>", at.issuer);
    window.go(&frame).await;
    window.enter_frame().await;
    assert!(!window.text().await.contains("Log in"));
    window.close().await;
}
