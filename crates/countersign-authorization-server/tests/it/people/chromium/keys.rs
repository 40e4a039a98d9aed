//! API keys are made, copied, replaced and revoked, on every screen.

use countersign_authorization_server::Settings;
use serde_json::json;
use testkit::webdriver::{Driver, Screen, Window};

use super::super::api_keys::with_keys;
use super::super::browser::PASSWORD;
use super::look::look;
use super::{Running, SCREENS, running_with};

async fn walk(window: &Window<'_>, at: &Running, screen: Screen) {
    at.log_in(window).await;
    look(window, screen, "account-with-keys").await;
    window.press("a[href$='/account/keys']").await;
    window.arrives("/account/keys").await;
    assert!(window.text().await.contains("There are none."));
    look(window, screen, "keys-none").await;
    window.fill("#name", "Backup script").await;
    window.click("label[for=scope-2]").await;
    window.click("label[for=days-365]").await;
    window.press("form[action$='/account/keys'] button").await;
    window.titled("Your API keys").await;
    let text = window.text().await;
    assert!(text.contains("It is shown this once."), "{text}");
    let shown = "return document.querySelector('#key').value";
    let key = window.run(shown).await;
    let key = key.as_str().unwrap();
    assert_eq!(key.len(), 55);
    // It is there to be copied, and in no address.
    window.focused("key").await;
    assert!(!window.address().await.contains("csk_"));
    look(window, screen, "keys-made").await;

    window.go(&format!("{}/account/keys", at.issuer)).await;
    assert!(window.text().await.contains(&key[4..16]));
    assert_eq!(
        window.run("return document.querySelector('#key')").await,
        json!(null)
    );
    window.click(".grants .sure > summary").await;
    look(window, screen, "keys-replace").await;
    window.press("form[action$='/rotate'] button").await;
    window.arrives("/account/keys/rotate").await;
    let other = window.run(shown).await;
    assert_ne!(other, key);
    window.go(&format!("{}/account/keys", at.issuer)).await;
    let text = window.text().await;
    assert!(text.contains("another has taken its place"), "{text}");
    look(window, screen, "keys-two").await;
    for left in [1, 0] {
        window.click(".grants summary.danger").await;
        window.press("form[action$='/revoke'] button").await;
        window.arrives("/account/keys/revoke").await;
        let count = "return document.querySelectorAll('.grants > li').length";
        assert_eq!(window.run(count).await, left);
        window.go(&format!("{}/account/keys", at.issuer)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_can_make_replace_and_revoke_keys_on_every_screen() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    for screen in SCREENS {
        let offer = |settings: &mut Settings| *settings = with_keys(settings.clone());
        let at = running_with(offer, |people| people).await;
        at.site.add("alice", PASSWORD).await;
        let window = driver.open(screen).await;
        walk(&window, &at, screen).await;
        window.close().await;
    }
}
