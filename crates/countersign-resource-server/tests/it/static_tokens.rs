//! Development tokens: row M-07.

use countersign_resource_server::oauth::{Lifetime, ResourceUri, ScopeSet, Secret};
use countersign_resource_server::{Gate, IntoVerifier, StaticToken, StaticTokens};
use testkit::{AUDIENCE, CaptureLog, NOW, TestClock, TestIssuer};

use crate::protected::{
    admitted, assert_insufficient_scope, assert_refused, bearer, gate, gate_at, refused, trusting,
};

fn tokens() -> StaticTokens {
    StaticTokens::new()
        .token(
            Secret::new("alice-token"),
            StaticToken::subject("alice")
                .client_id("c1")
                .scopes(ScopeSet::parse("read write").unwrap()),
        )
        .token(
            Secret::new("bob-token"),
            StaticToken::subject("bob").expires_at(NOW.saturating_add(Lifetime::from_secs(10))),
        )
}

#[tokio::test]
async fn m_07_a_configured_token_stands_for_its_subject_and_no_other_text_does() {
    let gate = gate(tokens());
    let caller = admitted(&gate, "alice-token").await;
    let token = caller.access_token().unwrap();
    assert_eq!((token.sub(), token.client_id()), ("alice", Some("c1")));
    assert_eq!(token.scopes().to_string(), "read write");
    for text in [
        "alice-toke",
        "alice-token0",
        "ALICE-TOKEN",
        "alice",
        "a",
        "bob-tokem",
    ] {
        assert_refused(&gate, text, text).await;
    }
}

#[tokio::test]
async fn m_07_an_expired_token_is_refused_even_if_it_was_remembered() {
    let clock = TestClock::new();
    let gate = gate_at(tokens(), &clock, "");
    admitted(&gate, "bob-token").await;
    clock.advance(Lifetime::from_secs(10));
    assert_refused(&gate, "bob-token", "expired").await;
    admitted(&gate, "alice-token").await;
}

#[tokio::test]
async fn m_07_required_scopes_hold_for_static_tokens_too() {
    let gate = gate(tokens().required_scopes(ScopeSet::parse("write").unwrap()));
    admitted(&gate, "alice-token").await;
    let answer = refused(&gate, &bearer("bob-token")).await;
    assert_insufficient_scope(&answer, "write", "bob");
}

#[test]
fn m_07_tokens_that_cannot_work_stop_the_start() {
    let one = |text: &str| StaticTokens::new().token(Secret::new(text), StaticToken::subject("a"));
    for (tokens, said) in [
        (StaticTokens::new(), "add at least one"),
        (one(""), "cannot be sent"),
        (one("with blank"), "cannot be sent"),
        (one("quote\""), "cannot be sent"),
        (one(" x"), "cannot be sent"),
        (
            tokens().token(Secret::new("bob-token"), StaticToken::subject("b")),
            "is there twice",
        ),
    ] {
        let text = tokens.into_verifier().unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("bob-token"), "{text}");
    }
}

#[test]
fn m_07_the_start_warns_without_showing_a_token() {
    let log = CaptureLog::global();
    let verifier = tokens().into_verifier().unwrap();
    let lines = log.lines();
    let warned = lines
        .iter()
        .any(|line| line.contains("WARN") && line.contains("for development only"));
    assert!(warned, "{lines:?}");
    log.assert_absent("alice-token");
    let shown = format!("{verifier:?} {:?}", tokens());
    assert!(!shown.contains("alice"), "{shown}");
}

#[tokio::test]
async fn m_20_unknown_static_tokens_go_on_to_the_next_verifier() {
    let issuer = TestIssuer::as_test();
    let gate = Gate::builder()
        .verifier(tokens())
        .unwrap()
        .verifier(trusting(&issuer))
        .unwrap()
        .clock(std::sync::Arc::new(TestClock::new()))
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    let caller = admitted(&gate, &issuer.token().sign()).await;
    assert_eq!(caller.principal().unwrap().issuer.as_ref(), testkit::ISSUER);
    // The same subject from another verifier is another principal.
    let other = admitted(&gate, "alice-token").await;
    assert_ne!(caller.principal(), other.principal());
}
