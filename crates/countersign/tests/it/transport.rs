//! The HTTP transport under attack: names, media types, methods and paths; rows
//! E1 to E12 and A83 to A85 of the corpus, and TR items.

use http::Method;
use serde_json::json;

use crate::fixture::{Expected, Fixture, Seen};

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
    // However it is configured, browsers write it in lower case and without 443.
    let place = crate::fixture::place().allowed_origin("https://App.example:443");
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
async fn rs_03_rs_05_rs_07_metadata_answers_at_the_root_and_with_the_path_without_a_token() {
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
