//! Servers that answer too much, too slowly or without end.

use std::time::Duration;

use countersign::client::ClientError;
use serde_json::json;
use testkit::ScriptedAnswer;

use super::played::{Message, legacy, messages, modern, of_method, streamed, to};

/// The answer to a call of `work`.
async fn outcome(
    patience: Duration,
    answer: impl Fn(&Message) -> ScriptedAnswer + Send + Sync + 'static,
) -> Result<(), ClientError> {
    let server =
        modern(move |message| (message.method() == "tools/call").then(|| answer(message))).await;
    let client = to(&server).await?;
    let call = client.call_tool("work", ()).timeout(patience);
    call.await.map(|_| ())
}

/// Whoever is bounded by size needs no bound in time.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn i12_a_huge_answer_is_not_read_to_its_end() {
    let huge = |_: &Message| {
        ScriptedAnswer::endless("a".repeat(1 << 20)).header("content-type", "application/json")
    };
    assert!(matches!(
        outcome(LONG, huge).await,
        Err(ClientError::TooLarge)
    ));
}

#[tokio::test]
async fn i12_an_answer_of_very_many_small_values_is_not_made() {
    for value in ["0,", "{},", "{\"a\":0},"] {
        let body = move |message: &Message| {
            let many = value.repeat(600_000);
            let id = &message.body["id"];
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[],"structuredContent":{{"a":[{many}0]}}}}}}"#
            )
        };
        let plain = move |message: &Message| ScriptedAnswer::json(body(message));
        let refused = outcome(LONG, plain).await;
        assert!(matches!(refused, Err(ClientError::TooLarge)), "{refused:?}");
        let event = move |message: &Message| {
            streamed(ScriptedAnswer::stalled(format!(
                "data: {}\n\n",
                body(message)
            )))
        };
        let refused = outcome(LONG, event).await;
        assert!(matches!(refused, Err(ClientError::TooLarge)), "{refused:?}");
    }
    // A text may have any characters.
    let text = |message: &Message| message.says(&",[{".repeat(600_000));
    outcome(LONG, text).await.unwrap();
}

#[tokio::test]
async fn i12_a_deep_answer_is_refused() {
    for depth in [200, 100_000] {
        let deep = move |message: &Message| {
            let (begin, end) = ("[".repeat(depth), "]".repeat(depth));
            ScriptedAnswer::json(format!(
                r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[],"structuredContent":{begin}{end}}}}}"#,
                message.body["id"]
            ))
        };
        assert!(matches!(
            outcome(LONG, deep).await,
            Err(ClientError::NotMcp(_))
        ));
        let streamed_deep = move |message: &Message| {
            let (begin, end) = ("[".repeat(depth), "]".repeat(depth));
            let text = format!(
                "data: {{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{begin}{end}}}\n\n",
                message.body["id"]
            );
            streamed(ScriptedAnswer::stalled(text))
        };
        let refused = outcome(LONG, streamed_deep).await;
        assert!(
            matches!(refused, Err(ClientError::NotMcp(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn i12_an_event_without_end_is_not_read_to_its_end() {
    for line in ["data: ", "data: a\n", "data: a\r\n", ": a\n"] {
        let endless = move |_: &Message| streamed(ScriptedAnswer::endless(line.repeat(1 << 16)));
        let refused = outcome(LONG, endless).await;
        assert!(
            matches!(refused, Err(ClientError::TooLarge)),
            "{line:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn i12_a_slow_answer_is_given_up() {
    for slow in [
        |_: &Message| ScriptedAnswer::stalled("{").header("content-type", "application/json"),
        |_: &Message| streamed(ScriptedAnswer::stalled("data: {")),
        |_: &Message| streamed(ScriptedAnswer::stalled("")),
    ] {
        let refused = outcome(SHORT, slow).await;
        assert!(matches!(refused, Err(ClientError::TimedOut)), "{refused:?}");
    }
}

#[tokio::test]
async fn i12_a_million_tools_are_too_many() {
    // In one answer, and page by page.
    let tool = r#"{"name":"a","inputSchema":{}}"#;
    let all = vec![tool; 1_000_000].join(",");
    let all = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{all}]}}}}"#);
    let server = modern(move |message| {
        (message.method() == "tools/list").then(|| ScriptedAnswer::json(all.clone()))
    })
    .await;
    let client = to(&server).await.unwrap();
    assert!(matches!(client.tools().await, Err(ClientError::TooLarge)));

    let page = vec![json!({"name": "a", "inputSchema": {"type": "object"}}); 1_000];
    let server = modern(move |message| {
        let answer = || {
            message.result(json!({
                "tools": page, "nextCursor": "more", "ttlMs": 0, "cacheScope": "private",
            }))
        };
        (message.method() == "tools/list").then(answer)
    })
    .await;
    let client = to(&server).await.unwrap();
    assert!(matches!(client.tools().await, Err(ClientError::TooLarge)));
    let pages = of_method(&server, "tools/list").len();
    assert!(pages <= 11, "{pages}");
}

#[tokio::test]
async fn i12_a_list_of_empty_pages_ends() {
    let server = modern(|message| {
        let answer = message.result(json!({
            "tools": [], "nextCursor": "more", "ttlMs": 0, "cacheScope": "private",
        }));
        (message.method() == "tools/list").then_some(answer)
    })
    .await;
    let client = to(&server).await.unwrap();
    assert!(matches!(client.tools().await, Err(ClientError::NotMcp(_))));
    assert_eq!(of_method(&server, "tools/list").len(), 1_000);
}

/// A message that says that the call of `id` is so far.
fn progress(message: &Message, far: u32) -> serde_json::Value {
    let token = &message.body["params"]["_meta"]["progressToken"];
    json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": token, "progress": far}})
}

#[tokio::test]
async fn progress_without_end_ends_at_the_overall_cap() {
    let server = modern(|message| {
        let again = format!("data: {}\n\n", progress(message, 1));
        let endless = streamed(ScriptedAnswer::endless(again));
        (message.method() == "tools/call").then_some(endless)
    })
    .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("work", ()).overall_cap(SHORT).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ClientError::TimedOut), "{refused}");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled_at_the_server() {
    let server = legacy(|message| {
        (message.method() == "tools/call").then(|| streamed(ScriptedAnswer::stalled("")))
    })
    .await;
    let client = to(&server).await.unwrap();
    let refused = client.call_tool("work", ()).timeout(SHORT).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ClientError::TimedOut), "{refused}");
    let before = messages(&server).len();
    let cancelled =
        |server: &testkit::FakeIssuerServer| of_method(server, "notifications/cancelled");
    let mut arrived = before;
    while cancelled(&server).is_empty() {
        server.received(arrived).await;
        arrived += 1;
        assert!(arrived < before + 5, "nothing is cancelled");
    }
    let called = of_method(&server, "tools/call")[0].body["id"].clone();
    assert_eq!(cancelled(&server)[0].body["params"]["requestId"], called);
}
