//! What clients are asked, and what they must not be asked.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::sync::{Arc, Mutex};

use countersign::in_memory::{CallError, InMemoryClient};
use countersign::policy::Denial;
use countersign::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationSchema, Role, Root, SamplingMessage, StringSchema,
};
use countersign::{AccessToken, Context, Elicited, Server, ToolError, tool};
use countersign_resource_server::Assertion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::CaptureLog;

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Order {
    /// How big.
    size: Size,
    /// How many.
    #[schemars(range(min = 1, max = 9))]
    count: u8,
    note: Option<String>,
}

/// Takes an order.
#[tool(interactive)]
async fn order(context: Context) -> Result<String, ToolError> {
    Ok(
        match context.elicit_as::<Order>("What would you like?").await? {
            Elicited::Accepted(order) => format!("{} {:?}", order.count, order.size),
            Elicited::Declined => "declined".to_owned(),
            Elicited::Cancelled => "cancelled".to_owned(),
        },
    )
}

/// Asks for the field that it is told to ask for.
#[tool(interactive)]
async fn pry(context: Context, field: String) -> Result<bool, ToolError> {
    let schema = ElicitationSchema::builder()
        .required_string_property(field, |property: StringSchema| property)
        .build_unchecked();
    context.elicit("Tell me", schema).await?;
    Ok(true)
}

/// Sends the person to a URL.
#[tool(interactive)]
async fn open(context: Context, url: String) -> Result<bool, ToolError> {
    let answer = context.elicit_url("Please open this", url).await?;
    Ok(answer == Elicited::Accepted(()))
}

/// Asks everything at once.
#[tool(interactive)]
async fn everything(context: Context) -> Result<String, ToolError> {
    let mut answers = context
        .ask()
        .elicit_as::<Order>("order", "What would you like?")
        .sample("wish", question())
        .list_roots("roots")
        .await?;
    let order = answers.elicited_as::<Order>("order")?.accepted();
    let wish = answers.sampled("wish")?;
    let roots = answers.roots("roots")?;
    Ok(format!(
        "{} {} {}",
        order.map_or(0, |order| order.count),
        wish.model,
        roots.roots.len()
    ))
}

fn question() -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user_text("A wish?")], 10)
}

fn server() -> InMemoryClient {
    Server::new("Shop")
        .tool(order)
        .tool(pry)
        .tool(open)
        .tool(everything)
        .test_client()
        .unwrap()
}

fn accepting(content: Value) -> impl Fn(&ElicitRequestParams) -> ElicitResult + Send + Sync {
    move |_| ElicitResult::new(ElicitationAction::Accept).with_content(content.clone())
}

async fn text(client: &InMemoryClient, tool: &str, arguments: Value) -> String {
    let result = client.call_tool(tool, arguments).await.unwrap();
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn co_03_nothing_undeclared_is_asked_and_the_error_names_the_capability() {
    let person = accepting(json!({ "size": "small", "count": 1 }));
    let bare = server();
    for (client, tool, missing) in [
        (bare.clone(), "order", "elicitation"),
        (bare.clone().on_elicit(person), "everything", "sampling"),
    ] {
        let error = client.call_tool(tool, json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some(-32021), "{tool}");
        assert_eq!(error.status(), 400);
        let CallError::Protocol(error) = error else {
            panic!("{error:?}");
        };
        let required = &error.data.unwrap()["requiredCapabilities"];
        assert!(required[missing].is_object(), "{required}");
    }
}

#[tokio::test]
async fn e47_co_06_urls_that_are_not_for_people_are_refused() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let client = server().on_elicit(move |params| {
        seen.lock().unwrap().push(format!("{params:?}"));
        ElicitResult::new(ElicitationAction::Accept)
    });
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>",
        "file:///etc/passwd",
        "ftp://files.example/x",
        "http://shop.example/pay",
        "https://user@shop.example/",
        "https://user:word@shop.example/",
        "https://@shop.example/",
        "https://shop.example@evil.example/",
        "https://10.0.0.1/",
        "https://192.168.1.1/admin",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://intranet/",
        "https://2130706433.internal/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example\\@evil.example/",
        "//shop.example/",
        "shop.example",
        "",
    ] {
        let result = client
            .call_tool("open", json!({ "url": url }))
            .await
            .unwrap();
        assert_eq!(result.is_error, Some(true), "{url}");
    }
    assert!(asked.lock().unwrap().is_empty());
    for url in [
        "https://shop.example/pay?order=1",
        "https://shop.example",
        "http://127.0.0.1:8000/pay",
        "http://localhost/pay",
        "http://[::1]:8000/pay",
    ] {
        assert_eq!(
            text(&client, "open", json!({ "url": url })).await,
            "true",
            "{url}"
        );
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 5);
    // The address is sent as it was written.
    assert!(
        asked
            .iter()
            .any(|params| params.contains("\"https://shop.example\""))
    );
}

#[tokio::test]
async fn co_05_a_form_does_not_ask_for_secrets() {
    let client = server().on_elicit(accepting(json!({ "nickname": "x", "token_count": "3" })));
    for field in [
        "password",
        "Password",
        "new_password",
        "apiKey",
        "api-key",
        "client_secret",
        "accessToken",
        "card_number",
        "cvv",
    ] {
        let result = client
            .call_tool("pry", json!({ "field": field }))
            .await
            .unwrap();
        assert_eq!(result.is_error, Some(true), "{field}");
    }
    for field in ["nickname", "token_count"] {
        let answer = text(&client, "pry", json!({ "field": field })).await;
        assert_eq!(answer, "true", "{field}");
    }
}

#[tokio::test]
async fn a_form_of_a_type_is_flat_and_its_answer_is_of_the_type() {
    let seen = Arc::new(Mutex::new(Value::Null));
    let schema = Arc::clone(&seen);
    let client = server().on_elicit(move |params| {
        *schema.lock().unwrap() = serde_json::to_value(params).unwrap();
        ElicitResult::new(ElicitationAction::Accept)
            .with_content(json!({ "size": "large", "count": 2, "note": null, "extra": 1 }))
    });
    assert_eq!(text(&client, "order", json!({})).await, "2 Large");
    let params = seen.lock().unwrap().clone();
    assert_eq!(params["mode"], "form");
    let schema = &params["requestedSchema"];
    assert_eq!(
        schema["properties"]["size"]["enum"],
        json!(["small", "large"])
    );
    assert_eq!(schema["properties"]["count"]["type"], "integer");
    assert_eq!(schema["properties"]["count"]["maximum"], 9);
    assert_eq!(schema["properties"]["note"]["type"], "string");
    assert_eq!(schema["required"], json!(["size", "count"]));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_form_is_refused() {
    for content in [
        json!({}),
        json!({ "size": "small" }),
        json!({ "size": "medium", "count": 1 }),
        json!({ "size": "small", "count": 0 }),
        json!({ "size": "small", "count": 10 }),
        json!({ "size": "small", "count": 1.5 }),
        json!({ "size": "small", "count": "1" }),
        json!({ "size": "small", "count": 1, "note": 3 }),
    ] {
        let client = server().on_elicit(accepting(content.clone()));
        let error = client.call_tool("order", json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some(-32602), "{content}");
    }
    for (action, told) in [
        (ElicitationAction::Decline, "declined"),
        (ElicitationAction::Cancel, "cancelled"),
    ] {
        let client = server().on_elicit(move |_| ElicitResult::new(action.clone()));
        assert_eq!(text(&client, "order", json!({})).await, told);
    }
}

#[tokio::test]
async fn several_questions_are_asked_in_one_round() {
    let rounds = Arc::new(Mutex::new(0));
    let count = Arc::clone(&rounds);
    let client = server()
        .on_elicit(move |_| {
            *count.lock().unwrap() += 1;
            ElicitResult::new(ElicitationAction::Accept)
                .with_content(json!({ "size": "small", "count": 3 }))
        })
        .on_sample(|params| {
            assert_eq!(params.messages[0].role, Role::User);
            CreateMessageResult::new(SamplingMessage::assistant_text("peace"), "muse".to_owned())
        })
        .roots(vec![Root::new("file:///home")]);
    assert_eq!(text(&client, "everything", json!({})).await, "3 muse 1");
    assert_eq!(*rounds.lock().unwrap(), 1);
}

#[tokio::test]
async fn co_08_co_09_a_denied_caller_is_not_asked_anything() {
    /// Needs a scope.
    #[tool(scopes("write"), interactive)]
    async fn guarded(context: Context) -> Result<String, ToolError> {
        context.elicit_as::<Order>("?").await?;
        Ok("done".to_owned())
    }
    let client = Server::new("Shop")
        .tool(guarded)
        .test_client()
        .unwrap()
        .on_elicit(|_| panic!("a denied caller was asked"));
    let error = client.call_tool("guarded", json!({})).await.unwrap_err();
    assert!(matches!(
        error,
        CallError::Denied(Denial::Unauthenticated(_))
    ));
    assert_eq!(error.status(), 401);
    let token = AccessToken::assertion(Assertion::new("https://a.example", "alice"));
    let error = client
        .caller(token)
        .call_tool("guarded", json!({}))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        CallError::Denied(Denial::InsufficientScope(_))
    ));
    assert_eq!(error.status(), 403);
}

#[tokio::test]
async fn h1_answers_of_people_are_not_logged() {
    let (log, _guard) = CaptureLog::start();
    let client = server().on_elicit(accepting(json!({
        "size": "small", "count": 1, "note": "canary-of-a-note",
    })));
    assert_eq!(text(&client, "order", json!({})).await, "1 Small");
    log.assert_absent("canary-of-a-note");
}
