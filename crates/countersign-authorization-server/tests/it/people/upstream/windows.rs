//! The same in Chromium, on every screen.

use countersign_authorization_server::upstream::UpstreamBuilder;
use testkit::provider::{Breakage, Endpoint};
use testkit::webdriver::{Driver, Screen, Window};

use super::super::browser::*;
use super::super::chromium::look::look;
use super::super::chromium::{NARROW, Running, SCREENS, running_at};
use super::fixture::*;

struct Lodge {
    at: Running,
    github: testkit::FakeProvider,
    _oidc: testkit::FakeProvider,
}

async fn lodge(offer: Offer) -> Lodge {
    let (at, providers) = running_at(async |settings| {
        let rules = |builder: UpstreamBuilder| builder.allow_everyone();
        let Inn { site, github, oidc } = inn_with(settings, offer, rules, |it| it).await;
        (site, (github, oidc))
    })
    .await;
    Lodge {
        at,
        github: providers.0,
        _oidc: providers.1,
    }
}

async fn log_in(window: &Window<'_>, lodge: &Lodge, screen: Screen) {
    window.go(&lodge.at.request("L")).await;
    look(window, screen, "via-consent").await;
    window.click("label[for=scope-1]").await;
    window.press("button[value=allow]").await;
    window
        .click(&format!("#{}", lodge.github.button_of("alice")))
        .await;
    let address = window.arrives("/cb?").await;
    assert!(
        address.contains("code=") && address.contains("state=s"),
        "{address}"
    );
}

#[tokio::test]
async fn a_person_consents_logs_in_at_github_and_sees_the_account_on_every_screen() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    for screen in SCREENS.into_iter().chain([NARROW]) {
        let lodge = lodge(Offer::Alone).await;
        let window = driver.open(screen).await;
        log_in(&window, &lodge, screen).await;
        window.go(&format!("{}/account", lodge.at.issuer)).await;
        let text = window.text().await;
        assert!(text.contains("through GitHub"), "{text}");
        look(&window, screen, "via-account").await;
        window.press(".title button").await;
        window.arrives("/logout?done").await;
        window.go(&format!("{}/login", lodge.at.issuer)).await;
        look(&window, screen, "via-login-alone").await;
        window.press("button[value=github]").await;
        window
            .click(&format!("#{}", lodge.github.button_of("alice")))
            .await;
        window.arrives("/account").await;
        window.close().await;
    }
}

#[tokio::test]
async fn several_ways_and_everything_that_goes_wrong_look_finished() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    for screen in SCREENS.into_iter().chain([NARROW]) {
        let lodge = lodge(Offer::WithAccounts).await;
        lodge.at.site.add("ada", PASSWORD).await;
        let window = driver.open(screen).await;
        window.go(&lodge.at.request("L")).await;
        look(&window, screen, "via-choice").await;
        window.press("button[value=github]").await;
        window.titled("Allow access?").await;
        look(&window, screen, "via-consent-of-several").await;
        lodge
            .github
            .break_endpoint(Endpoint::Token, Breakage::Status(503));
        window.press("button[value=allow]").await;
        window
            .click(&format!("#{}", lodge.github.button_of("alice")))
            .await;
        window.titled("Error: ").await;
        look(&window, screen, "via-provider-down").await;
        lodge.github.repair_all();
        // The attempt is pressed again where it stands.
        window.press("button[value=allow]").await;
        window
            .click(&format!("#{}", lodge.github.button_of("alice")))
            .await;
        let address = window.arrives("/cb?").await;
        assert!(address.contains("code="), "{address}");
        // A link that somebody sent.
        window
            .go(&format!(
                "{}/callback/github?state=x&code=y",
                lodge.at.issuer
            ))
            .await;
        look(&window, screen, "via-over").await;
        // Somebody who is disabled.
        let listed = lodge.at.site.accounts.list(None).await.unwrap().entries;
        let known = listed
            .iter()
            .find(|account| account.upstream.is_some())
            .unwrap();
        let name = countersign_authorization_server::accounts::AccountName::parse_any(&known.name);
        lodge
            .at
            .site
            .accounts
            .disable(&name.unwrap())
            .await
            .unwrap();
        window.go(&lodge.at.request("L")).await;
        window.press("button[value=github]").await;
        window.titled("Allow access?").await;
        window.press("button[value=allow]").await;
        window
            .click(&format!("#{}", lodge.github.button_of("alice")))
            .await;
        window.titled("You cannot log in here").await;
        look(&window, screen, "via-kept-out").await;
        window.close().await;
    }
}

#[tokio::test]
async fn x9_a_link_from_somebody_elses_browser_is_explained_to_a_person() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let lodge = lodge(Offer::Alone).await;
    let mallory = lodge.at.site.browser();
    let page = mallory.authorize("L", &[]).await;
    let location = location_of(&mallory.decide(&page, "allow", &[]).await);
    let window = driver.open(SCREENS[2]).await;
    window.go(&location).await;
    window
        .click(&format!("#{}", lodge.github.button_of("alice")))
        .await;
    window
        .titled("This login was not begun in this browser")
        .await;
    look(&window, SCREENS[2], "via-other-browser").await;
    let page = window.text().await;
    assert!(page.contains("close the page"), "{page}");
    window.close().await;
}
