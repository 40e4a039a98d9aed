//! What people see when something cannot go on.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::store::SealingKeys;
use countersign_authorization_server::{AuthorizationServer, Storage};
use testkit::webdriver::{Driver, Screen, Window};

use super::super::browser::{PASSWORD, settings_at};
use super::super::sockets::serve;
use super::look::look;
use super::{Running, SCREENS, listen, running};
use crate::watched_store::{Health, WatchedStore};

/// Opens each address, and reads the page.
async fn refusals(window: &Window<'_>, at: &Running, screen: Screen) {
    let long = format!("/authorize?client_id={}", "x".repeat(40_000));
    let foreign = at.request("L").replace("%2Fcb", "%2Fother");
    for (page, address, heading) in [
        (
            "unknown-client",
            "/authorize?client_id=unknown",
            "is not known here",
        ),
        ("no-client", "/authorize", "is not complete"),
        ("malformed", "/authorize?client_id=%ff", "cannot be read"),
        (
            "foreign-address",
            &foreign[at.issuer.len()..],
            "cannot be trusted",
        ),
        ("setup-over", "/setup?token=over", "does not work any more"),
        ("not-found", "/nothing/here", "There is no such page"),
        (
            "wrong-method",
            "/consent",
            "cannot be opened by its address",
        ),
        ("too-long", &long, "too long"),
    ] {
        window.go(&format!("{}{address}", at.issuer)).await;
        let text = window.text().await;
        assert!(text.contains(heading), "{page}: {text}");
        assert!(text.contains("Notes of Ada"), "{page}: {text}");
        look(window, screen, &format!("error-{page}")).await;
    }
}

/// What happens to pages that are older than what they are about.
async fn out_of_date(window: &Window<'_>, at: &Running, screen: Screen) {
    at.log_in(window).await;
    window.go(&at.request("L")).await;
    at.site.clock.advance(Lifetime::from_mins(10));
    window.press("button[value=allow]").await;
    window.titled("This request is over").await;
    look(window, screen, "error-over").await;

    // Cookies are gone.
    window.go(&at.request("L")).await;
    window.forget_cookies().await;
    window.press("button[value=allow]").await;
    window.titled("This page is out of date").await;
    look(window, screen, "error-forged").await;

    // The login is gone: whoever comes back goes on where they were.
    at.log_in(window).await;
    window.go(&at.request("L")).await;
    let session = format!("countersign-development-session-{}", at.issuer_port());
    window.forget_cookie(&session).await;
    window.press("button[value=allow]").await;
    window.titled("Error: Log in").await;
    look(window, screen, "login-ended").await;
    window.fill("#name", "alice").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Allow access?").await;
    window.go(&format!("{}/account", at.issuer)).await;
    at.site.clock.advance(Lifetime::from_hours(12));
    window.click("#change ~ form button").await;
    // An empty form does not leave the browser.
    assert!(window.address().await.ends_with("/account"));
    for field in ["#current", "#new", "#again"] {
        window.fill(field, PASSWORD).await;
    }
    window.press("#change ~ form button").await;
    window.titled("Error: Log in").await;
    assert!(window.text().await.contains("Your login has ended"));
}

async fn throttled(window: &Window<'_>, at: &Running, screen: Screen) {
    window.forget_cookies().await;
    let mut stranger = at.site.browser();
    stranger.address = [127, 0, 0, 1].into();
    let page = stranger.get("/login").await;
    for _ in 0..11 {
        stranger.log_in_on(&page, "alice", "wrong guess").await;
    }
    window.go(&format!("{}/login", at.issuer)).await;
    window.fill("#name", "alice").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Error: Log in").await;
    let text = window.text().await;
    assert!(text.contains("Too many attempts. Try again in"), "{text}");
    look(window, screen, "login-throttled").await;
}

async fn dead_store(window: &Window<'_>, screen: Screen) {
    let (listener, issuer) = listen().await;
    let settings = settings_at(&issuer);
    let (store, sealing) = (
        WatchedStore::new(Health::Down),
        SealingKeys::text_of([7; 32]),
    );
    let sealing = SealingKeys::parse(&sealing).unwrap();
    let server = AuthorizationServer::with_settings(settings)
        .storage(Storage::new(store, sealing))
        .build();
    serve(listener, server.unwrap());
    for address in ["/authorize?client_id=C1", "/setup?token=x"] {
        window.go(&format!("{issuer}{address}")).await;
        let text = window.text().await;
        assert!(text.contains("This server needs a moment"), "{text}");
    }
    look(window, screen, "error-busy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_is_a_page_that_says_what_to_do() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    for screen in SCREENS {
        let at = running().await;
        at.site.add("alice", PASSWORD).await;
        let window = driver.open(screen).await;
        refusals(&window, &at, screen).await;
        out_of_date(&window, &at, screen).await;
        throttled(&window, &at, screen).await;
        dead_store(&window, screen).await;
        window.close().await;
    }
}
