//! The whole way, with nothing but the address of the endpoint.

use countersign::{App, EmbeddedAuth, Http};
use testkit::TestClock;

use super::client::Client;
use super::{app, headless, server};

#[tokio::test]
async fn rs_02_as_01_as_42_from_the_challenge_to_a_call_and_to_the_end_of_its_grant() {
    let http = testkit::Http::service(app(headless()));
    let client = Client::discover(&http).await;
    let (access, refresh) = client.tokens().await;
    let (status, result) = client.call("whoami", &access).await;
    assert_eq!(
        (status, &result["content"][0]["text"]),
        (200, &"alice".into())
    );
    // What was not consented to is not there.
    assert_eq!(client.call("change", &access).await.0, 403);
    let (second, refresh) = client.refresh(&refresh).await;
    assert_eq!(client.call("whoami", &second).await.0, 200);
    client.revoke(&second).await;
    assert_eq!(client.call("whoami", &second).await.0, 401);
    assert_eq!(client.call("whoami", &access).await.0, 200);
    client.revoke(&refresh).await;
    assert_eq!(client.call("whoami", &access).await.0, 401);
}

/// A proxy that hands `/app/…` on as `/…`, and everything else as it is.
fn stripping(app: App) -> testkit::Http {
    testkit::Http::service(tower::service_fn(move |mut request: http::Request<_>| {
        let target = request.uri().to_string();
        if let Some(behind) = target.strip_prefix("/app/") {
            *request.uri_mut() = format!("/{behind}").parse().unwrap();
        }
        let mut app = app.clone();
        async move { tower::Service::call(&mut app, request).await }
    }))
}

#[tokio::test]
async fn m_26_behind_a_proxy_that_takes_a_path_away_every_address_works() {
    let place = Http::bind("127.0.0.1:8000")
        .public_url("http://localhost:8000/app/mcp")
        .stripped_path("/app");
    for prefix in ["", "/auth"] {
        let auth = match prefix {
            "" => headless(),
            prefix => headless().prefix(prefix),
        };
        let app = server(auth, &TestClock::new()).into_app(&place).unwrap();
        let http = stripping(app);
        let client = Client::discover(&http).await;
        assert_eq!(client.metadata["issuer"], "http://localhost:8000/app");
        let token = format!("http://localhost:8000/app{prefix}/token");
        assert_eq!(client.endpoint("token"), token);
        let inserted = "/.well-known/oauth-authorization-server/app";
        assert_eq!(http.get(inserted).send().await.status(), 200);
        let (access, refresh) = client.tokens().await;
        assert_eq!(client.call("whoami", &access).await.0, 200);
        client.revoke(&refresh).await;
        assert_eq!(client.call("whoami", &access).await.0, 401);
    }
}

#[tokio::test]
async fn m_26_behind_a_proxy_that_takes_a_path_away_pages_lead_to_pages() {
    let place = Http::bind("127.0.0.1:8000")
        .public_url("http://localhost:8000/app/mcp")
        .stripped_path("/app");
    let auth = EmbeddedAuth::in_memory();
    let app = server(auth, &TestClock::new()).into_app(&place).unwrap();
    let http = stripping(app);
    let page = http.get("/app/login").send().await;
    let page = crate::fixture::Seen::of(page).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("action=\"/app/login\""),
        "{}",
        page.text()
    );
    let account = http.get("/app/account").send().await;
    assert_eq!(
        account.header("location"),
        Some("http://localhost:8000/app/login")
    );
}

#[test]
fn m_36_a_path_that_is_taken_away_and_is_not_in_the_public_url_stops_the_start() {
    let place = || Http::bind("127.0.0.1:8000");
    let public = "http://localhost:8000/app/mcp";
    for place in [
        place().stripped_path("/app"),
        place().stripped_path("/other").public_url(public),
        place().stripped_path("app").public_url(public),
        place().stripped_path("/app/").public_url(public),
        place()
            .stripped_path("/app")
            .public_url("http://localhost:8000/mcp"),
        place().stripped_path("/app").public_url(public).path("/"),
    ] {
        let refused = server(headless(), &TestClock::new()).into_app(&place);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("a proxy takes"), "{refused}");
    }
}

#[tokio::test]
async fn m_26_with_a_prefix_every_address_in_the_metadata_works() {
    let http = testkit::Http::service(app(headless().prefix("/auth")));
    let client = Client::discover(&http).await;
    assert_eq!(client.endpoint("token"), "http://localhost:8000/auth/token");
    let (access, refresh) = client.tokens().await;
    assert_eq!(client.call("whoami", &access).await.0, 200);
    client.revoke(&refresh).await;
    assert_eq!(client.call("whoami", &access).await.0, 401);
    let elsewhere = http.get("/authorize").send().await;
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test]
async fn f1_after_a_restart_on_the_same_file_the_session_of_a_client_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let clock = TestClock::new();
    let place = || Http::bind("127.0.0.1:0").public_url(super::PUBLIC);
    let auth = || EmbeddedAuth::sqlite(&file).danger_approve_everything("alice");
    let running = server(auth(), &clock).start(place()).await.unwrap();
    let client = Client::discover(&testkit::Http::service(running.app())).await;
    let (access, refresh) = client.tokens().await;
    running.stop().await;

    let running = server(auth(), &clock).start(place()).await.unwrap();
    let client = Client {
        http: testkit::Http::service(running.app()),
        ..client
    };
    assert_eq!(client.call("whoami", &access).await.0, 200);
    let (access, _) = client.refresh(&refresh).await;
    assert_eq!(client.call("whoami", &access).await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn on_a_port_that_was_taken_at_the_start_the_metadata_names_that_port() {
    let running = server(headless(), &TestClock::new())
        .start(Http::bind("127.0.0.1:0"))
        .await
        .unwrap();
    let http = testkit::Http::socket(&running.address().to_string());
    let client = Client::discover(&http).await;
    let issuer = format!("http://localhost:{}", running.address().port());
    assert_eq!(client.metadata["issuer"], issuer);
    let (access, _) = client.tokens().await;
    assert_eq!(client.call("whoami", &access).await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn people_who_lose_their_way_find_a_page_and_programs_a_status() {
    let http = testkit::Http::service(app(crate::visitor::cheap_accounts()));
    for (accept, kind) in [
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "text/plain; charset=utf-8"),
    ] {
        for path in ["/", "/nothing/here"] {
            let answer = http.get(path).header("accept", accept).send().await;
            assert_eq!(answer.status(), 404, "{path}");
            assert_eq!(answer.headers()["content-type"], kind, "{path}");
        }
    }
}
