//! Log messages and progress, on their way to the client that asked.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use countersign::in_memory::InMemoryClient;
use countersign::protocol::LoggingLevel;
use countersign::{Context, Server, ToolError, tool};
use serde_json::{Value, json};

/// Says something at every level.
#[tool]
async fn chat(context: Context) {
    context.debug("d").await;
    context.info("i").await;
    context.notice("n").await;
    context.warning("w").await;
    context.error("e").await;
    context
        .log(LoggingLevel::Emergency, Some("part"), json!({ "a": 1 }))
        .await;
}

/// Reports progress, also backwards.
#[tool]
async fn work(context: Context) -> Result<(), ToolError> {
    for progress in [0.0, 50.0, 50.0, 20.0, f64::NAN, 100.0] {
        context
            .report_progress(progress, Some(100.0), Some("working"))
            .await;
    }
    Ok(())
}

fn client() -> InMemoryClient {
    Server::new("Chat")
        .tool(chat)
        .tool(work)
        .test_client()
        .unwrap()
}

fn data(messages: &[Value]) -> Vec<&Value> {
    messages.iter().map(|m| &m["params"]["data"]).collect()
}

#[tokio::test]
async fn without_a_log_level_nothing_is_said() {
    let client = client();
    client.call_tool("chat", json!({})).await.unwrap();
    assert_eq!(client.notifications(), Vec::<Value>::new());
}

#[tokio::test]
async fn messages_below_the_level_are_not_sent() {
    for (level, told) in [
        (LoggingLevel::Debug, 6),
        (LoggingLevel::Info, 5),
        (LoggingLevel::Warning, 3),
        (LoggingLevel::Emergency, 1),
    ] {
        let client = client().log_level(level);
        client.call_tool("chat", json!({})).await.unwrap();
        let messages = client.notifications();
        assert_eq!(messages.len(), told, "{level:?}");
        assert!(
            messages
                .iter()
                .all(|m| m["method"] == "notifications/message")
        );
        assert_eq!(*data(&messages)[told - 1], json!({ "a": 1 }));
        assert_eq!(messages[told - 1]["params"]["logger"], "part");
        assert_eq!(messages[told - 1]["params"]["level"], "emergency");
    }
}

#[tokio::test]
async fn tr_16_only_notifications_are_sent_and_progress_only_grows() {
    let client = client();
    client.call_tool("work", json!({})).await.unwrap();
    let messages = client.notifications();
    let progress: Vec<_> = messages
        .iter()
        .map(|m| m["params"]["progress"].as_f64().unwrap())
        .collect();
    assert_eq!(progress, [0.0, 50.0, 100.0]);
    for message in &messages {
        assert_eq!(message["method"], "notifications/progress");
        assert!(message.get("id").is_none());
        assert_eq!(message["params"]["progressToken"], 1);
        assert_eq!(message["params"]["total"], 100.0);
    }
}
