//! Scopes that a handler asks for in the middle of a call: RS-25 to RS-28.

use countersign::{Context, ToolError, prompt, resource, tool};
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient};

use crate::fixture::{Fixture, Runs};

const REFUSED: &str = "Insufficient permissions. Required scopes: Report:Write report:send";

fn check(context: &Context) -> Result<(), ToolError> {
    context.require_scopes(["report:send", "Report:Write"])
}

/// Reads a report, or writes it anew and sends it.
#[tool]
async fn report(
    rewrite: bool,
    talk: Option<bool>,
    context: Context,
    runs: countersign::State<Runs>,
) -> Result<&'static str, ToolError> {
    if talk.unwrap_or_default() {
        context.report_progress(1.0, None, None).await;
    }
    if rewrite {
        check(&context)?;
        runs.add();
    }
    Ok("done")
}

/// Its need is no scope.
#[tool]
fn misconfigured(context: Context) -> Result<&'static str, ToolError> {
    context.require_scopes(["two words"])?;
    Ok("never")
}

/// A report.
#[resource("report://{id}")]
fn reports(id: u8, context: Context) -> Result<String, ToolError> {
    check(&context)?;
    Ok(id.to_string())
}

/// Sums a report up.
#[prompt]
fn digest(context: Context) -> Result<&'static str, ToolError> {
    check(&context)?;
    Ok("Sum it up")
}

fn fixture() -> Fixture {
    Fixture::with(|server| {
        server
            .tool(report)
            .tool(misconfigured)
            .resource(reports)
            .prompt(digest)
    })
}

fn client(fixture: &Fixture, scopes: &str) -> ModernClient {
    let token = fixture.issuer.token().scopes(scopes).sign();
    ModernClient::new(fixture.http(), "/mcp").bearer(&token)
}

fn assert_refused(result: &Value, case: &str) {
    assert_eq!(result["isError"], json!(true), "{case}: {result}");
    assert_eq!(result["content"][0]["text"], REFUSED, "{case}");
}

#[tokio::test]
async fn rs_26_rs_28_a_call_that_needs_more_is_refused_with_all_the_scopes_it_needs() {
    let fixture = fixture();
    for scopes in [
        "read",
        "read report:send",
        "read Report:Write",
        "read report:send report:write",
        "read report:send Report",
        "read report:send Report:Write:All",
        "read report:* Report:*",
    ] {
        for talk in [false, true] {
            let arguments = json!({ "rewrite": true, "talk": talk });
            let params = json!({ "name": "report", "arguments": arguments });
            let mut answer = client(&fixture, scopes).send("tools/call", params).await;
            assert_eq!(answer.status(), 200, "{scopes}");
            assert_eq!(answer.header("www-authenticate"), None, "{scopes}");
            assert_refused(&answer.response().await["result"], scopes);
        }
    }
    assert_eq!(fixture.runs.count(), 0, "what follows the check has run");
}

#[tokio::test]
async fn rs_28_a_session_refuses_in_the_same_words() {
    let fixture =
        Fixture::with(|server| server.sessions(countersign::Sessions::Always).tool(report));
    let token = fixture.token();
    let mut legacy = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
    legacy.initialize().await;
    let refused = legacy.call("report", json!({ "rewrite": true })).await;
    assert_refused(&refused, "session");
    let allowed = legacy.call("report", json!({ "rewrite": false })).await;
    assert_eq!(allowed["content"][0]["text"], "done");
}

#[tokio::test]
async fn resources_and_prompts_refuse_with_an_error() {
    let fixture = fixture();
    for (method, params) in [
        ("resources/read", json!({ "uri": "report://7" })),
        ("prompts/get", json!({ "name": "digest" })),
    ] {
        let mut answer = client(&fixture, "read").send(method, params.clone()).await;
        let error = answer.response().await["error"].clone();
        assert_eq!(error["code"], json!(-32600), "{method}");
        assert_eq!(error["message"], REFUSED, "{method}");
        let may = client(&fixture, "read report:send Report:Write");
        let result = may.send(method, params).await.response().await;
        assert!(result["error"].is_null(), "{method}: {result}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_scope_lets_nobody_through() {
    let fixture = fixture();
    let all = client(&fixture, "read two words");
    let result = all.call("misconfigured", json!({})).await;
    assert_eq!(result["isError"], json!(true));
    assert_eq!(result["content"][0]["text"], "Internal error");
}

#[tokio::test]
async fn who_has_the_scopes_goes_on_and_who_needs_none_too() {
    let fixture = fixture();
    let may = client(&fixture, "Report:Write read report:send");
    let done = may.call("report", json!({ "rewrite": true })).await;
    assert_eq!(done["content"][0]["text"], "done");
    assert_eq!(fixture.runs.count(), 1);
    let reader = client(&fixture, "read");
    let done = reader.call("report", json!({ "rewrite": false })).await;
    assert_eq!(done["content"][0]["text"], "done");
}
