//! From the first account to the end of what was connected, on one screen.

use testkit::webdriver::{Driver, Screen, Window};

use super::super::browser::PASSWORD;
use super::super::documents::WEB;
use super::look::look;
use super::{Running, SCREENS, running};

const OTHER_PASSWORD: &str = "another password";

async fn set_up(window: &Window<'_>, at: &Running, screen: Screen) {
    let link = at.site.people.setup_link().await.unwrap().unwrap();
    window.go(link.reveal()).await;
    look(window, screen, "setup").await;
    window.fill("#name", "Alice Liddell").await;
    window.fill("#password", PASSWORD).await;
    window.fill("#again", OTHER_PASSWORD).await;
    window.press("main button").await;
    window.titled("Error: ").await;
    let text = window.text().await;
    assert!(
        text.contains("The two passwords are not the same"),
        "{text}"
    );
    look(window, screen, "setup-wrong").await;
    window.focused("name").await;
    window.fill("#name", "Alice").await;
    window.fill("#password", PASSWORD).await;
    window.fill("#again", PASSWORD).await;
    window.press("main button").await;
    window.arrives("/account").await;
    let text = window.text().await;
    assert!(text.contains("Nothing is connected"), "{text}");
    assert!(text.contains("https://rs.test/mcp"), "{text}");
    look(window, screen, "account-empty").await;
    window.press(".title button").await;
    window.arrives("/logout?done").await;
    look(window, screen, "logged-out").await;
}

async fn log_in(window: &Window<'_>, at: &Running, screen: Screen) {
    window.go(&at.request("L")).await;
    look(window, screen, "login").await;
    window.fill("#name", "alice").await;
    window.fill("#password", "wrong guess").await;
    window.press("main button").await;
    window.titled("Error: ").await;
    let text = window.text().await;
    assert!(
        text.contains("The name or the password is wrong."),
        "{text}"
    );
    window.focused("password").await;
    look(window, screen, "login-wrong").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Allow access?").await;
}

async fn consent(window: &Window<'_>, at: &Running, screen: Screen) {
    let text = window.text().await;
    assert!(text.contains("A program on this computer asks."), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{}", at.port)), "{text}");
    look(window, screen, "consent-loopback").await;
    let ticked = "return document.querySelectorAll(':checked').length";
    assert_eq!(window.run(ticked).await, 0);
    window.click("label[for=scope-1]").await;
    assert_eq!(window.run(ticked).await, 1);
    window.press("button[value=allow]").await;
    let address = window.arrives("/cb?").await;
    assert!(address.contains("code=") && address.contains("state=s"));

    window.go(&at.request("L")).await;
    window.press("button[value=deny]").await;
    let address = window.arrives("/cb?").await;
    assert!(address.contains("error=access_denied"), "{address}");

    window.go(&at.request(WEB)).await;
    look(window, screen, "consent-document").await;
    window.go(&at.request("D")).await;
    look(window, screen, "consent-self").await;

    // Somebody else takes the place of whoever is logged in, and back.
    window.press("button[value=switch]").await;
    window.titled("Log in").await;
    window.fill("#name", "bob").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Allow access?").await;
    assert!(window.text().await.contains("bob"));
    window.press("button[value=switch]").await;
    window.titled("Log in").await;
    window.fill("#name", "alice").await;
    window.fill("#password", PASSWORD).await;
    window.press("main button").await;
    window.titled("Allow access?").await;
}

/// An app that is not there leaves the person with a page that says what happened.
async fn open_app(driver: &Driver, at: &Running, screen: Screen) {
    for (decision, title) in [("allow", "Access allowed"), ("deny", "Access denied")] {
        // What Chromium asks about the app covers the window from then on.
        let window = driver.open(screen).await;
        at.log_in(&window).await;
        window.go(&at.request("A")).await;
        look(&window, screen, "consent-app").await;
        window.press(&format!("button[value={decision}]")).await;
        window.titled(title).await;
        look(&window, screen, &format!("handed-over-{decision}")).await;
        let target = "return document.querySelector('a.primary').href";
        let target = window.run(target).await;
        assert!(target.as_str().unwrap().starts_with("com.example.app:/cb?"));
        window.close().await;
    }
}

async fn account(window: &Window<'_>, at: &Running, screen: Screen) {
    window.go(&format!("{}/account", at.issuer)).await;
    let text = window.text().await;
    assert!(text.contains("Change your notes"), "{text}");
    look(window, screen, "account").await;
    for (current, new, again, said) in [
        (
            "wrong guess",
            OTHER_PASSWORD,
            OTHER_PASSWORD,
            "The current password is wrong.",
        ),
        (PASSWORD, OTHER_PASSWORD, PASSWORD, "are not the same"),
    ] {
        change_password(window, [current, new, again]).await;
        window.titled("Error: ").await;
        let text = window.text().await;
        assert!(text.contains(said), "{text}");
        window.focused("current").await;
    }
    look(window, screen, "password-wrong").await;
    change_password(window, [PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD]).await;
    window.titled("Your account").await;
    look(window, screen, "password-changed").await;
    assert!(window.text().await.contains("Your password was changed."));

    window.click("#revoke-1").await;
    look(window, screen, "account-sure").await;
    window.press("#sure-1").await;
    window.arrives("/account/revoke").await;
    look(window, screen, "disconnected").await;
    let text = window.text().await;
    assert!(text.contains("The application was disconnected."), "{text}");
    let left = "return document.querySelectorAll('.grants > li').length";
    assert_eq!(window.run(left).await, 1);
    // Whoever opens the address of what they sent finds the page again.
    window.go(&format!("{}/account/revoke", at.issuer)).await;
    assert!(window.address().await.ends_with("/account"));
}

async fn change_password(window: &Window<'_>, [current, new, again]: [&str; 3]) {
    for (field, text) in [("#current", current), ("#new", new), ("#again", again)] {
        window.fill(field, text).await;
    }
    window.press("form[action$='/password'] button").await;
    window.arrives("/account/password").await;
}

async fn walk(driver: &Driver, screen: Screen) {
    let at = running().await;
    let window = driver.open(screen).await;
    set_up(&window, &at, screen).await;
    at.site.add("bob", PASSWORD).await;
    log_in(&window, &at, screen).await;
    consent(&window, &at, screen).await;
    open_app(driver, &at, screen).await;
    account(&window, &at, screen).await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_log_in_consent_and_disconnect_on_every_screen() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    for screen in SCREENS {
        walk(&driver, screen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_disconnected_and_logged_out_with_a_press_each() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let (window, elsewhere) = (
        driver.open(super::PHONE).await,
        driver.open(super::DESKTOP).await,
    );
    at.log_in(&window).await;
    at.log_in(&elsewhere).await;
    for _ in 0..3 {
        window.go(&at.request("L")).await;
        window.press("button[value=allow]").await;
        window.arrives("/cb?").await;
    }
    window.go(&format!("{}/account", at.issuer)).await;
    window.click("section > .sure > summary").await;
    window.press("form[action$='/revoke-all'] button").await;
    window.arrives("/account/revoke-all").await;
    let text = window.text().await;
    assert!(
        text.contains("All applications were disconnected."),
        "{text}"
    );
    assert!(text.contains("Nothing is connected"), "{text}");
    window.press("#elsewhere ~ form button").await;
    window.arrives("/logout?done").await;
    elsewhere.go(&format!("{}/account", at.issuer)).await;
    elsewhere.arrives("/login").await;
    window.close().await;
    elsewhere.close().await;
}
