//! Row H5: what is attached to every line of the log, and what only the audit log says.

use countersign_audit::{Sink as _, TracingSink};
use countersign_authorization_server::audit::AuditEvent;
use countersign_authorization_server::oauth::ClientId;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::token_error::TokenErrorCode;
use countersign_authorization_server::store::GrantId;
use testkit::{CaptureLog, TestClock};

use super::browser::*;
use crate::fixture::{CALLBACK, VERIFIER, tokens_of};

use std::sync::Arc;

/// There are no metrics; what would be their labels are the names and fields of spans and
/// of events outside the audit log.
#[tokio::test]
async fn h5_no_span_and_no_event_but_those_of_the_audit_log_names_a_person() {
    let (log, _guard) = CaptureLog::start();
    let site = site_with(settings_at(crate::fixture::ISSUER), |builder| {
        builder.audit(Arc::new(TracingSink::new()))
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

/// One line of the audit log about `event`.
fn line_about(event: AuditEvent) -> String {
    let (log, guard) = CaptureLog::start();
    let clock = TestClock::new();
    TracingSink::new().note(event.record(clock.now().as_secs() * 1000));
    drop(guard);
    let text = log.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn h10_h13_an_event_is_one_line_for_people_and_for_programs() {
    let client = ClientId::parse("C1").unwrap();
    let line = line_about(AuditEvent::TokensIssued(
        client.clone(),
        GrantId::new("G7"),
        GrantType::AuthorizationCode,
    ));
    for part in [
        "tokens were issued",
        "event=\"tokens_issued\"",
        "client=\"C1\"",
        "grant=\"G7\"",
        "grant_type=\"authorization_code\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What there is nothing to say about is not there, nor how it is made inside.
    for part in [
        "subject",
        "reason",
        "status",
        "Some",
        "TokensIssued",
        "ClientId",
    ] {
        assert!(!line.contains(part), "{part}: {line}");
    }
    // What somebody else wrote cannot begin a line of its own, or a field.
    let reason = "no\r\nINFO event=\"tokens_issued\" \u{1b}[31m";
    let line = line_about(AuditEvent::TokenRequestRefused(
        client,
        None,
        TokenErrorCode::InvalidGrant,
        reason.to_owned(),
    ));
    assert_eq!(line.matches("event=\"tokens_issued\"").count(), 0, "{line}");
    assert!(!line.contains('\u{1b}') && line.contains("event=\"token_request_refused\""));
}
