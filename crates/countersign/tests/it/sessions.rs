//! Legacy sessions over the whole pipeline: what the front decides for them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use countersign::component::CompletionRequest;
use countersign::policy::{Action, Denial, Policy};
use countersign::{Caller, Context, Notifier, Server, Sessions, ToolError, prompt};
use countersign_oauth::UnixTime;
use serde_json::{Value, json};
use testkit::LegacyClient;

use crate::fixture::{Expected, Fixture, Seen};

/// For administrators.
#[prompt(scopes("admin"))]
async fn audit(topic: String) -> String {
    topic
}

/// Not even named to those who may not.
#[prompt(scopes("admin"), hidden)]
async fn secret_prompt(topic: String) -> String {
    topic
}

async fn suggestions(_: Context, _: CompletionRequest) -> Result<Vec<String>, ToolError> {
    Ok(vec!["one".to_owned()])
}

fn with_sessions(server: Server) -> Server {
    server
        .sessions(Sessions::Always)
        .notifier(&Notifier::new())
        .completion(suggestions)
        .prompt(audit)
        .prompt(secret_prompt)
}

async fn session(fixture: &Fixture, token: &str) -> LegacyClient {
    let mut client = LegacyClient::new(fixture.http(), "/mcp").bearer(token);
    client.initialize().await;
    assert!(client.session().is_some(), "the server gave no session");
    client
}

fn completion(prompt: &str) -> Value {
    json!({
        "ref": { "type": "ref/prompt", "name": prompt },
        "argument": { "name": "topic", "value": "" },
    })
}

async fn see(client: &LegacyClient, method: &str, params: Value) -> Seen {
    Seen::of(client.send(method, params).await).await
}

#[tokio::test]
async fn e39_rs_25_what_is_forbidden_is_403_in_a_session_whatever_the_method() {
    let fixture = Fixture::with(with_sessions);
    let alice = session(&fixture, &fixture.token()).await;
    for (method, params, scopes) in [
        (
            "tools/call",
            json!({ "name": "admin_report", "arguments": {} }),
            "admin read",
        ),
        (
            "prompts/get",
            json!({ "name": "audit", "arguments": { "topic": "x" } }),
            "admin read",
        ),
        (
            "resources/read",
            json!({ "uri": "vault://gold" }),
            "read vault",
        ),
        (
            "resources/subscribe",
            json!({ "uri": "vault://gold" }),
            "read vault",
        ),
        ("completion/complete", completion("audit"), "admin read"),
    ] {
        let answer = see(&alice, method, params).await;
        Expected::Scope(scopes).check(method, &answer);
    }
    assert_eq!(fixture.runs.count(), 0);
}

#[tokio::test]
async fn e39_what_is_hidden_is_unknown_in_a_session_whatever_the_method() {
    let fixture = Fixture::with(with_sessions);
    let alice = session(&fixture, &fixture.token()).await;
    for (method, hidden, unknown) in [
        (
            "tools/call",
            json!({ "name": "secret_tool", "arguments": {} }),
            json!({ "name": "no_such_tool", "arguments": {} }),
        ),
        (
            "prompts/get",
            json!({ "name": "secret_prompt", "arguments": { "topic": "x" } }),
            json!({ "name": "no_such_prompt", "arguments": { "topic": "x" } }),
        ),
        (
            "completion/complete",
            completion("secret_prompt"),
            completion("no_such_prompt"),
        ),
    ] {
        let hidden = see(&alice, method, hidden).await;
        let unknown = see(&alice, method, unknown).await;
        assert_eq!(hidden.status, unknown.status, "{method}");
        assert_eq!(hidden.json()["error"], unknown.json()["error"], "{method}");
        assert!(hidden.json()["error"].is_object(), "{method}");
    }
    for (list, name) in [
        ("tools/list", "secret_tool"),
        ("prompts/list", "secret_prompt"),
    ] {
        let listed = alice.result(list, json!({})).await.to_string();
        assert!(!listed.contains(name), "{listed}");
    }
    assert_eq!(fixture.runs.count(), 0);
}

#[tokio::test]
async fn e41_a_cursor_that_was_never_given_out_is_refused_in_a_session_too() {
    let fixture = Fixture::with(with_sessions);
    let alice = session(&fixture, &fixture.token()).await;
    for method in [
        "tools/list",
        "resources/list",
        "prompts/list",
        "resources/templates/list",
    ] {
        for cursor in [json!("1"), json!("' OR 1=1--"), json!("x".repeat(1 << 16))] {
            let answer = see(&alice, method, json!({ "cursor": cursor })).await;
            assert_eq!(answer.json()["error"]["code"], -32602, "{method}");
        }
    }
}

/// Notes what it is asked, and objects to nothing.
#[derive(Debug, Default)]
struct Witness(Arc<Mutex<BTreeSet<String>>>);

impl Policy for Witness {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        self.0.lock().unwrap().insert(action.method.to_owned());
        Ok(())
    }
}

/// Objects to methods that name no component.
#[derive(Debug)]
struct OnlyCalls;

impl Policy for OnlyCalls {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        match action.component {
            Some(_) => Ok(()),
            None => Err(Denial::Forbidden),
        }
    }
}

/// Requests of every method, with the component that some of them need.
fn requests() -> Vec<(&'static str, Value)> {
    vec![
        ("ping", json!({})),
        ("logging/setLevel", json!({ "level": "info" })),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("prompts/list", json!({})),
        (
            "tools/call",
            json!({ "name": "greet", "arguments": { "name": "x" } }),
        ),
        ("resources/read", json!({ "uri": "note://1" })),
        (
            "prompts/get",
            json!({ "name": "summary", "arguments": { "text": "x" } }),
        ),
        ("completion/complete", completion("summary")),
        ("resources/subscribe", json!({ "uri": "note://1" })),
        ("resources/unsubscribe", json!({ "uri": "note://1" })),
        ("server/discover", json!({})),
    ]
}

#[tokio::test]
async fn rs_31_every_policy_is_asked_about_every_method_of_every_wire() {
    let asked = Arc::<Mutex<BTreeSet<String>>>::default();
    let witness = || Witness(Arc::clone(&asked));
    let of_session = Fixture::with(|server| with_sessions(server).policy(witness()));
    let stateless = Fixture::with(|server| {
        let server = server.completion(suggestions).policy(witness());
        server.sessions(Sessions::Never)
    });
    let (modern, alice) = (
        stateless.modern(),
        session(&of_session, &of_session.token()).await,
    );
    let legacy = LegacyClient::new(stateless.http(), "/mcp")
        .bearer(&stateless.token())
        .with_session(None);
    assert!(asked.lock().unwrap().contains("initialize"));
    for (method, params) in requests() {
        let only_modern = method == "server/discover";
        let only_legacy = ["ping", "logging/setLevel"].contains(&method);
        let only_session = method.ends_with("subscribe");
        if !only_modern {
            asked.lock().unwrap().clear();
            see(&alice, method, params.clone()).await;
            assert!(asked.lock().unwrap().contains(method), "session: {method}");
        }
        if !only_modern && !only_session {
            asked.lock().unwrap().clear();
            see(&legacy, method, params.clone()).await;
            assert!(asked.lock().unwrap().contains(method), "legacy: {method}");
        }
        if !only_legacy && !only_session {
            asked.lock().unwrap().clear();
            Seen::of(modern.send(method, params).await).await;
            assert!(asked.lock().unwrap().contains(method), "modern: {method}");
        }
    }
    let listening = of_session.modern();
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    asked.lock().unwrap().clear();
    drop(listening.send("subscriptions/listen", filter).await);
    assert!(asked.lock().unwrap().contains("subscriptions/listen"));
}

#[tokio::test]
async fn rs_31_a_policy_that_objects_to_a_method_is_a_403() {
    let of_session = Fixture::with(|server| with_sessions(server).policy(OnlyCalls));
    let stateless = Fixture::with(|server| server.policy(OnlyCalls).sessions(Sessions::Never));
    let initialize = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "testkit", "version": "0" },
    });
    for fixture in [&of_session, &stateless] {
        let legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&fixture.token());
        for (method, params) in [
            ("initialize", initialize.clone()),
            ("ping", json!({})),
            ("tools/list", json!({})),
        ] {
            assert_eq!(see(&legacy, method, params).await.status, 403, "{method}");
        }
        assert_eq!(fixture.app.open_sessions(), 0);
        let filter = json!({ "notifications": { "toolsListChanged": true } });
        for (method, params) in [
            ("server/discover", json!({})),
            ("subscriptions/listen", filter),
        ] {
            let answer = Seen::of(fixture.modern().send(method, params).await).await;
            assert_eq!(answer.status, 403, "{method}");
        }
    }
}

/// Objects to the use of what has a name of this kind, for everybody.
#[derive(Debug)]
struct Closed;

impl Policy for Closed {
    fn check(&self, _: &Caller, action: &Action<'_>, _: UnixTime) -> Result<(), Denial> {
        let closed = ["greet", "vault://gold", "note://{id}", "summary"];
        match action.component {
            Some(component) if closed.contains(&component.name) => Err(Denial::Forbidden),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn e39_rs_35_what_a_policy_forbids_is_in_no_list() {
    let fixture = Fixture::with(|server| with_sessions(server).policy(Closed));
    let token = fixture.issuer.token().scopes("read admin vault").sign();
    let legacy = session(&fixture, &token).await;
    let modern = fixture.modern();
    for list in [
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
    ] {
        for listed in [
            legacy.result(list, json!({})).await,
            modern.result(list, json!({})).await,
        ] {
            let text = listed.to_string();
            for name in ["\"greet\"", "vault://gold", "note://{id}", "\"summary\""] {
                assert!(!text.contains(name), "{list}: {text}");
            }
            if list == "tools/list" {
                assert!(text.contains("\"chatty\""), "{text}");
            }
        }
        let listed = modern.result(list, json!({})).await;
        assert_eq!(listed["cacheScope"], "private", "{list}");
    }
}
