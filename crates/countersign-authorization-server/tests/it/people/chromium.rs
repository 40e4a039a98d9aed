//! The pages in Chromium: clicked through, and looked at.
//!
//! Without chromedriver the test says so and passes, except where `CI` is `true`.
//! With `COUNTERSIGN_PICTURES` set to a folder it leaves pictures there.

use std::path::Path;

use countersign_authorization_server::oauth::pkce::CodeVerifier;
use tokio::net::TcpListener;

use super::browser::*;
use super::webdriver::{Driver, Screen, Window, callback, serve};
use crate::fixture::{VERIFIER, form};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

const SCREENS: [Screen; 4] = [
    screen("desktop-light", (1200, 900), false, false),
    screen("desktop-dark", (1200, 900), false, true),
    screen("phone-light", (390, 844), true, false),
    screen("phone-dark", (390, 844), true, true),
];

const fn screen(name: &'static str, size: (u32, u32), is_phone: bool, is_dark: bool) -> Screen {
    Screen {
        name,
        size,
        is_phone,
        is_dark,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test itself is told so by its environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(
    clippy::print_stderr,
    reason = "a test that proved nothing has to say so"
)]
async fn driver() -> Option<Driver> {
    let driver = Driver::start().await;
    if driver.is_none() {
        assert_ne!(
            environment("CI").as_deref(),
            Some("true"),
            "no chromedriver"
        );
        eprintln!("skipped: chromedriver is not installed");
    }
    driver
}

/// What must hold on every page, on every screen; and a picture of it.
async fn look(window: &Window<'_>, screen: Screen, page: &str) {
    let widths = "return [document.documentElement.scrollWidth, window.innerWidth]";
    let widths = window.run(widths).await;
    assert!(
        widths[0].as_u64() <= widths[1].as_u64(),
        "{page} is wider than the {}: {widths}",
        screen.name
    );
    let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]):not([hidden])')]
        .filter(input => input.labels.length !== 1).length";
    assert_eq!(
        window.run(unnamed).await,
        0,
        "{page} has an input without a label"
    );
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let ground = window.run(ground).await;
    let expected = if screen.is_dark {
        "rgb(16, 22, 20)"
    } else {
        "rgb(242, 244, 243)"
    };
    assert_eq!(
        ground, expected,
        "the style of {page} on the {}",
        screen.name
    );
    if let Some(folder) = environment("COUNTERSIGN_PICTURES") {
        let file = Path::new(&folder).join(format!("{page}-{}.png", screen.name));
        std::fs::write(file, window.picture().await).unwrap();
    }
}

/// An authorization request of `client`, answered on `port`.
fn request(issuer: &str, client: &str, port: u16) -> String {
    let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
    let redirect = format!("http://127.0.0.1:{port}/cb");
    let query = form(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", &redirect),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ]);
    format!("{issuer}/authorize?{query}")
}

struct Running {
    site: Site,
    issuer: String,
    port: u16,
}

async fn running() -> Running {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let (listener, client) = (listen().await.unwrap(), listen().await.unwrap());
    let issuer = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let port = client.local_addr().unwrap().port();
    let site = empty_site(settings_at(&issuer)).await;
    serve(listener, site.server.clone());
    callback(client);
    Running { site, issuer, port }
}

/// From the first account to the end of what was connected, on one screen.
async fn walk(driver: &Driver, screen: Screen) {
    let Running { site, issuer, port } = running().await;
    let window = driver.open(screen).await;
    let link = site.people.setup_link().await.unwrap().unwrap();
    window.go(link.reveal()).await;
    look(&window, screen, "setup").await;
    // By keyboard alone: the focus is where one begins.
    window.keys(&format!("Alice{TAB}{PASSWORD}{ENTER}")).await;
    window.arrives("/account").await;
    assert!(window.text().await.contains("Nothing is connected"));
    look(&window, screen, "account-empty").await;
    window.click("form[action$='/logout'] button").await;
    window.arrives("/login").await;

    window.go(&request(&issuer, "L", port)).await;
    look(&window, screen, "login").await;
    window.keys(&format!("alice{TAB}wrong guess{ENTER}")).await;
    window.arrives("/login").await;
    assert!(window.title().await.starts_with("Error: "));
    assert!(
        window
            .text()
            .await
            .contains("The name or the password is wrong.")
    );
    look(&window, screen, "login-wrong").await;
    window.keys(&format!("{PASSWORD}{ENTER}")).await;
    for _ in 0..100 {
        if window.title().await.starts_with("Allow") {
            break;
        }
    }
    let text = window.text().await;
    assert!(text.contains("A program on this computer asks."), "{text}");
    look(&window, screen, "consent").await;
    window.click("label[for=scope-1]").await;
    window.click("button[value=allow]").await;
    let address = window.arrives("/cb?").await;
    assert!(
        address.contains("code=") && address.contains("state=s"),
        "{address}"
    );

    // Going back and pressing again gives no second answer (X24).
    window.run("history.back()").await;
    window.arrives(&issuer).await;
    window.go(&request(&issuer, "L", port)).await;
    window.click("button[value=deny]").await;
    let address = window.arrives("/cb?").await;
    assert!(address.contains("error=access_denied"), "{address}");

    window.go(&format!("{issuer}/account")).await;
    assert!(window.text().await.contains("Change your notes"));
    look(&window, screen, "account").await;
    window.fill("#current", "wrong guess").await;
    window.fill("#new", "another password").await;
    window
        .click("section form[action$='/password'] button")
        .await;
    window.arrives("/account/password").await;
    look(&window, screen, "password-wrong").await;
    window.click("button.danger").await;
    window.arrives("/account/revoke").await;
    assert!(
        window
            .text()
            .await
            .contains("The application was disconnected.")
    );
    look(&window, screen, "disconnected").await;
    window.go(&format!("{issuer}/setup?token=over")).await;
    look(&window, screen, "notice").await;
    window
        .go(&format!("{issuer}/authorize?client_id=unknown"))
        .await;
    look(&window, screen, "refusal").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_log_in_consent_and_disconnect_on_every_screen() {
    let Some(driver) = driver().await else { return };
    for screen in SCREENS {
        walk(&driver, screen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_x4_hostile_text_breaks_no_page_in_a_browser() {
    let Some(driver) = driver().await else { return };
    let Running { site, issuer, port } = running().await;
    site.add("alice", PASSWORD).await;
    let screen = SCREENS[2];
    let window = driver.open(screen).await;
    window.go(&format!("{issuer}/login")).await;
    window.keys(&format!("alice{TAB}{PASSWORD}{ENTER}")).await;
    window.arrives("/account").await;
    for (number, name) in [
        "\"><img src=x onerror=document.title='owned'><script>document.title='owned'</script>",
        &"W".repeat(10_240),
        "Claude \u{202e}moc.live\u{2066}",
    ]
    .iter()
    .enumerate()
    {
        let id = format!("X{number}");
        let uri = "http://127.0.0.1/cb";
        site.named_at(&id, name, uri).await;
        window.go(&request(&issuer, &id, port)).await;
        look(&window, screen, &format!("hostile-{number}")).await;
        let title = window.title().await;
        assert!(title.starts_with("Allow access?"), "{title}");
        let elements = "return document.querySelectorAll('img, script, iframe').length";
        assert_eq!(window.run(elements).await, 0);
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x24_as_36_no_page_shows_itself_in_a_frame() {
    let Some(driver) = driver().await else { return };
    let Running { site, issuer, .. } = running().await;
    site.add("alice", PASSWORD).await;
    let window = driver.open(SCREENS[0]).await;
    let frame = format!("data:text/html,<iframe src='{issuer}/login'></iframe>");
    window.go(&frame).await;
    window.enter_frame().await;
    assert!(!window.text().await.contains("Log in"));
    window.close().await;
}
