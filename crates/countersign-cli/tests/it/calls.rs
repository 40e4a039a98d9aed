//! `call`, where something happens before the answer: logins, progress, mistakes.

use serde_json::{Value, json};
use testkit::fake_server::ReceivedRequest;
use testkit::{Gate, ScriptedAnswer};

use crate::command::{Login, folder, run};
use crate::provider::{Provider, RESOURCE_METADATA, TOKEN, come_back};

/// A server of the last revision with one tool, which says how far it is.
fn mcp(request: &ReceivedRequest) -> ScriptedAnswer {
    if request.method != "POST" {
        return ScriptedAnswer::status(405);
    }
    let message: Value = serde_json::from_slice(&request.body).unwrap();
    let answer = |result: Value| {
        json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string()
    };
    let schema = json!({
        "type": "object",
        "properties": { "count": { "type": "integer" }, "loud": { "type": "boolean" } },
    });
    match message["method"].as_str().unwrap() {
        "initialize" => ScriptedAnswer::json(answer(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "slow", "version": "1" },
        }))),
        "tools/list" => ScriptedAnswer::json(answer(json!({
            "tools": [{ "name": "count", "inputSchema": schema }],
        }))),
        "tools/call" => {
            let told = |done: u8, words: &str| {
                let params = json!({
                    "progressToken": message["params"]["_meta"]["progressToken"],
                    "progress": done, "total": 2, "message": words,
                });
                let told = json!({
                    "jsonrpc": "2.0", "method": "notifications/progress", "params": params,
                });
                format!("data: {told}\n\n")
            };
            let told = format!("{}{}", told(1, "one"), told(2, "two\u{1b}[2J\nlines"));
            let done = answer(json!({ "content": [{ "type": "text", "text": "counted" }] }));
            // One that is loud goes on for ever.
            let answered = match message["params"]["arguments"]["loud"] == true {
                true => ScriptedAnswer::stalled(told),
                false => ScriptedAnswer::status(200).body(format!("{told}data: {done}\n\n")),
            };
            answered.header("content-type", "text/event-stream")
        }
        method if method.starts_with("notifications/") => ScriptedAnswer::status(202),
        _ => ScriptedAnswer::json(
            json!({
                "jsonrpc": "2.0", "id": message["id"],
                "error": { "code": -32601, "message": "Method not found" },
            })
            .to_string(),
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_tool_is_is_told_to_people_and_to_no_program() {
    let (provider, home) = (Provider::start().await, folder());
    provider.server.answer_with("/mcp", mcp);
    let url = provider.url();
    let told = run(home.path(), &["call", &url, "count", "count=2"]);
    assert_eq!((told.code, told.stderr.as_str()), (0, ""));
    assert_eq!(told.stdout, "counted\n");

    let endless = ["call", &url, "count", "loud=true", "--timeout", "1s"];
    let told = Login::start_at_a_terminal(home.path(), &endless).finished();
    let lines: Vec<_> = told.stderr.lines().map(str::trim_end).collect();
    let late = "error: the server did not answer in time";
    // What arrives together may be told together, and never backwards.
    let first = lines.first().filter(|line| **line == "1/2 one");
    let rest = &lines[usize::from(first.is_some())..];
    assert_eq!(rest, ["2/2 two[2J lines", late]);
    let told = run(home.path(), &endless);
    assert_eq!((told.code, told.stderr.trim_end()), (1, late));
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_another_type_are_said_before_the_tool_is_called() {
    let (provider, home) = (Provider::start().await, folder());
    provider.server.answer_with("/mcp", mcp);
    let url = provider.url();
    for (argument, sentence) in [
        (
            "count=many",
            "the argument `count` is integer for this tool, and `many` is not",
        ),
        (
            "count=1.5",
            "the argument `count` is integer for this tool, and `1.5` is not",
        ),
        (
            "loud=yes",
            "the argument `loud` is boolean for this tool, and `yes` is not",
        ),
    ] {
        let told = run(home.path(), &["call", &url, "count", argument]);
        assert_eq!((told.code, told.stdout.as_str()), (1, ""));
        assert_eq!(told.stderr, format!("error: {sentence}\n"));
    }
    let calls = provider.server.requests();
    let mut calls = calls.iter().map(|call| String::from_utf8_lossy(&call.body));
    assert!(!calls.any(|body| body.contains("tools/call")));
}

/// A server that asks for a login.
async fn guarded() -> Provider {
    let provider = Provider::start().await;
    let challenge = format!(
        "Bearer resource_metadata=\"{}\", scope=\"notes\"",
        provider.server.url(RESOURCE_METADATA)
    );
    let refused = ScriptedAnswer::status(401).header("www-authenticate", &challenge);
    provider.server.answer("/mcp", refused);
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_to_log_in_by_a_call_may_decline() {
    let (provider, home) = (guarded().await, folder());
    let url = provider.url();
    for command in [&["call", &url, "count"][..], &["list", &url]] {
        let mut call = Login::start_at_a_terminal(home.path(), command);
        let address = call.address();
        assert!(address.contains("scope=notes"), "{address}");
        come_back(&address, &[("error", "access_denied")]).await;
        let told = call.finished();
        assert_eq!(told.code, 1, "{}", told.stderr);
        assert_eq!(told.stderr.matches("error: ").count(), 1, "{}", told.stderr);
        let sentence = "error: the login was not agreed to; run it again to decide anew";
        assert!(told.stderr.contains(sentence), "{}", told.stderr);
    }
    assert_eq!(provider.server.count(TOKEN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_log_in_who_does_not_want_to_be_or_is_not_there() {
    let (provider, home) = (guarded().await, folder());
    let url = provider.url();
    let sentence = "error: the server asks for a token (HTTP 401): log in with countersign login, \
                    or pass one with --token or --token-file";
    for command in [
        &["call", &url, "count", "--no-login"][..],
        &["list", &url, "--no-login"],
    ] {
        let told = Login::start_at_a_terminal(home.path(), command).finished();
        assert_eq!(told.code, 4, "{}", told.stderr);
        assert!(told.stderr.contains(sentence), "{}", told.stderr);
        let told = run(home.path(), &command[..command.len() - 1]);
        assert_eq!((told.code, told.stderr.trim_end()), (4, sentence));
    }
    assert!(
        !home.path().join("tokens").exists(),
        "nothing was to be kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_at_a_terminal_learns_what_is_waited_for() {
    let (provider, home) = (Provider::start().await, folder());
    for path in ["/mcp", RESOURCE_METADATA] {
        let silence = ScriptedAnswer::status(200).behind(&Gate::closed());
        provider.server.answer(path, silence);
    }
    let url = provider.url();
    for command in [
        &["login", &url, "--no-browser", "--timeout", "4s"][..],
        &["call", &url, "count", "--timeout", "4s"],
    ] {
        let told = Login::start_at_a_terminal(home.path(), command).finished();
        assert_eq!(told.code, 1, "{}", told.stderr);
        let lines: Vec<_> = told.stderr.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], format!("Waiting for {url}; Ctrl-C gives up."));
        assert!(lines[1].contains("did not answer in time"), "{lines:?}");
        assert_eq!(lines.len(), 2, "{lines:?}");
        let told = run(
            home.path(),
            &[&command[..command.len() - 1], &["1s"]].concat(),
        );
        assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    }
}
