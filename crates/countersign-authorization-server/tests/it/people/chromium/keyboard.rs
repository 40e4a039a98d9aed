//! The whole way by keyboard alone, and where the focus is.

use testkit::webdriver::Driver;

use super::super::browser::PASSWORD;
use super::{DESKTOP, ENTER, TAB, running};

const SPACE: &str = " ";

/// What has the focus, if it is seen that it does.
const FOCUS: &str = "
const element = document.activeElement;
const outline = getComputedStyle(element);
const seen = outline.outlineStyle === 'solid' && parseFloat(outline.outlineWidth) >= 3;
return seen && (element.id || element.value || element.textContent.trim());
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyboard_is_enough_and_the_focus_is_always_seen() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    let window = driver.open(DESKTOP).await;
    let link = at.site.people.setup_link().await.unwrap().unwrap();
    window.go(link.reveal()).await;
    window.answers(FOCUS, "name").await;
    let typed = format!("alice{TAB}{PASSWORD}{TAB}{PASSWORD}{ENTER}");
    window.keys(&typed).await;
    window.arrives("/account").await;
    // The first thing that Tab reaches.
    window.keys(TAB).await;
    window.answers(FOCUS, "Log out").await;
    window.keys(ENTER).await;
    window.arrives("/logout?done").await;

    window.go(&at.request("L")).await;
    window.answers(FOCUS, "name").await;
    window.keys(&format!("alice{TAB}{PASSWORD}{ENTER}")).await;
    window.titled("Allow access?").await;
    for stop in ["switch", "scope-1", "deny", "allow"] {
        window.keys(TAB).await;
        window.answers(FOCUS, stop).await;
        if stop == "scope-1" {
            window.keys(SPACE).await;
        }
    }
    window.keys(ENTER).await;
    let address = window.arrives("/cb?").await;
    assert!(address.contains("code="), "{address}");

    window.go(&format!("{}/account", at.issuer)).await;
    let text = window.text().await;
    assert!(text.contains("Change your notes"), "{text}");
    for stop in ["Log out", "revoke-1"] {
        window.keys(TAB).await;
        window.answers(FOCUS, stop).await;
    }
    window.keys(&format!("{ENTER}{TAB}")).await;
    window.answers(FOCUS, "sure-1").await;
    window.keys(ENTER).await;
    window.arrives("/account/revoke").await;
    assert!(window.text().await.contains("Nothing is connected"));
    window.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enter_in_the_middle_of_the_consent_page_denies() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let at = running().await;
    at.site.add("alice", PASSWORD).await;
    let window = driver.open(DESKTOP).await;
    at.log_in(&window).await;
    window.go(&at.request("L")).await;
    window.keys(&format!("{TAB}{TAB}{ENTER}")).await;
    let address = window.arrives("/cb?").await;
    assert!(address.contains("error=access_denied"), "{address}");
    window.close().await;
}
