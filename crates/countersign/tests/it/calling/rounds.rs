//! Questions that are answered in rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::client::ClientError;
use countersign::protocol::{ElicitResult, ElicitationAction};
use serde_json::{Value, json};
use testkit::ScriptedAnswer;

use super::played::{Message, events, legacy, messages, modern, of_method, streamed, to};

fn asks(message: &Message, state: Option<&str>) -> ScriptedAnswer {
    let mut result = json!({
        "resultType": "input_required",
        "inputRequests": {"sure": {"method": "elicitation/create", "params": {
            "mode": "form", "message": "Sure?",
            "requestedSchema": {"type": "object", "properties": {"yes": {"type": "boolean"}}},
        }}},
    });
    if let Some(state) = state {
        result["requestState"] = json!(state);
    }
    message.result(result)
}

#[tokio::test]
async fn cl_45_a_state_goes_back_as_it_came_and_in_no_other_request() {
    for state in [
        Some("opaque"),
        Some(""),
        Some(" {\"a\": 1}\u{7f}\u{0}\n"),
        Some("ünï©ode 🦀 %20+&=\\u0041"),
        None,
    ] {
        let server = modern(move |message| {
            let params = &message.body["params"];
            let is_first = params.get("inputResponses").is_none();
            (params["name"] == "ask" && is_first).then(|| asks(message, state))
        })
        .await;
        let client = to(&server)
            .on_elicitation(async |_| {
                ElicitResult::new(ElicitationAction::Accept).with_content(json!({"yes": true}))
            })
            .await
            .unwrap();
        client.call_tool("ask", json!({"a": 1})).await.unwrap();
        client.call_tool("other", ()).await.unwrap();
        let calls = of_method(&server, "tools/call");
        let [first, retried, other] = &calls[..] else {
            panic!("{}", calls.len());
        };
        for call in [first, other] {
            assert_eq!(call.body["params"].get("requestState"), None, "{state:?}");
            assert_eq!(call.body["params"].get("inputResponses"), None, "{state:?}");
        }
        let params = &retried.body["params"];
        let told = params.get("requestState").and_then(Value::as_str);
        assert_eq!(told, state);
        assert_eq!(params["inputResponses"]["sure"]["content"]["yes"], true);
        assert_eq!(params["arguments"], json!({"a": 1}));
        assert_ne!(retried.body["id"], first.body["id"]);
    }
}

#[tokio::test]
async fn questions_that_nobody_was_offered_for_are_not_answered() {
    let server =
        modern(|message| (message.method() == "tools/call").then(|| asks(message, Some("state"))))
            .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("ask", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::NotMcp(_)), "{refused}");
    assert_eq!(of_method(&server, "tools/call").len(), 1);
}

#[tokio::test]
async fn questions_without_end_end() {
    let server =
        modern(|message| (message.method() == "tools/call").then(|| asks(message, Some("state"))))
            .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let client = to(&server)
        .on_elicitation(move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
            async { ElicitResult::new(ElicitationAction::Decline) }
        })
        .await
        .unwrap();
    let refused = client.call_tool("ask", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::NotMcp(_)), "{refused}");
    assert_eq!(asked.load(Ordering::SeqCst), 16);
    assert_eq!(of_method(&server, "tools/call").len(), 16);
}

#[tokio::test]
async fn cl_46_the_result_of_a_retried_request_is_not_kept() {
    let server = modern(|message| {
        let params = &message.body["params"];
        let answer = match params.get("inputResponses") {
            None => asks(message, None),
            Some(_) => message.result(json!({
                "contents": [], "ttlMs": 600_000, "cacheScope": "public",
            })),
        };
        (message.method() == "resources/read").then_some(answer)
    })
    .await;
    let client = to(&server)
        .on_elicitation(async |_| ElicitResult::new(ElicitationAction::Accept))
        .await
        .unwrap();
    for _ in 0..2 {
        client.read_resource("file:///a").await.unwrap();
    }
    assert_eq!(of_method(&server, "resources/read").len(), 4);
}

/// A question.
fn question() -> Value {
    json!({"method": "elicitation/create", "params": {
        "mode": "form", "message": "Sure?",
        "requestedSchema": {"type": "object", "properties": {}},
    }})
}

#[tokio::test]
async fn i12_more_questions_than_a_person_can_read_are_not_asked() {
    let server = modern(|message| {
        let all = |_: &Message| {
            let named = (0..1_000).map(|number| (format!("q{number}"), question()));
            let all: serde_json::Map<String, Value> = named.collect();
            message.result(json!({"resultType": "input_required", "inputRequests": all}))
        };
        (message.method() == "tools/call").then(|| all(message))
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let client = to(&server)
        .on_elicitation(move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
            async { ElicitResult::new(ElicitationAction::Decline) }
        })
        .await
        .unwrap();
    let refused = client.call_tool("ask", ()).await.unwrap_err();
    assert!(matches!(refused, ClientError::NotMcp(_)), "{refused}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn i12_a_server_of_before_cannot_ask_a_thousand_things_at_once() {
    let server = legacy(|message| {
        let all = || {
            let asked = (0..1_000).map(|number| {
                let mut asked = question();
                asked["jsonrpc"] = json!("2.0");
                asked["id"] = json!(number);
                asked
            });
            streamed(ScriptedAnswer::stalled(events(&asked.collect::<Vec<_>>())))
        };
        match message.method() {
            "tools/call" => Some(all()),
            // An answer to a question.
            "" if message.request.method == "POST" => Some(ScriptedAnswer::status(202)),
            _ => None,
        }
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let client = to(&server)
        .timeout(Duration::from_millis(500))
        .on_elicitation(move |_| {
            counting.fetch_add(1, Ordering::SeqCst);
            std::future::pending()
        })
        .await
        .unwrap();
    client.call_tool("ask", ()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 32);
    let refusals = messages(&server);
    assert!(
        refusals
            .iter()
            .any(|told| told.body["error"]["code"] == -32_000)
    );
}
