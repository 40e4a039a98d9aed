//! Who calls is in the token and nowhere else: TR-13, row E43.

use countersign::{Caller, Sessions, tool};
use serde_json::json;
use testkit::{Answer, LegacyClient, ModernClient};

use crate::fixture::{Expected, Fixture};

const SUBJECT: &str = "subject-5c1f";
const EMAIL: &str = "mail-5c1f@as.test";
const ARGUMENT: &str = "argument-5c1f";

/// Says who calls.
#[tool]
fn who(name: String, caller: Caller) -> String {
    let token = caller.access_token();
    format!("{name} {}", token.map_or("nobody", |token| token.sub()))
}

fn fixture() -> Fixture {
    Fixture::with(|server| server.sessions(Sessions::Always).tool(who))
}

fn token(fixture: &Fixture) -> String {
    let token = fixture.issuer.token().sub(SUBJECT).scopes("read");
    token.claim("email", json!(EMAIL)).sign()
}

/// The signature is enough to know a token by.
fn assert_impersonal(answer: &Answer, token: &str, case: &str) {
    let signature = token.rsplit('.').next().unwrap();
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        for personal in [SUBJECT, EMAIL, ARGUMENT, signature] {
            assert!(!value.contains(personal), "{case}: {name}: {value}");
        }
    }
}

#[tokio::test]
async fn tr_13_no_answer_has_the_caller_or_an_argument_in_a_header() {
    let fixture = fixture();
    let token = token(&fixture);
    let modern = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
    let call = |tool: &str| json!({ "name": tool, "arguments": { "name": ARGUMENT } });
    for (method, params, status) in [
        ("tools/call", call("who"), 200),
        ("tools/call", call("chatty"), 200),
        ("tools/call", call("admin_report"), 403),
        ("tools/call", call(ARGUMENT), 400),
        (
            "resources/read",
            json!({ "uri": format!("note://{ARGUMENT}") }),
            200,
        ),
        ("tools/list", json!({}), 200),
    ] {
        let case = format!("{method} {params}");
        let answer = modern.send(method, params).await;
        assert_eq!(answer.status(), status, "{case}");
        assert_impersonal(&answer, &token, &case);
    }
    let mut legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
    legacy.initialize().await;
    let session = legacy.session().unwrap();
    assert!(!session.contains(SUBJECT) && !session.contains("5c1f"));
    let answer = legacy.send("tools/call", call("who")).await;
    assert_impersonal(&answer, &token, "session");
    let stranger = ModernClient::new(fixture.http(), "/mcp").bearer(&format!("{token}x"));
    let refused = stranger.send("tools/call", call("who")).await;
    assert_eq!(refused.status(), 401);
    assert_impersonal(&refused, &token, "refused");
}

#[tokio::test]
async fn tr_13_no_argument_is_mirrored_that_its_author_did_not_mark() {
    let fixture = fixture();
    let listed = fixture.modern().result("tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "who"), "{listed}");
    assert!(!listed.to_string().contains("x-mcp-header"), "{listed}");
}

#[tokio::test]
async fn e43_headers_of_proxies_say_nothing_about_the_caller() {
    let fixture = fixture();
    let token = token(&fixture);
    let params = json!({ "name": "who", "arguments": { "name": "It is" } });
    for smuggled in [
        vec![("x-forwarded-user", "root")],
        vec![("x_forwarded_user", "root")],
        vec![("cookie", "user=root")],
        vec![("proxy-authorization", token.as_str())],
        vec![("connection", "x-user, authorization"), ("x-user", "root")],
    ] {
        let row = format!("E43 {smuggled:?}");
        let mut anonymous = fixture.call();
        let alice = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
        let mut alice = alice.mcp("tools/call", params.clone());
        for (name, value) in &smuggled {
            anonymous = anonymous.header(name, value);
            alice = alice.header(name, value);
        }
        fixture.attack(&row, anonymous, Expected::NoToken).await;
        let answer = fixture.see(alice).await;
        let text = &answer.json()["result"]["content"][0]["text"];
        assert_eq!(text, &json!(format!("It is {SUBJECT}")), "{row}");
    }
}
