//! Sessions that are lost, and servers that are started again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::client::{Change, Client, ClientError};
use countersign::{Http, Notifier, Server, Sessions, resource, tool};
use serde_json::json;
use testkit::{Gate, ScriptedAnswer};
use tokio::sync::mpsc::unbounded_channel;

use super::played::{Message, legacy, of_method, streamed, to};

/// The answer to `initialize` with the session `number`, and all capabilities.
fn opened(message: &Message, number: usize) -> ScriptedAnswer {
    let capabilities = json!({"tools": {"listChanged": true}, "logging": {},
        "resources": {"subscribe": true}});
    let result = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
        "serverInfo": {"name": "played", "version": "1"}});
    ScriptedAnswer::json(
        json!({"jsonrpc": "2.0", "id": message.body["id"], "result": result}).to_string(),
    )
    .header("mcp-session-id", &format!("session-{number}"))
}

#[tokio::test]
async fn a_session_that_is_lost_is_replaced_once_and_the_call_is_made_in_the_new_one() {
    let sessions = AtomicUsize::new(0);
    let server = legacy(move |message| match message.method() {
        "initialize" => {
            let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
            Some(opened(message, number))
        }
        "tools/call" if message.header("mcp-session-id") == Some("session-1") => {
            Some(ScriptedAnswer::status(404))
        }
        _ => None,
    })
    .await;
    let client = to(&server).await.unwrap();
    for _ in 0..2 {
        assert_eq!(client.call::<String>("work", ()).await.unwrap(), "done");
    }
    assert_eq!(of_method(&server, "initialize").len(), 2);
    let calls = of_method(&server, "tools/call");
    let of: Vec<_> = calls
        .iter()
        .filter_map(|call| call.header("mcp-session-id"))
        .collect();
    assert_eq!(of, ["session-1", "session-2", "session-2"]);
}

#[tokio::test]
async fn a_server_that_forgets_every_session_is_not_asked_for_ever() {
    let server = legacy(|message| match message.method() {
        "tools/call" => Some(ScriptedAnswer::status(404)),
        _ => None,
    })
    .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("work", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Status(404)), "{refused}");
    assert_eq!(of_method(&server, "tools/call").len(), 2);
    assert_eq!(of_method(&server, "initialize").len(), 2);
}

/// Whoever only listens asks for nothing, and would never learn that its session is gone.
#[tokio::test]
async fn a_client_that_only_listens_gets_a_new_session_which_is_told_what_the_last_one_was() {
    let sessions = AtomicUsize::new(0);
    let subscribed = Gate::closed();
    let forgets = subscribed.clone();
    let server = legacy(move |message| {
        let session = message.header("mcp-session-id").unwrap_or_default();
        match (message.request.method.as_str(), message.method()) {
            (_, "initialize") => {
                let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
                Some(opened(message, number))
            }
            // The first stream breaks, and then nobody knows the session.
            ("GET", _) if session == "session-1" => Some(match message.header("last-event-id") {
                None => streamed(ScriptedAnswer::broken("id: 1\nretry: 1\ndata: \n\n")),
                Some(_) => ScriptedAnswer::status(404).behind(&forgets),
            }),
            ("GET", _) => Some(streamed(ScriptedAnswer::stalled(""))),
            (_, "ping") if session == "session-1" => Some(ScriptedAnswer::status(404)),
            (_, "ping" | "logging/setLevel" | "resources/subscribe") => {
                Some(message.result(json!({})))
            }
            _ => None,
        }
    })
    .await;
    let (heard, mut changes) = unbounded_channel();
    let connect = to(&server)
        .on_log(|_| ())
        .on_change(move |change| heard.send(change).unwrap());
    let client = connect.await.unwrap();
    client.subscribe("note://1").await.unwrap();
    subscribed.open();
    let mut told = [changes.recv().await.unwrap(), changes.recv().await.unwrap()];
    told.sort();
    assert_eq!(told, [Change::Tools, Change::Resource("note://1".into())]);
    let mut by_session: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for method in ["logging/setLevel", "resources/subscribe"] {
        for message in of_method(&server, method) {
            let session = message.header("mcp-session-id").unwrap_or_default();
            let told = by_session.entry(session.to_owned()).or_default();
            told.push(method.to_owned());
        }
    }
    assert_eq!(
        by_session["session-2"],
        ["logging/setLevel", "resources/subscribe"]
    );
}

#[tokio::test]
async fn a_server_without_streams_that_says_404_keeps_its_session() {
    let server = legacy(|message| match message.request.method.as_str() {
        "GET" => Some(ScriptedAnswer::status(404)),
        _ => (message.method() == "ping").then(|| message.result(json!({}))),
    })
    .await;
    let client = to(&server).await.unwrap();
    assert_eq!(client.call::<String>("work", ()).await.unwrap(), "done");
    // It is asked once at most whether the session is there.
    assert!(of_method(&server, "ping").len() <= 1);
    assert_eq!(of_method(&server, "initialize").len(), 1);
}

#[tokio::test]
async fn a_call_whose_session_is_lost_under_way_fails_with_one_clear_sentence() {
    let called = Mutex::new(false);
    let sessions = AtomicUsize::new(0);
    let server = legacy(move |message| {
        let session = message.header("mcp-session-id").unwrap_or_default();
        match (message.request.method.as_str(), message.method()) {
            (_, "initialize") => {
                let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
                Some(opened(message, number))
            }
            (_, "tools/call") if !std::mem::replace(&mut *called.lock().unwrap(), true) => Some(
                streamed(ScriptedAnswer::broken("id: 1\nretry: 1\ndata: \n\n")),
            ),
            ("GET", _) if message.header("last-event-id").is_some() => {
                Some(ScriptedAnswer::status(404))
            }
            (_, "ping") if session == "session-1" => Some(ScriptedAnswer::status(404)),
            (_, "ping") => Some(message.result(json!({}))),
            _ => None,
        }
    })
    .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("work", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed), "{refused}");
    assert!(refused.to_string().contains("is not known"), "{refused}");
    // It is not made a second time, and the next one is made in the new session.
    assert_eq!(of_method(&server, "tools/call").len(), 1);
    assert_eq!(client.call::<String>("work", ()).await.unwrap(), "done");
}

/// Says where it is.
#[tool]
async fn place() -> &'static str {
    "here"
}

/// A note.
#[resource("note://{id}")]
async fn note(id: String) -> String {
    id
}

/// A server of ours at `address`, and who tells its clients of changes.
async fn ours(address: &str) -> (countersign::RunningServer, Notifier) {
    let notifier = Notifier::new();
    let server = Server::new("Again")
        .tool(place)
        .resource(note)
        .notifier(&notifier)
        .sessions(Sessions::Always);
    let http = Http::bind(address).shutdown_timeout(Duration::ZERO);
    (server.start(http).await.unwrap(), notifier)
}

#[tokio::test]
async fn m_43_a_server_of_ours_is_started_again_and_clients_of_both_eras_go_on() {
    for legacy in [false, true] {
        let (running, _) = ours("127.0.0.1:0").await;
        let url = running.url().to_owned();
        let address = url::Url::parse(&url).unwrap();
        let address = format!("127.0.0.1:{}", address.port().unwrap());
        let (heard, mut changes) = unbounded_channel();
        let connect = Client::connect(&url).on_change(move |change| {
            let _ = heard.send(change);
        });
        let connect = match legacy {
            true => connect.legacy(),
            false => connect,
        };
        let client = connect.await.unwrap();
        client.subscribe("note://1").await.unwrap();
        running.stop().await;
        let refused = client.call_tool("place", ()).await.unwrap_err();
        let is_away = matches!(refused, ClientError::Unreachable(_) | ClientError::Closed);
        assert!(is_away, "{refused}");

        let (_running, notifier) = ours(&address).await;
        let said: String = client.call("place", ()).await.unwrap();
        assert_eq!(said, "here");
        // All may have changed meanwhile, and from then on it hears of changes again.
        let note = Change::Resource("note://1".to_owned());
        while changes.recv().await.unwrap() != note {}
        notifier.resource_updated("note://1");
        assert_eq!(changes.recv().await.unwrap(), note, "{legacy}");
    }
}
