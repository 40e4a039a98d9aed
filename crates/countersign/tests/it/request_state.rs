//! The state that a client carries from one round of a call to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::in_memory::{CallError, InMemoryClient};
use countersign::oauth::{Lifetime, ScopeSet};
use countersign::protocol::{
    CallToolResponse, ElicitResult, ElicitationAction, ElicitationSchema, InputRequiredResult,
    InputResponses,
};
use countersign::{
    AccessToken, Context, Elicited, Server, SourceName, State, ToolError, prompt, tool,
};
use countersign_resource_server::Assertion;
use serde_json::{Value, json};
use testkit::{NOW, TestClock};

#[derive(Default)]
struct Transfers(AtomicU64);

fn yes_or_no() -> ElicitationSchema {
    ElicitationSchema::builder()
        .required_bool("sure")
        .build_unchecked()
}

/// Sends money, once the person agreed.
#[tool(interactive)]
async fn transfer(
    context: Context,
    amount: u64,
    transfers: State<Transfers>,
) -> Result<String, ToolError> {
    context.remember(&amount)?;
    let answer = context
        .elicit(format!("Send {amount}?"), yes_or_no())
        .key("sure")
        .await?;
    let Elicited::Accepted(answer) = answer else {
        return Ok("not sent".to_owned());
    };
    if answer.get("sure") != Some(&Value::Bool(true)) {
        return Ok("not sent".to_owned());
    }
    context.once()?;
    let amount: u64 = context.request_state()?.unwrap_or_default();
    transfers.0.0.fetch_add(amount, Ordering::SeqCst);
    Ok(format!("sent {amount}"))
}

/// The same question by another tool.
#[tool(interactive)]
async fn refund(
    context: Context,
    amount: u64,
    transfers: State<Transfers>,
) -> Result<String, ToolError> {
    transfer_of(context, amount, transfers).await
}

async fn transfer_of(
    context: Context,
    amount: u64,
    transfers: State<Transfers>,
) -> Result<String, ToolError> {
    context
        .elicit(format!("Send {amount}?"), yes_or_no())
        .key("sure")
        .await?;
    transfers.0.0.fetch_add(amount, Ordering::SeqCst);
    Ok("sent".to_owned())
}

/// Asks for two things, one after the other.
#[tool(interactive)]
async fn introduce(context: Context) -> Result<String, ToolError> {
    let text = |name: &str| {
        ElicitationSchema::builder()
            .required_string(name)
            .build_unchecked()
    };
    let name = context.elicit("Name?", text("name")).await?;
    let color = context.elicit("Color?", text("color")).await?;
    let of = |answer: Elicited<countersign::protocol::JsonObject>, name: &str| {
        answer
            .accepted()
            .and_then(|form| form.get(name).cloned())
            .unwrap_or_default()
    };
    Ok(format!("{} likes {}", of(name, "name"), of(color, "color")))
}

/// A question whose words change.
#[tool(interactive)]
async fn moody(context: Context, asked: State<Transfers>) -> Result<String, ToolError> {
    let number = asked.0.0.fetch_add(1, Ordering::SeqCst);
    context
        .elicit(format!("Delete item {number}?"), yes_or_no())
        .key("sure")
        .await?;
    Ok("deleted".to_owned())
}

/// Asks while it is rendered.
#[prompt(interactive)]
async fn themed(context: Context) -> Result<String, ToolError> {
    let schema = ElicitationSchema::builder()
        .required_string("theme")
        .build_unchecked();
    let answer = context.elicit("Theme?", schema).await?;
    let theme = answer
        .accepted()
        .and_then(|form| form.get("theme").cloned());
    Ok(format!("About {}", theme.unwrap_or_default()))
}

fn token(issuer: &str, subject: &str, client: Option<&str>) -> AccessToken {
    let mut verified = Assertion::new(issuer, subject).scopes(ScopeSet::new());
    if let Some(client) = client {
        verified = verified.client_id(client);
    }
    AccessToken::assertion(verified)
}

fn server(clock: &TestClock) -> Server {
    server_named("Bank", clock)
}

fn server_named(name: &str, clock: &TestClock) -> Server {
    Server::new(name)
        .state(Transfers::default())
        .clock(Arc::new(clock.clone()))
        .tool(transfer)
        .tool(refund)
        .tool(introduce)
        .tool(moody)
        .prompt(themed)
}

fn client(clock: &TestClock) -> InMemoryClient {
    server(clock)
        .test_client()
        .unwrap()
        .caller(token("https://a.example", "alice", Some("app")))
        .on_elicit(agree)
}

fn agree(_: &countersign::protocol::ElicitRequestParams) -> ElicitResult {
    ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "sure": true }))
}

async fn first_round(client: &InMemoryClient, tool: &str, arguments: Value) -> InputRequiredResult {
    match client.call_tool_once(tool, arguments, None).await.unwrap() {
        CallToolResponse::InputRequired(asked) => asked,
        other => panic!("the tool did not ask: {other:?}"),
    }
}

fn sure() -> InputResponses {
    InputResponses::from([(
        "sure".to_owned(),
        json!({ "action": "accept", "content": { "sure": true } }),
    )])
}

fn text_of(response: &CallToolResponse) -> String {
    match response {
        CallToolResponse::Complete(result) => result.content[0].as_text().unwrap().text.clone(),
        other => panic!("not complete: {other:?}"),
    }
}

fn assert_refused(outcome: Result<CallToolResponse, CallError>, what: &str) {
    match outcome {
        Err(error) => assert_eq!(error.code(), Some(-32602), "{what}"),
        Ok(response) => panic!("{what}: {response:?}"),
    }
}

/// Everything that was sent.
async fn sent(client: &InMemoryClient) -> bool {
    // A fresh call shows whether the total moved: `moody` counts in the same state.
    let asked = first_round(client, "moody", json!({})).await;
    let questions = serde_json::to_string(&asked.input_requests).unwrap();
    !questions.contains("item 0")
}

/// Texts that are not the state that was given out.
fn forged(state: &str) -> [(&'static str, String); 6] {
    let mut flipped = state.to_owned().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    [
        ("one bit flipped", String::from_utf8(flipped).unwrap()),
        ("truncated", state[..state.len() - 4].to_owned()),
        ("with text after it", format!("{state}-TAMPERED")),
        ("empty", String::new()),
        ("no base64url", "$$$".to_owned()),
        ("1 MiB", "A".repeat(1024 * 1024)),
    ]
}

/// Clients that are not the one that was asked.
fn strangers(alice: &InMemoryClient) -> [(&'static str, InMemoryClient); 6] {
    let as_caller = |issuer, subject, client| alice.clone().caller(token(issuer, subject, client));
    let (here, there) = ("https://a.example", "https://b.example");
    let by_key = Assertion::new(here, "alice").client_id("app");
    let by_key = AccessToken::assertion(by_key.source(SourceName::API_KEY));
    [
        ("bob's", as_caller(here, "bob", Some("app"))),
        ("of another issuer", as_caller(there, "alice", Some("app"))),
        ("of another client", as_caller(here, "alice", Some("other"))),
        ("of no client", as_caller(here, "alice", None)),
        ("of nobody", alice.clone().anonymous()),
        ("of another source", alice.clone().caller(by_key)),
    ]
}

#[tokio::test]
async fn e38_co_01_co_02_co_08_a_state_that_is_not_its_own_is_refused_without_effect() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let five = json!({ "amount": 5 });
    let state = first_round(&alice, "transfer", five.clone())
        .await
        .request_state
        .unwrap();
    let mut attempts = vec![(
        "of another tool",
        &alice,
        "refund",
        five.clone(),
        Some(state.clone()),
    )];
    let more = json!({ "amount": 5000 });
    attempts.push((
        "for other arguments",
        &alice,
        "transfer",
        more,
        Some(state.clone()),
    ));
    let restarted = client(&clock);
    attempts.push((
        "of another process",
        &restarted,
        "transfer",
        five.clone(),
        Some(state.clone()),
    ));
    for (what, text) in forged(&state) {
        attempts.push((what, &alice, "transfer", five.clone(), Some(text)));
    }
    let strangers = strangers(&alice);
    for (what, stranger) in &strangers {
        attempts.push((
            what,
            stranger,
            "transfer",
            five.clone(),
            Some(state.clone()),
        ));
    }
    for (what, client, tool, arguments, state) in attempts {
        let inputs = Some((sure(), state));
        assert_refused(client.call_tool_once(tool, arguments, inputs).await, what);
    }
    clock.advance(Lifetime::from_mins(10));
    let inputs = Some((sure(), Some(state)));
    assert_refused(
        alice.call_tool_once("transfer", five, inputs).await,
        "expired",
    );
    assert!(!sent(&alice).await);
}

#[tokio::test]
async fn e38_co_02_answers_without_the_state_that_asked_for_them_are_none() {
    let alice = client(&TestClock::new());
    for tool in ["refund", "transfer"] {
        let inputs = Some((sure(), None));
        let next = alice
            .call_tool_once(tool, json!({ "amount": 5 }), inputs)
            .await;
        assert!(
            matches!(next, Ok(CallToolResponse::InputRequired(_))),
            "{tool}: {next:?}"
        );
    }
    assert!(!sent(&alice).await);
}

#[tokio::test]
async fn e38_co_02_the_answers_to_a_one_shot_action_work_once() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let arguments = json!({ "amount": 5 });
    let state = first_round(&alice, "transfer", arguments.clone())
        .await
        .request_state;
    let inputs = || Some((sure(), state.clone()));
    let first = alice
        .call_tool_once("transfer", arguments.clone(), inputs())
        .await
        .unwrap();
    assert_eq!(text_of(&first), "sent 5");
    for _ in 0..2 {
        let again = alice
            .call_tool_once("transfer", arguments.clone(), inputs())
            .await;
        assert_refused(again, "replayed");
    }
    clock.advance(Lifetime::from_secs(599));
    let late = alice
        .call_tool_once("transfer", arguments.clone(), inputs())
        .await;
    assert_refused(late, "replayed late");
}

#[tokio::test]
async fn co_02_the_same_arguments_in_another_order_are_the_same_request() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let state = first_round(&alice, "transfer", json!({ "amount": 5, "note": "x" }))
        .await
        .request_state;
    let done = alice
        .call_tool_once(
            "transfer",
            json!({ "note": "x", "amount": 5 }),
            Some((sure(), state)),
        )
        .await
        .unwrap();
    assert_eq!(text_of(&done), "sent 5");
}

#[tokio::test]
async fn co_01_a_client_reads_nothing_in_a_state() {
    let clock = TestClock::new();
    let state = first_round(&client(&clock), "transfer", json!({ "amount": 5 }))
        .await
        .request_state
        .unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&state).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for canary in ["alice", "sure", "asked", "expires"] {
        assert!(!text.contains(canary), "{canary}");
    }
}

#[tokio::test]
async fn co_02_an_answer_counts_only_for_the_question_it_was_given_to() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let asked = first_round(&alice, "moody", json!({})).await;
    let next = alice
        .call_tool_once("moody", json!({}), Some((sure(), asked.request_state)))
        .await
        .unwrap();
    assert!(
        matches!(next, CallToolResponse::InputRequired(_)),
        "the answer for item 0 was taken for item 1"
    );
}

#[tokio::test]
async fn co_01_an_answer_of_an_earlier_round_cannot_be_changed_later() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let answer = |key: &str, content: Value| {
        (
            key.to_owned(),
            json!({ "action": "accept", "content": content }),
        )
    };
    let asked = first_round(&alice, "introduce", json!({})).await;
    let key = |asked: &InputRequiredResult| {
        let requests = asked.input_requests.clone().unwrap();
        assert_eq!(requests.len(), 1);
        requests.into_keys().next().unwrap()
    };
    let first = key(&asked);
    let round = InputResponses::from([answer(&first, json!({ "name": "Ann" }))]);
    let next = alice
        .call_tool_once(
            "introduce",
            json!({}),
            Some((round, asked.request_state.clone())),
        )
        .await
        .unwrap();
    let CallToolResponse::InputRequired(next) = next else {
        panic!("the second question is missing");
    };
    assert_ne!(next.request_state, asked.request_state);
    let second = key(&next);
    assert_ne!(first, second);
    let round = InputResponses::from([
        answer(&first, json!({ "name": "Mallory" })),
        answer(&second, json!({ "color": "blue" })),
    ]);
    let done = alice
        .call_tool_once("introduce", json!({}), Some((round, next.request_state)))
        .await
        .unwrap();
    assert_eq!(text_of(&done), "\"Ann\" likes \"blue\"");
}

#[tokio::test]
async fn co_02_answers_of_a_wrong_shape_are_refused() {
    let clock = TestClock::new();
    let alice = client(&clock);
    let arguments = json!({ "amount": 5 });
    let state = first_round(&alice, "transfer", arguments.clone())
        .await
        .request_state;
    for answer in [
        json!(12345),
        json!(null),
        json!("yes"),
        json!({}),
        json!({ "action": "accept" }),
        json!({ "action": "accept", "content": {} }),
        json!({ "action": "accept", "content": { "sure": "yes" } }),
        json!({ "action": "perhaps" }),
        json!({ "roots": [] }),
    ] {
        let answers = InputResponses::from([("sure".to_owned(), answer.clone())]);
        let outcome = alice
            .call_tool_once(
                "transfer",
                arguments.clone(),
                Some((answers, state.clone())),
            )
            .await;
        assert_refused(outcome, &answer.to_string());
    }
    for action in ["decline", "cancel"] {
        let answers = InputResponses::from([("sure".to_owned(), json!({ "action": action }))]);
        let outcome = alice
            .call_tool_once(
                "transfer",
                arguments.clone(),
                Some((answers, state.clone())),
            )
            .await
            .unwrap();
        assert_eq!(text_of(&outcome), "not sent");
    }
}

#[tokio::test]
async fn nodes_with_the_same_key_understand_each_other() {
    let clock = TestClock::new();
    let node_of = |name: &str, key: &str| {
        server_named(name, &clock)
            .request_state_key(key.to_owned())
            .test_client()
            .unwrap()
            .caller(token("https://a.example", "alice", None))
            .on_elicit(agree)
    };
    let node = |key: &str| node_of("Bank", key);
    let arguments = json!({ "amount": 5 });
    let key = "0123456789abcdef0123456789abcdef";
    let state = first_round(&node(key), "transfer", arguments.clone())
        .await
        .request_state;
    let other = node("another key of thirty-two bytes!!")
        .call_tool_once("transfer", arguments.clone(), Some((sure(), state.clone())))
        .await;
    assert_refused(other, "of a node with another key");
    let another = node_of("Shop", key)
        .call_tool_once("transfer", arguments.clone(), Some((sure(), state.clone())))
        .await;
    assert_refused(another, "of another server with the same key");
    let done = node(key)
        .call_tool_once("transfer", arguments, Some((sure(), state)))
        .await
        .unwrap();
    assert_eq!(text_of(&done), "sent 5");
}

#[tokio::test]
async fn a_short_request_state_key_keeps_the_server_from_starting() {
    let fault = Server::new("Bank")
        .request_state_key("too short".to_owned())
        .test_client()
        .unwrap_err();
    assert!(fault.to_string().contains("32 bytes"), "{fault}");
}

#[tokio::test]
async fn co_04_prompts_ask_too_and_lists_never_do() {
    let clock = TestClock::new();
    let alice = client(&clock).on_elicit(|_| {
        ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "theme": "rain" }))
    });
    let prompt = alice.get_prompt("themed", Value::Null).await.unwrap();
    assert!(
        serde_json::to_string(&prompt).unwrap().contains("rain"),
        "{prompt:?}"
    );
    assert_eq!(alice.list_prompts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn co_07_a_ticket_is_good_for_its_user_and_for_ten_minutes() {
    /// Makes a ticket.
    #[tool]
    async fn ticket(context: Context) -> Result<String, ToolError> {
        context.url_ticket()
    }
    let clock = TestClock::new();
    let server = server(&clock).tool(ticket);
    let tickets = server.url_tickets();
    let client = server.test_client().unwrap();
    let alice = client
        .clone()
        .caller(token("https://a.example", "alice", None));
    let response = alice
        .call_tool_once("ticket", json!({}), None)
        .await
        .unwrap();
    let ticket = text_of(&response);
    assert!(tickets.is_for(&ticket, "https://a.example", "alice", NOW));
    for (issuer, subject) in [
        ("https://a.example", "bob"),
        ("https://b.example", "alice"),
        ("", ""),
    ] {
        assert!(!tickets.is_for(&ticket, issuer, subject, NOW), "{subject}");
    }
    let late = NOW.saturating_add(Lifetime::from_mins(10));
    assert!(!tickets.is_for(&ticket, "https://a.example", "alice", late));
    assert!(!tickets.is_for(&ticket[1..], "https://a.example", "alice", NOW));
    let state = first_round(&alice.on_elicit(agree), "transfer", json!({ "amount": 1 }))
        .await
        .request_state
        .unwrap();
    assert!(!tickets.is_for(&state, "https://a.example", "alice", NOW));
    let anonymous = client.call_tool("ticket", json!({})).await.unwrap();
    assert_eq!(anonymous.is_error, Some(true));
}
