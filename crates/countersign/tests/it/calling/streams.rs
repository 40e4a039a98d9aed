//! Streams that break, and answers that belong to others.

use std::sync::Mutex;
use std::time::Duration;

use countersign::client::ClientError;
use serde_json::json;
use testkit::ScriptedAnswer;

use super::played::{events, legacy, messages, modern, of_method, streamed, to};

#[tokio::test]
async fn tr_18_a_request_whose_stream_broke_is_sent_again_with_a_new_id() {
    for cut in [
        ": nothing yet\n\n",
        "id: 7\nretry: 1\ndata: \n\n",
        "data: {\"jsonrpc\":\"2.0\",\"id\":",
    ] {
        for closes in [true, false] {
            let broke = Mutex::new(false);
            let server = modern(move |message| {
                if message.method() != "tools/call" {
                    return None;
                }
                if std::mem::replace(&mut *broke.lock().unwrap(), true) {
                    return Some(message.says("at last"));
                }
                Some(streamed(match closes {
                    true => ScriptedAnswer::status(200).body(cut),
                    false => ScriptedAnswer::broken(cut),
                }))
            })
            .await;
            let client = to(&server).await.unwrap();
            let said: String = client.call("work", json!({"a": 1})).await.unwrap();
            assert_eq!(said, "at last");
            let calls = of_method(&server, "tools/call");
            assert_eq!(calls.len(), 2, "{cut:?}");
            assert_ne!(calls[0].body["id"], calls[1].body["id"]);
            assert_eq!(
                calls[0].body["params"]["arguments"],
                calls[1].body["params"]["arguments"]
            );
            // Nothing is resumed.
            let others = messages(&server);
            assert!(others.iter().all(|other| other.request.method == "POST"));
        }
    }
}

#[tokio::test]
async fn tr_18_a_stream_that_breaks_again_is_an_error() {
    let server = modern(|message| {
        let broken = || streamed(ScriptedAnswer::broken(": no\n\n"));
        (message.method() == "tools/call").then(broken)
    })
    .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("work", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed), "{refused}");
    assert_eq!(of_method(&server, "tools/call").len(), 2);
}

#[tokio::test]
async fn a_legacy_stream_that_broke_is_taken_up_where_it_was() {
    let pending = Mutex::new(json!(null));
    let server = legacy(move |message| {
        if message.method() == "tools/call" {
            *pending.lock().unwrap() = message.body["id"].clone();
            let cut = "id: event-1\nretry: 1\ndata: \n\n";
            return Some(streamed(ScriptedAnswer::broken(cut)));
        }
        message.header("last-event-id").map(|id| {
            let text = json!({"content": [{"type": "text", "text": id}]});
            let answer = json!({"jsonrpc": "2.0", "id": *pending.lock().unwrap(), "result": text});
            streamed(ScriptedAnswer::stalled(events(&[answer])))
        })
    })
    .await;
    let client = to(&server).await.unwrap();
    let said: String = client.call("work", ()).await.unwrap();
    assert_eq!(said, "event-1");
    assert_eq!(of_method(&server, "tools/call").len(), 1);
}

#[tokio::test]
async fn i12_a_server_that_ends_its_stream_again_and_again_is_not_listened_to_without_pause() {
    for (cut, breaks) in [
        ("retry: 0\ndata: \n\n", false),
        ("id: 1\nretry: 0\ndata: \n\n", false),
        ("id: 1\ndata: \n\n", true),
    ] {
        let server = legacy(move |message| {
            let ended = || match breaks {
                true => ScriptedAnswer::broken(cut),
                false => ScriptedAnswer::status(200).body(cut),
            };
            match (message.request.method.as_str(), message.method()) {
                ("GET", _) => Some(streamed(ended())),
                (_, "tools/call") => Some(streamed(ScriptedAnswer::stalled(""))),
                _ => None,
            }
        })
        .await;
        let connect = to(&server).timeout(Duration::from_secs(1));
        let client = connect.await.unwrap();
        client.call_tool("work", ()).await.unwrap_err();
        let told = messages(&server);
        let heard = told.iter().filter(|it| it.request.method == "GET").count();
        assert!((5..=24).contains(&heard), "{cut:?}: {heard} times");
    }
}

/// What a server asks before its stream is there would be lost.
#[tokio::test]
async fn a_server_with_sessions_is_listened_to_before_it_is_asked_for_anything() {
    for _ in 0..10 {
        let server = legacy(|_| None).await;
        let _client = to(&server).await.unwrap();
        let told = messages(&server);
        assert!(told.iter().any(|message| message.request.method == "GET"));
    }
}

#[tokio::test]
async fn i19_answers_to_other_requests_are_not_taken_for_ones_own() {
    // In a stream they are passed over …
    let server = modern(|message| {
        if message.method() != "tools/call" {
            return None;
        }
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        let mut foreign = message.response(text("somebody else's"));
        foreign["id"] = json!(message.body["id"].as_i64().unwrap() + 1);
        let mut error = foreign.clone();
        error["error"] = json!({"code": -32000, "message": "somebody else's"});
        error.as_object_mut().unwrap().remove("result");
        let own = message.response(text("mine"));
        let all = events(&[foreign, error, own]);
        Some(streamed(ScriptedAnswer::stalled(all)))
    })
    .await;
    let client = to(&server).await.unwrap();
    assert_eq!(client.call::<String>("work", ()).await.unwrap(), "mine");

    // … and alone they are none.
    for other in [json!(4_711), json!("x"), json!(-1)] {
        let server = modern(move |message| {
            let mut foreign = message.response(json!({"content": []}));
            foreign["id"] = other.clone();
            let answer = ScriptedAnswer::json(foreign.to_string());
            (message.method() == "tools/call").then_some(answer)
        })
        .await;
        let client = to(&server).timeout(Duration::from_secs(5)).await.unwrap();
        let refused = client.call_tool("work", ()).await.unwrap_err();
        assert!(matches!(refused, ClientError::NotMcp(_)), "{refused}");
    }
}

#[tokio::test]
async fn i19_two_servers_that_use_the_same_ids_are_kept_apart() {
    let played = async |name: &'static str| {
        modern(move |message| (message.method() == "tools/call").then(|| message.says(name))).await
    };
    let (left, right) = (played("left").await, played("right").await);
    let clients = (to(&left).await.unwrap(), to(&right).await.unwrap());
    for _ in 0..20 {
        let (one, other) = tokio::join!(
            clients.0.call::<String>("work", ()).into_future(),
            clients.1.call::<String>("work", ()).into_future(),
        );
        assert_eq!((&*one.unwrap(), &*other.unwrap()), ("left", "right"));
    }
    // The ids were the same all along.
    let ids = |server| -> Vec<_> {
        let calls = of_method(server, "tools/call");
        calls
            .into_iter()
            .map(|call| call.body["id"].clone())
            .collect()
    };
    assert_eq!(ids(&left), ids(&right));
}
