//! Calls that nobody waits for any more, and the terms of one call.

use std::time::Duration;

use countersign::client::{Client, ClientError, ErrorKind};
use countersign::{Context, Http, Server, State, tool};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::played::{events, modern, of_method, streamed, to};

/// Hears when a call begins and when it ends.
#[derive(Clone, Debug)]
struct Probe(UnboundedSender<&'static str>);

struct Ends(Probe);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.0.send("ended");
    }
}

/// Never answers.
#[tool]
async fn hang(context: Context, probe: State<Probe>) -> &'static str {
    let ends = Ends(Probe::clone(&probe));
    let _ = ends.0.0.send("begun");
    context.cancellation().cancelled().await;
    "cancelled"
}

#[tokio::test]
async fn a_future_that_is_dropped_cancels_its_call_at_the_server_on_every_wire() {
    let (heard, mut events) = unbounded_channel();
    let server = Server::new("Hanging").tool(hang).state(Probe(heard));
    let http = Http::bind("127.0.0.1:0").http_with_sse();
    let running = server.start(http).await.unwrap();
    let url = running.url();
    for connect in [
        Client::connect(url),
        Client::connect(url).legacy(),
        Client::sse(&url.replace("/mcp", "/sse")),
        Client::in_memory(&running.app()),
        Client::in_memory(&running.app()).legacy(),
    ] {
        let client = connect.await.unwrap();
        tokio::select! {
            answer = client.call_tool("hang", ()).into_future() => panic!("{answer:?}"),
            begun = events.recv() => assert_eq!(begun, Some("begun")),
        }
        assert_eq!(events.recv().await, Some("ended"));
        // The connection is as good as before.
        client.ping().await.unwrap();
        assert!(!client.is_closed());
    }
}

#[tokio::test]
async fn one_call_may_wait_shorter_than_the_others() {
    let (heard, mut events) = unbounded_channel();
    let server = Server::new("Hanging").tool(hang).state(Probe(heard));
    let app = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let client = Client::in_memory(&app).await.unwrap();
    let short = Duration::from_millis(50);
    for call in [
        client.call_tool("hang", ()).timeout(short),
        client.call_tool("hang", ()).overall_cap(short),
    ] {
        let refused = call.await.unwrap_err();
        assert!(matches!(refused, ClientError::TimedOut), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::Transport);
        assert_eq!(events.recv().await, Some("begun"));
        assert_eq!(events.recv().await, Some("ended"));
    }
}

#[tokio::test]
async fn the_progress_of_one_call_is_heard_by_whoever_asked_for_it_and_its_meta_is_told() {
    let server = modern(|message| {
        if message.method() != "tools/call" {
            return None;
        }
        let token = &message.body["params"]["_meta"]["progressToken"];
        let far = &message.body["params"]["arguments"]["far"];
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
            "params": {"progressToken": token, "progress": far}});
        let done = message.response(json!({"content": [{"type": "text", "text": "done"}]}));
        Some(streamed(testkit::ScriptedAnswer::stalled(events(&[
            progress, done,
        ]))))
    })
    .await;
    let (all, mut heard_of_all) = unbounded_channel();
    let connect = to(&server).on_progress(move |said| {
        let _ = all.send(said.progress);
    });
    let client = connect.await.unwrap();
    let (one, mut heard_of_one) = unbounded_channel();
    let call = client
        .call::<String>("work", json!({"far": 1.0}))
        .on_progress(move |said| {
            let _ = one.send(said.progress);
        })
        .meta("com.example/tenant", "acme");
    assert_eq!(call.await.unwrap(), "done");
    client.call_tool("work", json!({"far": 2.0})).await.unwrap();
    assert_eq!(heard_of_one.recv().await, Some(1.0));
    assert_eq!(heard_of_one.recv().await, None);
    assert_eq!(heard_of_all.recv().await, Some(1.0));
    assert_eq!(heard_of_all.recv().await, Some(2.0));
    let calls = of_method(&server, "tools/call");
    let tenant = |call: usize| &calls[call].body["params"]["_meta"]["com.example/tenant"];
    assert_eq!(tenant(0), "acme");
    assert_eq!(*tenant(1), json!(null));
}
