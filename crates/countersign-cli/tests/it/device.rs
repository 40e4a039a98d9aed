//! `countersign login --device`: RFC 8628, as somebody at a terminal sees it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use testkit::ScriptedAnswer;

use crate::command::{Output, folder, run};
use crate::provider::{CANARY, DEVICE, Provider, REGISTER, TOKEN, refusal};

/// The code, as it is shown.
fn shown(provider: &Provider) -> String {
    let page = provider.server.url("/code");
    format!("Open {page} and enter the code WDJB-MJHT.\n")
}

fn assert_told(told: &Output, stderr: &str) {
    assert_eq!((told.code, told.stderr.as_str()), (1, stderr));
    assert_eq!(told.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_confirms_the_code_and_is_logged_in() {
    let (provider, home) = (Provider::start().await, folder());
    provider.offer_devices();
    let tokens = json!({
        "access_token": format!("{CANARY}-access"), "token_type": "Bearer", "expires_in": 3600,
    });
    let asked = AtomicUsize::new(0);
    provider
        .server
        .answer_with(TOKEN, move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => refusal("authorization_pending"),
            _ => ScriptedAnswer::json(tokens.to_string()),
        });
    let url = provider.url();
    let told = run(home.path(), &["login", &url, "--device"]);
    assert_eq!((told.code, &told.stderr), (0, &shown(&provider)));
    assert!(
        told.stdout.starts_with(&format!("Logged in at {url}.\n")),
        "{}",
        told.stdout
    );
    assert!(!told.stdout.contains(CANARY), "{}", told.stdout);
    assert_eq!(provider.server.count(TOKEN), 2);
    let kept = run(home.path(), &["whoami", &url, "--offline"]).ok();
    assert!(kept.contains("then you log in again"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_denies_lets_the_code_expire_or_does_nothing_is_told_so_once() {
    for (code, wait, sentence) in [
        (
            "access_denied",
            "5m",
            "the login was not agreed to; run it again to decide anew",
        ),
        (
            "expired_token",
            "5m",
            "nobody confirmed the code in time; run it again",
        ),
        (
            "authorization_pending",
            "2s",
            "nobody confirmed the code in time; run it again",
        ),
        (
            "invalid_grant",
            "5m",
            "the token endpoint refuses: invalid_grant",
        ),
    ] {
        let (provider, home) = (Provider::start().await, folder());
        provider.offer_devices();
        provider.refuse(TOKEN, code);
        let arguments = ["login", &provider.url(), "--device", "--wait", wait];
        let told = run(home.path(), &arguments);
        assert_told(&told, &format!("{}error: {sentence}\n", shown(&provider)));
        assert!(provider.server.count(TOKEN) <= 2, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_to_be_asked_less_often_is() {
    let (provider, home) = (Provider::start().await, folder());
    provider.offer_devices();
    provider.refuse(TOKEN, "slow_down");
    // After one second, and not again before six more.
    let arguments = ["login", &provider.url(), "--device", "--wait", "4s"];
    let told = run(home.path(), &arguments);
    let sentence = "error: nobody confirmed the code in time; run it again\n";
    assert_told(&told, &format!("{}{sentence}", shown(&provider)));
    assert_eq!(provider.server.count(TOKEN), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_codes_or_fails_to_make_one_is_said() {
    let (provider, home) = (Provider::start().await, folder());
    let issuer = provider.server.url("");
    let arguments = ["login", &provider.url(), "--device"];
    let none = format!(
        "error: the authorization server {issuer} has no login for devices: log in with a \
         browser\n"
    );
    assert_told(&run(home.path(), &arguments), &none);
    assert_eq!(
        provider.server.count(REGISTER) + provider.server.count(TOKEN),
        1
    );

    provider.offer_devices();
    let at = provider.authority();
    for (answer, sentence) in [
        (
            ScriptedAnswer::status(503),
            format!(
                "the device authorization endpoint at {at} has a failure (HTTP 503); try again \
                 later"
            ),
        ),
        (
            refusal("unauthorized_client"),
            "the device authorization endpoint refuses: unauthorized_client".to_owned(),
        ),
        (
            ScriptedAnswer::json("{}"),
            "the answer of the device authorization endpoint is refused: it has no \
             verification_uri"
                .to_owned(),
        ),
    ] {
        provider.server.answer(DEVICE, answer);
        let told = run(home.path(), &arguments);
        assert_told(&told, &format!("error: {sentence}\n"));
    }
}
