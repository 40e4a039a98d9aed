//! What a server tells of its own accord: log messages and changes, on every wire.
#![expect(
    deprecated,
    reason = "logging is deprecated by SEP-2577 and still served"
)]

use std::sync::Mutex;

use countersign::client::{Change, Client, ClientError, Connect};
use countersign::protocol::LoggingLevel;
use countersign::{Context, Http, Notifier, RunningServer, Server, resource, tool};
use serde_json::{Value, json};
use testkit::ScriptedAnswer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::played::{events, legacy, modern, of_method, streamed, to};

/// Speaks at three levels.
#[tool]
async fn speak(context: Context) -> &'static str {
    for level in [
        LoggingLevel::Debug,
        LoggingLevel::Info,
        LoggingLevel::Warning,
    ] {
        context.log(level, None, format!("{level:?}")).await;
    }
    "spoken"
}

/// A note.
#[resource("note://{id}")]
async fn note(id: String) -> String {
    id
}

/// A server, and every way to it.
async fn everywhere() -> (RunningServer, Notifier, Vec<(&'static str, Connect)>) {
    let notifier = Notifier::new();
    let server = Server::new("Telling")
        .tool(speak)
        .resource(note)
        .notifier(&notifier);
    let http = Http::bind("127.0.0.1:0").http_with_sse();
    let running = server.start(http).await.unwrap();
    let url = running.url();
    let ways = vec![
        ("2026-07-28", Client::connect(url)),
        ("2025-11-25", Client::connect(url).legacy()),
        ("2024-11-05", Client::sse(&url.replace("/mcp", "/sse"))),
        ("in memory", Client::in_memory(&running.app())),
        (
            "in memory, legacy",
            Client::in_memory(&running.app()).legacy(),
        ),
    ];
    (running, notifier, ways)
}

fn logging(connect: Connect) -> (Connect, UnboundedReceiver<Value>) {
    let (heard, messages) = unbounded_channel();
    let connect = connect.on_log(move |message| {
        let _ = heard.send(message.data);
    });
    (connect, messages)
}

fn changing(connect: Connect) -> (Connect, UnboundedReceiver<Change>) {
    let (heard, changes) = unbounded_channel();
    let connect = connect.on_change(move |change| {
        let _ = heard.send(change);
    });
    (connect, changes)
}

#[tokio::test]
async fn m_43_log_messages_are_heard_from_the_level_that_was_asked_for() {
    let (_running, _, ways) = everywhere().await;
    for (way, connect) in ways {
        let (connect, mut heard) = logging(connect);
        let speak = async |client: &Client| {
            let said: String = client.call("speak", ()).await.unwrap();
            assert_eq!(said, "spoken");
        };
        // Whoever only listens hears from `info` upwards …
        let client = connect.clone().await.unwrap();
        speak(&client).await;
        for level in ["Info", "Warning"] {
            assert_eq!(heard.recv().await.unwrap(), level, "{way}");
        }
        // … or from where it says, and may say something else later.
        client.set_log_level(LoggingLevel::Error).await.unwrap();
        speak(&client).await;
        let client = connect.log_level(LoggingLevel::Debug).await.unwrap();
        speak(&client).await;
        for level in ["Debug", "Info", "Warning"] {
            assert_eq!(heard.recv().await.unwrap(), level, "{way}");
        }
    }
}

#[tokio::test]
async fn a_legacy_server_is_asked_for_log_messages_if_it_has_any_and_somebody_hears_them() {
    for (announces, hears, asks) in [(false, true, 0), (true, false, 0), (true, true, 1)] {
        let server = legacy(move |message| match message.method() {
            "initialize" if announces => Some(
                ScriptedAnswer::json(
                    json!({"jsonrpc": "2.0", "id": message.body["id"], "result": {
                        "protocolVersion": "2025-11-25",
                        "capabilities": {"tools": {}, "logging": {}},
                        "serverInfo": {"name": "played", "version": "1"},
                    }})
                    .to_string(),
                )
                .header("mcp-session-id", "session-1"),
            ),
            "logging/setLevel" => Some(message.result(json!({}))),
            _ => None,
        })
        .await;
        let connect = match hears {
            true => logging(to(&server)).0,
            false => to(&server),
        };
        let _client = connect.await.unwrap();
        let asked = of_method(&server, "logging/setLevel");
        assert_eq!(asked.len(), asks, "{announces} {hears}");
        assert!(asked.iter().all(|it| it.body["params"]["level"] == "info"));
    }
}

#[tokio::test]
async fn e39_changes_are_heard_of_what_was_subscribed_to_and_of_lists() {
    let (_running, notifier, ways) = everywhere().await;
    for (way, connect) in ways {
        let (connect, mut heard) = changing(connect);
        let client = connect.await.unwrap();
        notifier.tools_changed();
        assert_eq!(heard.recv().await.unwrap(), Change::Tools, "{way}");
        client.subscribe("note://1").await.unwrap();
        client.subscribe("note://2").await.unwrap();
        for uri in ["note://3", "note://2", "note://1"] {
            notifier.resource_updated(uri);
        }
        for uri in ["note://2", "note://1"] {
            let change = Change::Resource(uri.to_owned());
            assert_eq!(heard.recv().await.unwrap(), change, "{way}");
        }
        let refused = client.subscribe("no://where").await.unwrap_err();
        let is_refusal = matches!(
            refused,
            ClientError::NoSubscription(_) | ClientError::Rpc { .. }
        );
        assert!(is_refusal, "{way}: {refused}");
        client.unsubscribe("note://2").await.unwrap();
        notifier.resource_updated("note://2");
        notifier.resources_changed();
        assert_eq!(heard.recv().await.unwrap(), Change::Resources, "{way}");
        client.close().await;
        assert_eq!(heard.recv().await, None, "{way}");
    }
}

#[tokio::test]
async fn a_subscription_of_which_nobody_hears_is_refused_here() {
    let server = modern(|_| None).await;
    let client = to(&server).await.unwrap();
    let refused = client.subscribe("note://1").await.unwrap_err();
    assert!(matches!(refused, ClientError::NobodyHears), "{refused}");
    assert!(of_method(&server, "subscriptions/listen").is_empty());
}

#[tokio::test]
async fn tr_18_a_stream_of_changes_that_broke_is_replaced_and_all_may_have_changed() {
    // The first stream breaks after one message, the second lasts.
    let broke = Mutex::new(false);
    let server = modern(move |message| {
        if message.method() != "subscriptions/listen" {
            return None;
        }
        let subscription = json!({"io.modelcontextprotocol/subscriptionId": message.body["id"]});
        let uris = &message.body["params"]["notifications"]["resourceSubscriptions"];
        let told = events(&[
            json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                "params": {"_meta": subscription, "notifications": {"resourceSubscriptions": uris}}}),
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated",
                "params": {"_meta": subscription, "uri": "note://1"}}),
        ]);
        Some(streamed(match std::mem::replace(&mut *broke.lock().unwrap(), true) {
            false => ScriptedAnswer::broken(told),
            true => ScriptedAnswer::stalled(told),
        }))
    })
    .await;
    let (connect, mut heard) = changing(to(&server));
    let client = connect.await.unwrap();
    client.subscribe("note://1").await.unwrap();
    // Told, perhaps changed meanwhile, told.
    for _ in 0..3 {
        let change = heard.recv().await.unwrap();
        assert_eq!(change, Change::Resource("note://1".to_owned()));
    }
    assert_eq!(of_method(&server, "subscriptions/listen").len(), 2);
    drop(client);
    assert_eq!(heard.recv().await, None);
}

#[tokio::test]
async fn a_server_that_ends_every_stream_at_once_is_not_asked_in_a_loop() {
    let server = modern(|message| {
        let broken = || streamed(ScriptedAnswer::broken(": no\n\n"));
        (message.method() == "subscriptions/listen").then(broken)
    })
    .await;
    let (connect, _heard) = changing(to(&server));
    let client = connect.await.unwrap();
    let refused = client.subscribe("note://1").await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed), "{refused}");
    assert_eq!(of_method(&server, "subscriptions/listen").len(), 1);
}
