//! Where a server starts, and that each request stands alone.

use countersign::{Http, RouteAccess, Server};
use countersign_oauth::ScopeSet;
use serde_json::json;

use crate::fixture::{Expected, Fixture, server};

#[tokio::test]
async fn rs_09_the_identifier_has_no_trailing_slash_unless_it_was_written_with_one() {
    let fixture = Fixture::new();
    let named = server(
        &fixture.issuer,
        &fixture.clock,
        &fixture.runs,
        &fixture.ended,
    );
    let app = named.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let request = testkit::Http::service(app).get("/.well-known/oauth-protected-resource");
    let document = crate::fixture::Seen::of(request.send().await).await.json();
    assert_eq!(document["resource"], "http://localhost:8000/mcp");
}

#[test]
fn tr_02_tr_03_a_public_address_without_authentication_stops_the_start() {
    let place = Http::bind("0.0.0.0:8000").public_url("https://mcp.example.com/mcp");
    let refused = Server::new("open")
        .into_app(&place)
        .unwrap_err()
        .to_string();
    assert!(refused.contains(".auth("), "{refused}");
    let unnamed = Http::bind("0.0.0.0:8000");
    let refused = Server::new("open")
        .danger_without_authentication()
        .into_app(&unnamed);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("public URL"), "{refused}");
    assert!(
        Server::new("open")
            .danger_without_authentication()
            .into_app(&place)
            .is_ok()
    );
}

#[test]
fn tr_03_a_public_name_without_authentication_stops_the_start() {
    let local = || Http::bind("127.0.0.1:8000");
    for place in [
        local().public_url("https://mcp.example.com/mcp"),
        local().allowed_host("mcp.example.com"),
    ] {
        let refused = Server::new("open").into_app(&place).unwrap_err();
        assert!(refused.to_string().contains(".auth("), "{refused}");
        let told = Server::new("open").danger_without_authentication();
        assert!(told.into_app(&place).is_ok());
    }
    for place in [
        local(),
        local().public_url("http://localhost:9000/mcp"),
        local().allowed_host("127.0.0.1:9000"),
    ] {
        assert!(Server::new("open").into_app(&place).is_ok());
    }
}

#[test]
fn a_route_that_cannot_be_served_stops_the_start() {
    let route = |server: Server, path: &str, access| {
        server.route(path, axum::routing::get(|| async { "here" }), access)
    };
    let open = |path: &str| route(Server::new("routes"), path, RouteAccess::Open);
    let twice = |first, second| route(open(first), second, RouteAccess::Open);
    let place = Http::bind("127.0.0.1:8000");
    for (server, told) in [
        (open("status"), "not a path"),
        (open(""), "not a path"),
        (open("/:id"), "not a path"),
        (open("/{id"), "not a path"),
        (twice("/status", "/status"), "taken"),
        (twice("/users/{id}", "/users/{name}"), "taken"),
        (open("/healthz"), "the server itself"),
        (
            open("/.well-known/oauth-protected-resource/mcp"),
            "the server itself",
        ),
        (open("/mcp"), "MCP endpoint"),
        (
            route(
                Server::new("routes"),
                "/me",
                RouteAccess::Requires(ScopeSet::new()),
            ),
            "verifier",
        ),
    ] {
        let refused = server.into_app(&place).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
    for path in ["/healthz", "/.well-known/oauth-protected-resource"] {
        let refused = Server::new("routes").into_app(&Http::bind("127.0.0.1:8000").path(path));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the server itself"), "{refused}");
    }
    let several = twice("/{*rest}", "/users/{id}");
    assert!(several.into_app(&place).is_ok());
}

#[tokio::test]
async fn tr_15_a_notification_is_accepted_and_a_response_is_not() {
    let fixture = Fixture::new();
    let authorization = format!("Bearer {}", fixture.token());
    let notification =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {} });
    let accepted = fixture
        .see(fixture.call_with(&authorization).json(&notification))
        .await;
    assert_eq!(accepted.status, 202);
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    let request = fixture.call_with(&authorization).json(&response);
    fixture
        .attack("TR-15", request, Expected::Rpc(-32600))
        .await;
}

#[tokio::test]
async fn tr_22_a_good_request_says_nothing_for_the_next_one() {
    let fixture = Fixture::new();
    let http = fixture.http();
    for _ in 0..3 {
        let good = fixture.call_with(format!("Bearer {}", fixture.token()));
        assert_eq!(fixture.see(good).await.status, 200);
        let next = http.post("/mcp").header("content-type", "application/json");
        fixture.attack("TR-22", next, Expected::NoToken).await;
    }
}
