//! Opaque tokens: RFC 7662, rows A78 and E43 of the corpus.

use bytes::Bytes;
use countersign_resource_server::fetch::FetchError;
use countersign_resource_server::oauth::{Lifetime, ScopeSet, Secret};
use countersign_resource_server::{
    Gate, IntoVerifier, IntrospectionVerifier, IntrospectionVerifierBuilder,
};
use futures_util::future::join_all;
use http::{HeaderValue, Response};
use serde_json::{Value, json};
use testkit::{AUDIENCE, FakeIssuerServer, ISSUER, NOW, ScriptedAnswer, TestClock};

use crate::protected::{
    admitted, assert_insufficient_scope, assert_refused, bearer, gate_at, refused, send,
};
use crate::scripted::Scripted;

const ENDPOINT: &str = "https://as.test/introspect";

fn asking(script: &Scripted) -> IntrospectionVerifierBuilder {
    IntrospectionVerifier::endpoint(ENDPOINT)
        .client("rs client", Secret::new("s3cret:%"))
        .audience(AUDIENCE)
        .fetcher(script.clone())
}

fn gate(script: &Scripted) -> Gate {
    gate_at(asking(script), &TestClock::new(), "")
}

/// A good answer with `changes` made to it; null removes a member.
fn active(changes: Value) -> String {
    let mut answer = json!({
        "active": true,
        "aud": AUDIENCE,
        "sub": "alice",
        "client_id": "c1",
        "scope": "read write",
        "exp": NOW.as_secs() + 300,
        "iat": NOW.as_secs(),
        "iss": ISSUER,
    });
    for (name, value) in changes.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    answer.to_string()
}

#[tokio::test]
async fn a78_rs_20_only_an_active_token_for_us_passes() {
    for changes in [
        json!({"active": "true"}),
        json!({"active": 1}),
        json!({"active": false}),
        json!({"active": null}),
        json!({"aud": "https://rs.test/mcp2"}),
        json!({"aud": "https://rs.test/mcp/"}),
        json!({"aud": ["https://rs.test/mcp2"]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": 1}),
        json!({"exp": (NOW.as_secs() + 300).to_string()}),
        json!({"exp": NOW.as_secs() as f64 + 300.5}),
        json!({"exp": -1}),
        json!({"exp": NOW.as_secs()}),
        json!({"nbf": NOW.as_secs() + 1}),
        json!({"iat": "now"}),
        json!({"sub": 7}),
        json!({"sub": ""}),
        json!({"sub": "a\u{0}b"}),
        json!({"sub": null, "client_id": null}),
        json!({"client_id": ["c1"]}),
        json!({"scope": 1}),
        json!({"scope": ["read", 1]}),
        json!({"token_type": "DPoP"}),
        json!({"token_type": "refresh_token"}),
        json!({"typ": "Refresh"}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"iss": ["https://as.test"]}),
    ] {
        let gate = gate(&Scripted::with_json(active(changes.clone())));
        assert_refused(&gate, "opaque", &changes.to_string()).await;
    }
    let doubled = format!(r#"{{"active":false,{}"#, &active(json!({}))[1..]);
    for body in ["<html>", "", "[]", "null", "{", doubled.as_str()] {
        let gate = gate(&Scripted::with_json(body.to_owned()));
        assert_refused(&gate, "opaque", body).await;
    }
    let no_content = Response::builder().status(204).body(Bytes::new()).unwrap();
    let gate = gate(&Scripted::answering(no_content));
    assert_refused(&gate, "opaque", "204").await;
}

#[tokio::test]
async fn a78_an_endpoint_that_fails_is_503() {
    for status in [301, 302, 307, 400, 401, 403, 404, 429, 500, 502, 503] {
        let answer = Response::builder().status(status);
        let answer = answer.body(Bytes::from(active(json!({})))).unwrap();
        let script = Scripted::answering(answer);
        let gate = gate(&script);
        let answer = send(&gate, &bearer("opaque")).await.unwrap_err();
        assert_eq!(answer.status(), 503, "{status}");
        assert!(answer.headers().contains_key("retry-after"), "{status}");
        script.now_json(active(json!({})));
        admitted(&gate, "opaque").await;
    }
    for error in [
        FetchError::Timeout,
        FetchError::Connection,
        FetchError::TooLarge,
    ] {
        let gate = gate(&Scripted::failing(error));
        let answer = send(&gate, &bearer("opaque")).await.unwrap_err();
        assert_eq!(answer.status(), 503, "{error}");
    }
}

#[tokio::test]
async fn m_09_what_the_endpoint_says_reaches_the_caller() {
    let script = Scripted::with_json(active(json!({"aud": ["x", AUDIENCE], "email": "a@b"})));
    let gate = gate(&script);
    let caller = admitted(&gate, "opaque").await;
    let token = caller.access_token().unwrap();
    assert_eq!((token.sub(), token.iss()), ("alice", ISSUER));
    assert_eq!(token.client_id(), Some("c1"));
    assert_eq!(token.aud(), ["x", AUDIENCE]);
    assert_eq!(token.scopes().to_string(), "read write");
    assert_eq!(
        token.exp(),
        Some(NOW.saturating_add(Lifetime::from_secs(300)))
    );
    assert_eq!(token.get("email"), Some(&json!("a@b")));

    for (changes, subject, issuer) in [
        (json!({"sub": null}), "c1", ISSUER),
        (json!({"iss": null}), "alice", ENDPOINT),
    ] {
        let gate = self::gate(&Scripted::with_json(active(changes)));
        let caller = admitted(&gate, "opaque").await;
        let principal = caller.principal().unwrap();
        assert_eq!((&*principal.subject, &*principal.issuer), (subject, issuer));
    }
}

#[tokio::test]
async fn rs_20_the_question_is_an_authenticated_form_post() {
    let script = Scripted::with_json(active(json!({})));
    admitted(&gate(&script), "opaque+/~").await;
    let question = script.last();
    assert_eq!(question.method(), "POST");
    assert_eq!(question.uri(), ENDPOINT, "nothing is in the address");
    assert_eq!(
        question.headers()["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        question.body(),
        "token=opaque%2B%2F%7E&token_type_hint=access_token"
    );
    // RFC 6749 §2.3.1: base64("rs+client:s3cret%3A%25").
    assert_eq!(
        question.headers()["authorization"],
        "Basic cnMrY2xpZW50OnMzY3JldCUzQSUyNQ=="
    );

    let gate = gate_at(asking(&script).client_secret_post(), &TestClock::new(), "");
    admitted(&gate, "opaque").await;
    let question = script.last();
    assert!(!question.headers().contains_key("authorization"));
    assert_eq!(
        question.body(),
        "token=opaque&token_type_hint=access_token&client_id=rs+client&client_secret=s3cret%3A%25"
    );
}

#[tokio::test]
async fn e43_what_the_client_sent_besides_its_token_is_not_forwarded() {
    let script = Scripted::with_json(active(json!({})));
    admitted(&gate(&script), "opaque").await;
    let alone = script.last();
    for smuggled in [
        vec![("x-forwarded-user", "root")],
        vec![("x_forwarded_user", "root")],
        vec![("cookie", "session=root")],
        vec![("proxy-authorization", "Bearer root")],
        vec![("connection", "authorization, x-hop"), ("x-hop", "root")],
    ] {
        let mut headers = bearer("opaque");
        for (name, value) in &smuggled {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let asked = script.count();
        send(&gate(&script), &headers).await.unwrap();
        assert_eq!(script.count(), asked + 1, "{smuggled:?}");
        let question = script.last();
        assert_eq!(question.uri(), alone.uri(), "{smuggled:?}");
        assert_eq!(question.headers(), alone.headers(), "{smuggled:?}");
        assert_eq!(question.body(), alone.body(), "{smuggled:?}");
    }
}

#[tokio::test]
async fn rs_20_an_answer_is_reused_for_a_minute_and_never_past_the_expiry() {
    for (changes, cache, last) in [
        (json!({}), None, 59),
        (json!({"exp": NOW.as_secs() + 20}), None, 19),
        (json!({"exp": null}), None, 59),
        (json!({}), Some(Lifetime::from_secs(10)), 9),
    ] {
        let (clock, script) = (TestClock::new(), Scripted::with_json(active(changes)));
        let mut builder = asking(&script);
        if let Some(span) = cache {
            builder = builder.max_cache(span);
        }
        let gate = gate_at(builder, &clock, "");
        admitted(&gate, "opaque").await;
        clock.advance(Lifetime::from_secs(last));
        script.now_json(active(json!({"active": false})));
        admitted(&gate, "opaque").await;
        assert_eq!(script.count(), 1);
        clock.advance(Lifetime::from_secs(1));
        assert_refused(&gate, "opaque", "revoked meanwhile").await;
        assert_eq!(script.count(), 2);
    }
    let script = Scripted::with_json(active(json!({})));
    let builder = asking(&script).max_cache(Lifetime::ZERO);
    let gate = gate_at(builder, &TestClock::new(), "");
    admitted(&gate, "opaque").await;
    script.now_json(active(json!({"active": false})));
    assert_refused(&gate, "opaque", "asked every time").await;
}

#[tokio::test]
async fn a79_tokens_of_another_issuer_or_client_are_refused_where_those_are_pinned() {
    let script = Scripted::with_json(active(json!({"aud": null, "iss": null})));
    let pinned = || {
        asking(&script)
            .issuer(ISSUER)
            .accepted_client("c1")
            .danger_any_audience()
    };
    let no_audience = IntrospectionVerifier::endpoint(ENDPOINT)
        .client("rs", Secret::new("s"))
        .fetcher(script.clone())
        .accepted_client("c1")
        .danger_any_audience();
    let gate = gate_at(no_audience, &TestClock::new(), "");
    admitted(&gate, "opaque").await;
    for changes in [
        json!({"client_id": "c2"}),
        json!({"client_id": null}),
        json!({"iss": "https://evil.test"}),
    ] {
        script.now_json(active(changes.clone()));
        let gate = gate_at(pinned(), &TestClock::new(), "");
        assert_refused(&gate, "opaque", &changes.to_string()).await;
    }
    script.now_json(active(json!({"iss": null})));
    let gate = gate_at(pinned(), &TestClock::new(), "");
    assert_eq!(
        admitted(&gate, "opaque")
            .await
            .principal()
            .unwrap()
            .issuer
            .as_ref(),
        ISSUER
    );
    assert_eq!(gate.metadata().authorization_servers[0].as_str(), ISSUER);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_tokens_asks_at_most_64_questions_at_a_time() {
    let script = Scripted::with_json(r#"{"active":false}"#);
    script.close();
    let gate = gate(&script);
    let tokens: Vec<String> = (0..1000).map(|number| format!("x{number}")).collect();
    let flood = join_all(tokens.iter().map(|token| async {
        let answer = send(&gate, &bearer(token)).await.unwrap_err();
        answer.status().as_u16()
    }));
    let release = async {
        // The clock stands still until everybody waits; then the waiting ends.
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        assert_eq!(script.count(), 64);
        script.open();
    };
    let (statuses, ()) = tokio::join!(flood, release);
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(401), count(503)), (64, 936));
}

#[tokio::test]
async fn a_token_without_the_required_scope_is_403() {
    let script = Scripted::with_json(active(json!({"scope": null})));
    let builder = asking(&script).required_scopes(ScopeSet::parse("read").unwrap());
    let gate = gate_at(builder, &TestClock::new(), "");
    let answer = refused(&gate, &bearer("opaque")).await;
    assert_insufficient_scope(&answer, "read", "no scope");
}

#[tokio::test]
async fn d40_introspection_over_the_wire_follows_no_redirect() {
    let server = FakeIssuerServer::start().await;
    server.answer("/other", ScriptedAnswer::json(active(json!({}))));
    server.answer(
        "/introspect",
        ScriptedAnswer::redirect(307, &server.url("/other")),
    );
    let builder = IntrospectionVerifier::endpoint(server.url("/introspect"))
        .client("rs", Secret::new("s"))
        .audience(AUDIENCE)
        .danger_allow_loopback();
    let gate = gate_at(builder, &TestClock::new(), "");
    let answer = send(&gate, &bearer("opaque")).await.unwrap_err();
    assert_eq!(answer.status(), 503);
    assert_eq!(server.count("/other"), 0);
    server.answer("/introspect", ScriptedAnswer::json(active(json!({}))));
    admitted(&gate, "opaque").await;
    assert_eq!(
        server.requests()[0].body,
        "token=opaque&token_type_hint=access_token"
    );
}

#[test]
fn m_09_settings_that_would_accept_too_much_stop_the_start() {
    let at = |url: &str| IntrospectionVerifier::endpoint(url);
    let secret = || Secret::new("s");
    for (builder, said) in [
        (at(ENDPOINT).audience(AUDIENCE), "call client(id, secret)"),
        (
            at(ENDPOINT).audience(AUDIENCE).client("", secret()),
            "set both",
        ),
        (
            at(ENDPOINT)
                .audience(AUDIENCE)
                .client("rs", Secret::new("")),
            "set both",
        ),
        (at(ENDPOINT).client("rs", secret()), "call audience(…)"),
        (at(ENDPOINT).client("rs", secret()).audience(""), "is empty"),
        (
            at("http://as.test/i")
                .client("rs", secret())
                .audience(AUDIENCE),
            "must start with https://",
        ),
        (
            at("http://127.0.0.1/i")
                .client("rs", secret())
                .audience(AUDIENCE),
            "danger_allow_loopback()",
        ),
        (
            at("https://u:p@as.test/i")
                .client("rs", secret())
                .audience(AUDIENCE),
            "without user name",
        ),
    ] {
        let text = builder.into_verifier().unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
    }
}
