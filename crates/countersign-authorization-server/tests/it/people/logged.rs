//! Row H5: what is attached to every line of the log, and what only the audit log says.

use countersign_authorization_server::audit::LogAudit;
use testkit::CaptureLog;

use super::browser::*;
use crate::fixture::{CALLBACK, VERIFIER, tokens_of};

use std::sync::Arc;

/// There are no metrics; what would be their labels are the names and fields of spans and
/// of events outside the audit log.
#[tokio::test]
async fn h5_no_span_and_no_event_but_those_of_the_audit_log_names_a_person() {
    let (log, _guard) = CaptureLog::start();
    let site = site_with(settings_at(crate::fixture::ISSUER), |builder| {
        builder.audit(Arc::new(LogAudit::default()))
    })
    .await;
    let subject = site.add("alice@example.com", PASSWORD).await;
    let browser = site.browser();
    let page = browser
        .authorize("D", &[("nonce", "canary-of-a-client")])
        .await;
    let page = browser
        .log_in_on(&page, "alice@example.com", PASSWORD)
        .await;
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (_, refresh) = tokens_of(&browser.post("/token", &fields).await);
    browser
        .post("/token", &[("client_id", "D"), ("refresh_token", &refresh)])
        .await;
    browser.get("/account").await;
    let stranger = site.browser();
    let page = stranger.get("/login").await;
    stranger.log_in_on(&page, "nobody", "wrong guess").await;
    let text = log.text();
    assert!(text.contains("countersign::audit"), "{text}");
    for line in text.lines() {
        assert!(!line.contains("canary-of-a-client"), "{line}");
        assert!(!line.contains("alice@example.com"), "{line}");
        // What an event is attached to stands before its target.
        let (before, is_audit) = match line.split_once("countersign::audit") {
            Some((before, _)) => (before, true),
            None => (line, false),
        };
        assert!(!before.contains(&subject), "{line}");
        assert!(is_audit || !line.contains(&subject), "{line}");
    }
}
