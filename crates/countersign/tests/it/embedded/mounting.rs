//! What the front does for the authorization server, and what it leaves to it.

use countersign::{Http, RouteAccess, Server, tool};
use serde_json::json;
use testkit::TestClock;

use super::client::{Client, json_of};
use super::{ORIGIN, app, headless, server};

/// Needs nothing but a caller.
#[tool]
async fn open() -> &'static str {
    "open"
}

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn e4_e5_a_foreign_host_is_refused_at_every_path() {
    let http = testkit::Http::service(app(headless()));
    for path in [WELL_KNOWN, "/authorize", "/token", "/register", "/jwks"] {
        for (host, status) in [("evil.example", 403), ("", 403)] {
            let request = http.get(path).without("host").header("host", host);
            assert_eq!(request.send().await.status(), status, "{path} {host}");
        }
    }
}

#[tokio::test]
async fn as_38_c41_pages_of_clients_call_the_endpoints_and_not_the_mcp_endpoint() {
    let http = testkit::Http::service(app(headless()));
    let origin = "https://client.example";
    let preflight = http
        .request(http::Method::OPTIONS, "/token")
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    let answer = preflight.send().await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let metadata = http.get(WELL_KNOWN).header("origin", origin).send().await;
    assert_eq!(metadata.status(), 200);
    assert_eq!(metadata.header("access-control-allow-origin"), Some("*"));
    let authorize = http.get("/authorize").header("origin", origin).send().await;
    assert_eq!(authorize.header("access-control-allow-origin"), None);
    let endpoint = http.post("/mcp").header("origin", origin).send().await;
    assert_eq!(endpoint.status(), 403);
}

#[tokio::test]
async fn c17_bodies_of_the_endpoints_are_64_kib_however_large_those_of_mcp_are() {
    let place = Http::bind("127.0.0.1:8000").body_limit(10 * 1024 * 1024);
    let app = server(headless(), &TestClock::new())
        .into_app(&place)
        .unwrap();
    let http = testkit::Http::service(app);
    for path in ["/token", "/register", "/revoke", "/authorize"] {
        let body = vec![b'x'; 64 * 1024 + 1];
        let answer = http.post(path).body(body).send().await;
        assert_eq!(answer.status(), 413, "{path}");
    }
}

#[tokio::test]
async fn what_only_hidden_components_need_is_granted_on_demand_and_published_nowhere() {
    let http = testkit::Http::service(app(headless()));
    let mut client = Client::discover(&http).await;
    assert_eq!(
        client.metadata["scopes_supported"],
        json!(["read", "write"])
    );
    client.scope = "read secret".to_owned();
    let (access, _) = client.tokens().await;
    assert_eq!(client.call("concealed", &access).await.0, 200);
}

#[tokio::test]
async fn a_client_that_is_told_no_scope_gets_what_is_published() {
    let place = Http::bind("127.0.0.1:8000");
    let plain = Server::new("plain").auth(headless()).tool(super::whoami);
    let http = testkit::Http::service(plain.tool(super::concealed).into_app(&place).unwrap());
    let client = Client::discover(&http).await;
    assert_eq!(client.scope, "");
    let (access, _) = client.tokens().await;
    assert_eq!(client.call("whoami", &access).await.0, 200);
    assert_ne!(client.call("concealed", &access).await.0, 200);
}

#[tokio::test]
async fn a_server_without_any_scope_lets_in_who_is_logged_in() {
    let place = Http::bind("127.0.0.1:8000");
    let app = Server::new("plain")
        .auth(headless())
        .tool(open)
        .into_app(&place)
        .unwrap();
    let http = testkit::Http::service(app);
    let client = Client::discover(&http).await;
    let (access, _) = client.tokens().await;
    assert_eq!(client.call("open", &access).await.0, 200);
}

#[tokio::test]
async fn m_32_the_metadata_is_at_every_place_where_clients_look() {
    let http = testkit::Http::service(app(headless()));
    for path in [
        WELL_KNOWN,
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        json_of(&http, &format!("{ORIGIN}{path}")).await;
    }
}

#[test]
fn a_path_that_two_would_answer_stops_the_start() {
    let place = Http::bind("127.0.0.1:8000");
    let routed = server(headless(), &TestClock::new()).route(
        "/token",
        axum::routing::get(|| async { "mine" }),
        RouteAccess::Open,
    );
    let refused = routed.into_app(&place).unwrap_err().to_string();
    assert!(refused.contains("prefix such as /auth"), "{refused}");
    let taken = server(headless(), &TestClock::new()).into_app(&place.path("/token"));
    let refused = taken.unwrap_err().to_string();
    assert!(refused.contains("choose another one"), "{refused}");
}

#[tokio::test]
async fn g1_g2_registrations_are_counted_for_clients_and_not_for_the_proxy_before_them() {
    let place = Http::bind("127.0.0.1:8000").trusted_proxy("10.0.0.0/8");
    let auth = headless()
        .configure(|server| server.settings(|settings| settings.registrations_per_hour = 1));
    let app = server(auth, &TestClock::new()).into_app(&place).unwrap();
    let register = async |peer: &str, forwarded: &str| {
        let body = json!({ "redirect_uris": ["https://client.example/cb"] }).to_string();
        let request = http::Request::post("/register")
            .header("host", "localhost:8000")
            .header("content-type", "application/json")
            .header("x-forwarded-for", forwarded)
            .body(http_body_util::Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let peer = peer.parse().unwrap();
        app.respond(request, Some(peer)).await.status().as_u16()
    };
    for (peer, forwarded, status) in [
        ("10.0.0.1", "198.51.100.1", 201),
        ("10.0.0.1", "203.0.113.1", 201),
        ("10.0.0.1", "192.0.2.1, 203.0.113.1", 429),
        ("10.0.0.2", "203.0.113.1", 429),
        ("203.0.113.1", "192.0.2.9", 429),
        ("192.0.2.77", "203.0.113.1", 201),
    ] {
        assert_eq!(
            register(peer, forwarded).await,
            status,
            "{peer} {forwarded}"
        );
    }
    let junk = Http::bind("127.0.0.1:8000").trusted_proxy("the proxy");
    let refused = server(headless(), &TestClock::new()).into_app(&junk);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("write `10.0.0.7`"), "{refused}");
}
