//! The HTTP transport under attack: rows E of the corpus, A83 to A85, and TR items.

use http::Method;
use serde_json::json;
use testkit::ModernClient;

use crate::fixture::{Expected, Fixture, Seen};

fn wire(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn e1_e2_tr_01_a_foreign_origin_with_a_good_host_is_403_on_every_method() {
    let fixture = Fixture::new();
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let row = format!("E1 {method} {origin}");
            let request = fixture
                .http()
                .request(method, "/mcp")
                .header("origin", origin);
            let request = request.bearer(&fixture.token());
            fixture.attack(&row, request, Expected::Status(403)).await;
        }
    }
    let doubled = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .also("origin", "http://localhost")
        .also("origin", "http://localhost");
    fixture
        .attack("E2 two origins", doubled, Expected::Status(403))
        .await;
}

#[tokio::test]
async fn e3_no_origin_is_answered() {
    let fixture = Fixture::new();
    let answer = fixture
        .modern()
        .call("greet", json!({ "name": "World" }))
        .await;
    assert_eq!(
        answer["content"][0]["text"],
        "Hello, World! Your userid is alice."
    );
}

#[tokio::test]
async fn e4_e5_e6_tr_04_names_of_other_hosts_are_refused_and_forwarded_ones_ignored() {
    let fixture = Fixture::new();
    for host in [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "[::1]evil",
        "",
    ] {
        let request = fixture
            .call_with(format!("Bearer {}", fixture.token()))
            .header("host", host);
        fixture
            .attack(&format!("E4 {host}"), request, Expected::Status(403))
            .await;
    }
    let missing = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .without("host");
    fixture
        .attack("E5 missing", missing, Expected::Status(400))
        .await;
    let forwarded = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .header("x-forwarded-host", "evil.example");
    let answer = fixture.see(forwarded).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("evil"));
}

#[tokio::test]
async fn e7_what_a_page_can_post_without_asking_never_reaches_a_handler() {
    let fixture = Fixture::new();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let request = fixture
            .call_with(format!("Bearer {}", fixture.token()))
            .header("content-type", media_type);
        fixture
            .attack(&format!("E7 {media_type}"), request, Expected::Status(415))
            .await;
    }
    let request = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .without("content-type");
    fixture
        .attack("E7 none", request, Expected::Status(415))
        .await;
}

#[tokio::test]
async fn e8_tr_29_a_preflight_allows_nothing_unless_the_origin_was_configured() {
    let fixture = Fixture::new();
    let preflight = |origin: &str| {
        fixture
            .http()
            .request(Method::OPTIONS, "/mcp")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization")
    };
    for origin in ["https://evil.example", "http://localhost:6274"] {
        let answer = fixture.see(preflight(origin)).await;
        let allowed = answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"));
        assert!(!allowed, "{origin}: {:?}", answer.headers);
    }
    let runs = crate::fixture::Runs::default();
    let server = crate::fixture::server(&fixture.issuer, &fixture.clock, &runs, &fixture.ended);
    let place = crate::fixture::place().allowed_origin("https://app.example");
    let http = testkit::Http::service(server.into_app(&place).unwrap());
    let request = http
        .request(Method::OPTIONS, "/mcp")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    let answer = Seen::of(request.send().await).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let refused = http.post("/mcp").header("origin", "https://app.example");
    let refused = Seen::of(refused.send().await).await;
    assert_eq!(refused.status, 401);
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
}

#[tokio::test]
async fn e9_tr_05_a_client_that_does_not_take_both_kinds_of_answer_is_406() {
    let fixture = Fixture::new();
    let authorization = format!("Bearer {}", fixture.token());
    for accept in ["application/json", "text/event-stream", "text/html"] {
        let request = fixture.call_with(&authorization).header("accept", accept);
        fixture
            .attack(&format!("E9 {accept}"), request, Expected::Status(406))
            .await;
    }
    let request = fixture.call_with(&authorization).without("accept");
    fixture
        .attack("E9 none", request, Expected::Status(406))
        .await;
    let answer = fixture
        .see(fixture.call_with(&authorization).header("accept", "*/*"))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
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
async fn e12_tr_28_a_body_over_the_cap_is_413() {
    let fixture = Fixture::new();
    for size in [1024 * 1024 + 1, 4 * 1024 * 1024 + 1] {
        let request = fixture
            .call_with(format!("Bearer {}", fixture.token()))
            .body(vec![b' '; size]);
        fixture.attack("E12", request, Expected::Status(413)).await;
    }
    let compressed = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .header("content-encoding", "gzip")
        .body(vec![0x1f, 0x8b, 8, 0]);
    // Nothing is ever decompressed: the bytes are not JSON.
    let answer = fixture.see(compressed).await;
    assert_eq!(answer.status, 400);
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
async fn e39_a_forbidden_tool_is_403_and_a_hidden_one_is_unknown() {
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
async fn a83_headers_of_proxies_and_health_checkers_open_nothing() {
    let fixture = Fixture::new();
    for (header, value) in [
        ("user-agent", "kube-probe/1.0"),
        ("user-agent", "GoogleHC/1.0"),
        ("x-forwarded-uri", "/healthz"),
        ("x-original-url", "/healthz"),
        ("x-forwarded-user", "root"),
        ("x_forwarded_user", "root"),
        ("x-auth-request-email", "root@corp.example"),
        ("x-http-method-override", "GET"),
        ("mcp-router-internal", "1"),
    ] {
        let request = fixture.call().header(header, value);
        fixture
            .attack(&format!("A83 {header}"), request, Expected::NoToken)
            .await;
    }
}

#[tokio::test]
async fn a84_no_spelling_of_a_path_goes_around_authentication() {
    let fixture = Fixture::new();
    for target in [
        "/healthz/../mcp",
        "/healthz%2f..%2fmcp",
        "//mcp",
        "/mcp;x",
        "/./mcp",
        "/MCP",
        "/mcp%00",
        "/mcp/",
        "/open/../mcp",
        "/.well-known/oauth-protected-resource/../../mcp",
    ] {
        let request = fixture
            .http()
            .post(target)
            .header("content-type", "application/json");
        fixture
            .attack(&format!("A84 {target}"), request, Expected::Status(404))
            .await;
    }
    let request = fixture.http().post("/mcp?/healthz");
    fixture
        .attack("A84 query", request, Expected::NoToken)
        .await;
}

#[tokio::test]
async fn a85_other_methods_reach_no_handler() {
    let fixture = Fixture::new();
    for method in ["OPTIONS", "HEAD", "TRACE", "PUT", "post", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let anonymous = fixture.http().request(method.clone(), "/mcp");
        fixture
            .attack(&format!("A85 {method}"), anonymous, Expected::NoToken)
            .await;
        let known = fixture
            .http()
            .request(method.clone(), "/mcp")
            .bearer(&fixture.token());
        let answer = fixture
            .attack(&format!("A85 {method}"), known, Expected::Status(405))
            .await;
        assert!(answer.body.is_empty());
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
    for _ in 0..4 {
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
async fn tr_19_e36_a_server_without_sessions_knows_no_get_and_no_delete() {
    let fixture = Fixture::new();
    for method in [Method::GET, Method::DELETE] {
        let request = fixture
            .http()
            .request(method, "/mcp")
            .bearer(&fixture.token())
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-session-id", "x")
            .header("last-event-id", "1");
        let answer = fixture.attack("E36", request, Expected::Status(405)).await;
        assert!(answer.header("allow").unwrap().contains("POST"));
    }
    let ignored = fixture
        .call_with(format!("Bearer {}", fixture.token()))
        .header("mcp-session-id", "x")
        .header("last-event-id", "1");
    assert_eq!(fixture.see(ignored).await.status, 200);
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

#[tokio::test]
async fn rs_03_rs_05_metadata_answers_at_the_root_and_with_the_path_without_a_token() {
    let fixture = Fixture::new();
    for target in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let answer = fixture.see(fixture.http().get(target)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document = answer.json();
        assert_eq!(document["resource"], testkit::AUDIENCE);
        assert_eq!(document["authorization_servers"], json!([testkit::ISSUER]));
        assert_eq!(document["scopes_supported"], json!(["read"]));
    }
    let other = fixture
        .see(
            fixture
                .http()
                .get("/.well-known/oauth-protected-resource/other"),
        )
        .await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn routes_of_the_application_read_and_require_the_caller() {
    let fixture = Fixture::new();
    let admin = fixture.issuer.token().scopes("read admin").sign();
    let ask = async |target: &str, token: Option<&str>| {
        let request = fixture.http().get(target);
        let request = match token {
            Some(token) => request.bearer(token),
            None => request,
        };
        fixture.see(request).await
    };
    assert_eq!(ask("/open", None).await.status, 200);
    assert_eq!(ask("/open", Some("rubbish")).await.status, 401);
    let anonymous = ask("/admin", None).await;
    assert_eq!(anonymous.status, 401);
    let challenge = anonymous.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"admin read\"") && !challenge.contains("error"));
    Expected::Scope("admin read").check("route", &ask("/admin", Some(&fixture.token())).await);
    assert_eq!(ask("/admin", Some(&admin)).await.text(), "admin");
    assert_eq!(ask("/healthz", None).await.text(), "ok\n");
}
