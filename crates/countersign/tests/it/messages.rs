//! Messages under attack: rows E10 to E50 of the corpus, and TR items.

use serde_json::json;
use testkit::ModernClient;

use crate::fixture::{Expected, Fixture};

fn wire(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn e10_e11_e13_e14_e15_messages_that_are_none_are_refused_before_any_handler() {
    let fixture = Fixture::new();
    let deep = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"x":{value}}}}}"#)
    };
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let rows: Vec<(&str, Vec<u8>, i64)> = vec![
        ("E10 batch", wire(&format!("[{one}]")), -32600),
        (
            "E10 big batch",
            wire(&format!("[{}]", vec![one; 10_000].join(","))),
            -32600,
        ),
        ("E11 128", wire(&deep(128)), -32700),
        ("E11 1000", wire(&deep(1_000)), -32700),
        ("E11 100000", wire(&deep(100_000)), -32700),
        ("E13 truncated", wire(&one[..20]), -32700),
        (
            "E13 BOM",
            [b"\xEF\xBB\xBF", one.as_bytes()].concat(),
            -32700,
        ),
        (
            "E13 surrogate",
            wire(r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#),
            -32700,
        ),
        (
            "E13 UTF-8",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xFF\"}".to_vec(),
            -32700,
        ),
        (
            "E13 NaN",
            wire(r#"{"jsonrpc":"2.0","id":NaN,"method":"x"}"#),
            -32700,
        ),
        (
            "E13 comma",
            wire(r#"{"jsonrpc":"2.0","id":1,"method":"x",}"#),
            -32700,
        ),
        (
            "E14 method",
            wire(r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#),
            -32600,
        ),
        (
            "E14 Method",
            wire(r#"{"jsonrpc":"2.0","id":1,"Method":"tools/list"}"#),
            -32600,
        ),
        (
            "E14 NUL",
            wire(r#"{"jsonrpc":"2.0","id":1,"method\u0000":"tools/list"}"#),
            -32600,
        ),
        (
            "E14 params",
            wire(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#),
            -32600,
        ),
        (
            "E15 null",
            wire(r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#),
            -32600,
        ),
        (
            "E15 float",
            wire(r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#),
            -32600,
        ),
        (
            "E15 1e30",
            wire(r#"{"jsonrpc":"2.0","id":1e30,"method":"tools/list"}"#),
            -32600,
        ),
        (
            "E15 -0",
            wire(r#"{"jsonrpc":"2.0","id":-0,"method":"tools/list"}"#),
            -32600,
        ),
        (
            "E15 object",
            wire(r#"{"jsonrpc":"2.0","id":{},"method":"tools/list"}"#),
            -32600,
        ),
    ];
    for (row, body, code) in rows {
        let request = fixture
            .call_with(format!("Bearer {}", fixture.token()))
            .body(body);
        fixture.attack(row, request, Expected::Rpc(code)).await;
    }
}

#[tokio::test]
async fn e15_a_big_integer_id_comes_back_byte_for_byte() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let mut body = client.body("tools/list", json!({}));
    body["id"] = json!("ID");
    let text = body
        .to_string()
        .replace("\"ID\"", "123456789012345678901234567890");
    let answer = fixture
        .see(client.mcp("tools/list", json!({})).body(text))
        .await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .text()
            .contains("\"id\":123456789012345678901234567890,"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn e16_arguments_that_do_not_fit_are_invalid_params_and_are_not_echoed() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let canary = crate::fixture::CANARY;
    for (row, params) in [
        (
            "wrong type",
            json!({ "name": "greet", "arguments": { "name": { canary: 1 } } }),
        ),
        ("missing", json!({ "name": "greet", "arguments": {} })),
        ("array", json!({ "name": "greet", "arguments": [canary] })),
        ("no arguments", json!({ "name": "greet" })),
        (
            "long name",
            json!({ "name": "x".repeat(1 << 16), "arguments": {} }),
        ),
        (
            "control characters",
            json!({ "name": "greet\r\n\u{0}", "arguments": {} }),
        ),
        ("no name", json!({ "arguments": {} })),
    ] {
        // A name that is no header value cannot be mirrored, so it is encoded.
        let request = client.mcp("tools/call", params);
        fixture
            .attack(&format!("E16 {row}"), request, Expected::Rpc(-32602))
            .await;
    }
    for params in ["1", "[]", "\"x\"", "null"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let request = client
            .mcp("tools/call", json!({ "name": "greet" }))
            .body(body);
        fixture
            .attack(
                &format!("E16 params {params}"),
                request,
                Expected::Rpc(-32602),
            )
            .await;
    }
}

#[tokio::test]
async fn e32_e33_e34_tr_06_tr_09_headers_and_body_that_differ_are_refused() {
    let fixture = Fixture::new();
    let good = || fixture.call_with(format!("Bearer {}", fixture.token()));
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let request = good().without(header);
        fixture
            .attack(&format!("E32 {header}"), request, Expected::Rpc(-32020))
            .await;
    }
    for (header, value) in [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "v999"),
        ("mcp-method", "tools/list"),
        ("mcp-method", "TOOLS/CALL"),
        ("mcp-name", "safe_tool"),
        ("mcp-name", "GREET"),
        ("mcp-name", "=?base64?Z3JlZXQ?="),
        ("mcp-name", "=?base64?????="),
    ] {
        let request = good().header(header, value);
        fixture
            .attack(
                &format!("E33 {header}: {value}"),
                request,
                Expected::Rpc(-32020),
            )
            .await;
    }
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let value = match header {
            "mcp-protocol-version" => "2026-07-28",
            "mcp-method" => "tools/call",
            _ => "greet",
        };
        let request = good().also(header, value);
        fixture
            .attack(
                &format!("E33 doubled {header}"),
                request,
                Expected::Rpc(-32020),
            )
            .await;
    }
    let params = json!({ "name": "admin_report", "arguments": {} });
    let client = ModernClient::new(fixture.http(), "/mcp").bearer(&fixture.token());
    let request = client.mcp("tools/call", params).header("mcp-name", "greet");
    fixture.attack("E34", request, Expected::Rpc(-32020)).await;
}

#[tokio::test]
async fn e35_tr_07_an_unknown_version_is_refused_with_those_that_are_spoken() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "v999",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = client
        .mcp("tools/list", json!({ "_meta": meta }))
        .header("mcp-protocol-version", "v999");
    let answer = fixture
        .attack("E35 unknown", request, Expected::Rpc(-32022))
        .await;
    assert_eq!(answer.json()["error"]["data"]["requested"], "v999");
    assert_eq!(answer.json()["error"]["data"]["supported"][0], "2026-07-28");
    // The transport's own MUST goes first here: header and body name two versions.
    let dodge = client
        .mcp("tools/list", json!({}))
        .header("mcp-protocol-version", "2025-11-25")
        .without("mcp-method");
    fixture
        .attack("E35 old header, new body", dodge, Expected::Rpc(-32020))
        .await;
}

#[tokio::test]
async fn e37_tr_08_an_unknown_method_is_404() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    for method in [
        "unknown/method",
        "Tools/Call",
        "tools/call ",
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "roots/list",
        "tasks/get",
    ] {
        let request = client.mcp(method, json!({}));
        // Header values have no blanks at their ends, so that spelling cannot be mirrored.
        let expected = if method.ends_with(' ') {
            Expected::Rpc(-32020)
        } else {
            Expected::Rpc(-32601)
        };
        fixture
            .attack(&format!("E37 {method}"), request, expected)
            .await;
    }
}

#[tokio::test]
async fn e39_rs_32_a_forbidden_tool_is_403_and_a_hidden_one_is_unknown() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let call = |name: &str| client.mcp("tools/call", json!({ "name": name, "arguments": {} }));
    fixture
        .attack(
            "E39 forbidden",
            call("admin_report"),
            Expected::Scope("admin read"),
        )
        .await;
    let hidden = fixture
        .attack("E39 hidden", call("secret_tool"), Expected::Rpc(-32602))
        .await;
    let unknown = fixture
        .attack("E39 unknown", call("no_such_tool"), Expected::Rpc(-32602))
        .await;
    assert_eq!(hidden.json()["error"], unknown.json()["error"]);
    for alias in [
        "Admin_Report",
        "admin_report\u{0}",
        " admin_report",
        "ADMIN_REPORT",
    ] {
        fixture
            .attack(
                &format!("E39 {alias:?}"),
                call(alias),
                Expected::Rpc(-32602),
            )
            .await;
    }
    let read = client.mcp("resources/read", json!({ "uri": "vault://gold" }));
    fixture
        .attack("E39 resource", read, Expected::Scope("read vault"))
        .await;
    let listed = client.result("tools/list", json!({})).await;
    let text = listed.to_string();
    assert!(
        !text.contains("admin_report") && !text.contains("secret_tool"),
        "{text}"
    );
    assert_eq!(listed["cacheScope"], "private");
    let resources = client.result("resources/list", json!({})).await;
    assert_eq!(resources["resources"], json!([]));
}

#[tokio::test]
async fn e40_rs_35_each_caller_sees_its_own_list() {
    let fixture = Fixture::new();
    let admin = fixture
        .issuer
        .token()
        .sub("root")
        .scopes("read admin secret")
        .sign();
    for _ in 0..3 {
        let all = ModernClient::new(fixture.http(), "/mcp").bearer(&admin);
        let all = all.result("tools/list", json!({})).await.to_string();
        assert!(
            all.contains("admin_report") && all.contains("secret_tool"),
            "{all}"
        );
        let some = fixture
            .modern()
            .result("tools/list", json!({}))
            .await
            .to_string();
        assert!(
            !some.contains("admin_report") && !some.contains("secret_tool"),
            "{some}"
        );
    }
}

#[tokio::test]
async fn e41_a_cursor_that_was_never_given_out_is_refused() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    for cursor in [
        json!("1"),
        json!("' OR 1=1--"),
        json!("x".repeat(1 << 16)),
        json!(5),
        json!({}),
    ] {
        for method in [
            "tools/list",
            "resources/list",
            "prompts/list",
            "resources/templates/list",
        ] {
            let request = client.mcp(method, json!({ "cursor": cursor }));
            fixture
                .attack(&format!("E41 {method}"), request, Expected::Rpc(-32602))
                .await;
        }
    }
}

#[tokio::test]
async fn e44_template_values_that_climb_are_not_found() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    for value in [
        "../x",
        "%2e%2e%2f",
        "..\\x",
        "/etc/passwd",
        "a%00",
        "..",
        "%2fdev%2fzero",
    ] {
        let uri = format!("note://{value}");
        let request = client.mcp("resources/read", json!({ "uri": uri }));
        fixture
            .attack(&format!("E44 {value}"), request, Expected::Rpc(-32602))
            .await;
    }
}

#[tokio::test]
async fn e49_every_method_without_params_is_an_error_and_never_a_panic() {
    let fixture = Fixture::new();
    for method in [
        "server/discover",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "subscriptions/listen",
        "initialize",
        "ping",
    ] {
        for params in [None, Some("null"), Some("{}"), Some("[]")] {
            let params = params
                .map(|params| format!(",\"params\":{params}"))
                .unwrap_or_default();
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\"{params}}}");
            let request = fixture
                .call_with(format!("Bearer {}", fixture.token()))
                .header("mcp-method", method)
                .without("mcp-name")
                .body(body);
            let answer = fixture
                .attack(
                    &format!("E49 {method} {params}"),
                    request,
                    Expected::Rpc(-32602),
                )
                .await;
            assert_eq!(answer.json()["id"], 1);
        }
    }
}

#[tokio::test]
async fn h2_h3_a_handler_that_fails_or_panics_says_nothing_of_itself() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let panicked = fixture
        .see(client.mcp("tools/call", json!({ "name": "panics", "arguments": {} })))
        .await;
    assert_eq!(panicked.json()["error"]["message"], "Internal error");
    fixture.standing_checks("H3", &panicked).await;
    let failed = client.call("fails", json!({})).await;
    assert_eq!(failed["isError"], true);
    assert_eq!(failed["content"][0]["text"], "Internal error");
}

#[tokio::test]
async fn tr_17_e50_closing_the_stream_cancels_the_call() {
    let fixture = Fixture::new();
    let app = fixture.app.clone();
    let requests: Vec<_> = (0..1_000)
        .map(|_| {
            fixture
                .modern()
                .mcp("tools/call", json!({ "name": "endless", "arguments": {} }))
                .build()
        })
        .collect();
    let calls: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let app = app.clone();
            tokio::spawn(async move { app.respond(request, None).await })
        })
        .collect();
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    for call in calls {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        fixture.ended.0.load(std::sync::atomic::Ordering::SeqCst),
        1_000
    );
}

#[tokio::test]
async fn tr_16_tr_20_a_call_that_tells_something_first_becomes_a_stream() {
    let fixture = Fixture::new();
    let params = json!({
        "name": "chatty", "arguments": {},
        "_meta": { "progressToken": "t" },
    });
    let answer = fixture
        .see(fixture.modern().mcp("tools/call", params))
        .await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let text = answer.text();
    let progress = text.find("notifications/progress").unwrap();
    let result = text.find("\"result\"").unwrap();
    assert!(progress < result, "{text}");
    let quiet = json!({ "name": "chatty", "arguments": {} });
    let answer = fixture.see(fixture.modern().mcp("tools/call", quiet)).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn tr_21_what_the_wire_requires_of_meta_is_required() {
    let fixture = Fixture::new();
    let client = fixture.modern();
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    for meta in [
        json!({}),
        json!({ version: "2026-07-28" }),
        json!({ capabilities: {} }),
        json!([]),
    ] {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": { "_meta": meta } });
        let request = client.mcp("tools/list", json!({})).json(&body);
        fixture
            .attack(&format!("TR-21 {meta}"), request, Expected::Rpc(-32602))
            .await;
    }
}
