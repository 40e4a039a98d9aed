//! Providers that are asked about their tokens.

use bytes::Bytes;
use countersign_resource_server::oauth::{Lifetime, Secret};
use countersign_resource_server::provider::Provider;
use countersign_resource_server::{Gate, ProviderVerifierBuilder};
use http::Response;
use serde_json::{Value, json};
use testkit::{AUDIENCE, NOW, TestClock};

use super::{Internet, built_in, filled, verifier};
use crate::key_sets::{assert_unavailable, secs};
use crate::protected::{admitted, assert_refused, gate_at};

fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

fn asking(provider: Provider, internet: &Internet) -> ProviderVerifierBuilder {
    verifier(provider, internet)
        .secret(Secret::new("s3cr3t"))
        .max_cache(Lifetime::ZERO)
}

fn gate(provider: Provider, internet: &Internet) -> Gate {
    gate_at(asking(provider, internet), &TestClock::new(), "")
}

const INTROSPECTION: &str = "https://auth.example.test/oauth/2.1/introspect";

fn propelauth() -> Provider {
    let mut provider = built_in("propelauth", &[("auth_url", "https://auth.example.test")]);
    provider.endpoints.introspection = Some(INTROSPECTION.to_owned());
    provider
}

fn active(issuer: &str) -> Value {
    json!({
        "active": true, "iss": issuer, "aud": AUDIENCE, "sub": "alice",
        "client_id": "c1", "scope": "read write", "exp": NOW.as_secs() + 60,
    })
}

fn changed(name: &str, value: Value) -> String {
    let provider = propelauth();
    let issuer = provider.endpoints.issuer.unwrap();
    let mut document = active(&issuer);
    document[name] = value;
    document.to_string()
}

#[tokio::test]
async fn a78_only_active_tokens_of_the_provider_for_this_server_pass() {
    let internet = Internet::default();
    let gate = gate(propelauth(), &internet);
    for (name, value, what) in [
        ("active", json!(false), "inactive"),
        ("active", json!("true"), "a text"),
        ("active", json!(1), "a number"),
        ("active", json!(null), "nothing"),
        ("aud", json!("https://other.test"), "another audience"),
        ("aud", json!(null), "no audience"),
        ("aud", json!([]), "an empty list"),
        ("aud", json!([1]), "a list of numbers"),
        ("iss", json!("https://evil.test"), "another issuer"),
        ("iss", json!(7), "a number as issuer"),
        ("exp", json!(NOW.as_secs()), "expired"),
        ("exp", json!("soon"), "no time"),
        ("exp", json!(-1), "before all time"),
        ("nbf", json!(NOW.as_secs() + 1), "not yet"),
        ("sub", json!(null), "nobody"),
        ("sub", json!(""), "an empty subject"),
        ("sub", json!("a\u{0}b"), "a control character"),
        ("token_type", json!("DPoP"), "bound to a key"),
        ("token_use", json!("refresh"), "a refresh token"),
        ("cnf", json!({}), "bound to a key"),
    ] {
        internet.set(INTROSPECTION, answer(200, changed(name, value)));
        assert_refused(&gate, "opaque", what).await;
    }
    for (body, what) in [("", "empty"), ("<html>", "HTML"), ("[]", "a list")] {
        internet.set(INTROSPECTION, answer(200, body));
        assert_refused(&gate, "opaque", what).await;
    }
    internet.set(INTROSPECTION, answer(204, ""));
    assert_refused(&gate, "opaque", "204").await;
    for status in [302, 400, 401, 403, 404, 429, 500, 503] {
        internet.set(INTROSPECTION, answer(status, changed("n", json!(1))));
        assert_unavailable(&gate, "opaque", &status.to_string()).await;
    }
    internet.remove(INTROSPECTION);
    assert_unavailable(&gate, "opaque", "nobody there").await;
    internet.set(INTROSPECTION, answer(200, changed("n", json!(1))));
    let caller = admitted(&gate, "opaque").await;
    let token = caller.access_token().unwrap();
    assert_eq!((token.sub(), token.client_id()), ("alice", Some("c1")));
    assert_eq!(token.scopes().to_string(), "read write");
    let asked = internet.requests();
    let last = asked.last().unwrap();
    assert_eq!(last.method(), "POST");
    // app-1:s3cr3t
    assert_eq!(last.headers()["authorization"], "Basic YXBwLTE6czNjcjN0");
    assert_eq!(
        &last.body()[..],
        b"token=opaque&token_type_hint=access_token"
    );
}

/// A file that accepts opaque tokens of an application of one's own.
fn own(name: &str, rest: &str) -> Provider {
    let text = format!(
        "name = \"{name}\"\ndisplay_name = \"{name}\"\ndocumentation = \"https://p.test/docs\"\n{rest}\n\
         [safety]\naudience_bound = false\nopen_registration = true\n"
    );
    filled(&text, &[])
}

const CHECK: &str = "https://api.p.test/check";

fn github_like() -> Provider {
    let text = r#"
        [endpoints]
        issuer = "https://p.test"
        introspection = "https://api.p.test/check"
        [introspection]
        active_by_status = true
        [introspection.request]
        method = "POST"
        token_in = "json"
        token_parameter = "access_token"
        authentication = "client_secret_basic"
        [tokens]
        kind = "introspection"
        subject = "/user/id"
        client = ["/app/client_id"]
        expires_at = "/expires"
        application = { pointer = "/app/client_id" }
        [tokens.scopes]
        header = "x-oauth-scopes"
    "#;
    own("github-like", text)
}

fn google_like() -> Provider {
    let text = r#"
        [endpoints]
        issuer = "https://accounts.p.test"
        introspection = "https://api.p.test/check"
        [introspection]
        active_by_status = true
        [introspection.request]
        method = "POST"
        token_in = "form"
        token_parameter = "access_token"
        authentication = "none"
        [tokens]
        kind = "introspection"
        application = { pointer = "/aud" }
    "#;
    own("google-like", text)
}

fn slack_like() -> Provider {
    let text = r#"
        [endpoints]
        issuer = "https://slack.p.test"
        userinfo = "https://api.p.test/check"
        [tokens]
        kind = "userinfo"
        subject = "/user_id"
        application = { pointer = "/app_id" }
    "#;
    own("slack-like", text)
}

#[tokio::test]
async fn a79_opaque_tokens_issued_to_another_application_are_refused() {
    let said = |name: &str, application: &str| match name {
        "github" => json!({ "user": { "id": 7 }, "app": { "client_id": application } }),
        "google" => json!({ "sub": "7", "aud": application, "exp": "1800000060" }),
        _ => json!({ "user_id": "7", "app_id": application }),
    };
    for (name, provider) in [
        ("github", github_like()),
        ("google", google_like()),
        ("slack", slack_like()),
    ] {
        let internet = Internet::default();
        let gate = gate(provider, &internet);
        internet.set(CHECK, answer(200, said(name, "app-2").to_string()));
        assert_refused(&gate, "opaque", name).await;
        let mut nobody = said(name, "");
        nobody
            .as_object_mut()
            .unwrap()
            .retain(|member, _| !member.contains("ap") && member != "aud");
        internet.set(CHECK, answer(200, nobody.to_string()));
        assert_refused(&gate, "opaque", name).await;
        // How each says that it does not know the token.
        let unknown = match name {
            "github" => 404,
            "google" => 400,
            _ => 401,
        };
        internet.set(CHECK, answer(unknown, "{}"));
        assert_refused(&gate, "opaque", name).await;
        internet.set(CHECK, answer(200, said(name, "app-1").to_string()));
        let caller = admitted(&gate, "opaque").await;
        assert_eq!(caller.access_token().unwrap().sub(), "7", "{name}");
    }
}

#[tokio::test]
async fn at_github_the_question_is_json_and_scopes_are_in_a_header() {
    let internet = Internet::default();
    let gate = gate(github_like(), &internet);
    let body = json!({ "user": { "id": 7 }, "app": { "client_id": "app-1" } });
    let mut said = answer(200, body.to_string());
    let scopes = "repo, read:user,gist".parse().unwrap();
    said.headers_mut().insert("x-oauth-scopes", scopes);
    internet.set(CHECK, said);
    let caller = admitted(&gate, "gho_1").await;
    let token = caller.access_token().unwrap();
    assert_eq!(token.iss(), "https://p.test");
    assert_eq!(token.scopes().to_string(), "gist read:user repo");
    let asked = internet.requests();
    assert_eq!(asked[0].headers()["content-type"], "application/json");
    assert_eq!(&asked[0].body()[..], br#"{"access_token":"gho_1"}"#);
    assert!(asked[0].headers().contains_key("authorization"));
    assert!(asked[0].uri().query().is_none());
    // Wrong credentials of ours, or too many questions, say nothing about the token.
    for status in [401, 403, 429] {
        internet.set(CHECK, answer(status, "{}"));
        assert_unavailable(&gate, "gho_1", &status.to_string()).await;
    }
}

#[tokio::test]
async fn at_a_userinfo_endpoint_the_token_is_the_credential() {
    let internet = Internet::default();
    let gate = gate(slack_like(), &internet);
    internet.set(CHECK, answer(200, r#"{"user_id":"7","app_id":"app-1"}"#));
    admitted(&gate, "xoxp-1").await;
    let asked = internet.requests();
    assert_eq!(asked[0].method(), "GET");
    assert_eq!(asked[0].headers()["authorization"], "Bearer xoxp-1");
    assert!(asked[0].body().is_empty());
}

#[tokio::test]
async fn an_introspection_endpoint_is_found_in_the_metadata_when_a_token_comes() {
    let document = "https://auth.example.test/.well-known/oauth-authorization-server";
    let mut provider = propelauth();
    provider.endpoints.introspection = None;
    provider.discovery = Some(document.to_owned());
    let issuer = provider.endpoints.issuer.clone().unwrap();
    let (internet, clock) = (Internet::default(), TestClock::new());
    let gate = gate_at(asking(provider, &internet), &clock, "");
    assert_eq!(internet.requests().len(), 0);
    assert_unavailable(&gate, "opaque", "nobody there").await;
    assert_unavailable(&gate, "opaque", "still nobody there").await;
    assert_eq!(
        internet.count(document),
        1,
        "a failure is not repeated at once"
    );
    let metadata = |issuer: &str| {
        json!({ "issuer": issuer, "introspection_endpoint": INTROSPECTION }).to_string()
    };
    internet.set(document, answer(200, metadata("https://evil.test")));
    internet.set(INTROSPECTION, answer(200, active(&issuer).to_string()));
    clock.advance(secs(6));
    assert_unavailable(&gate, "opaque", "metadata of another").await;
    assert_eq!(internet.count(INTROSPECTION), 0);
    internet.set(document, answer(200, metadata(&issuer)));
    clock.advance(secs(6));
    admitted(&gate, "opaque").await;
    admitted(&gate, "opaque").await;
    assert_eq!(internet.count(document), 3);
    internet.remove(document);
    admitted(&gate, "opaque").await;
}

#[tokio::test]
async fn a76_an_answer_is_remembered_for_as_long_as_is_said_and_no_longer() {
    let (internet, clock) = (Internet::default(), TestClock::new());
    internet.set(INTROSPECTION, answer(200, changed("n", json!(1))));
    let asking = asking(propelauth(), &internet).max_cache(secs(10));
    let gate = gate_at(asking, &clock, "");
    admitted(&gate, "opaque").await;
    clock.advance(secs(9));
    admitted(&gate, "opaque").await;
    assert_eq!(internet.count(INTROSPECTION), 1);
    clock.advance(secs(1));
    internet.set(INTROSPECTION, answer(200, r#"{"active":false}"#));
    assert_refused(&gate, "opaque", "revoked").await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_says_when_to_come_back_is_left_alone_until_then() {
    let internet = Internet::default();
    let gate = gate(propelauth(), &internet);
    for status in [429, 503] {
        let mut told = answer(status, "");
        let headers = told.headers_mut();
        headers.insert("retry-after", "50".parse().unwrap());
        internet.set(INTROSPECTION, told);
        let before = internet.count(INTROSPECTION);
        assert_unavailable(&gate, "opaque", "told to wait").await;
        internet.set(INTROSPECTION, answer(200, changed("n", json!(1))));
        tokio::time::advance(std::time::Duration::from_secs(49)).await;
        assert_unavailable(&gate, "opaque", "still waiting").await;
        assert_eq!(internet.count(INTROSPECTION), before + 1);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        admitted(&gate, "opaque").await;
    }
}
