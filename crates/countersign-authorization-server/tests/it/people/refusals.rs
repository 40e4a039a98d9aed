//! What cannot go on, as a page for people and as ever for programs.

use countersign_authorization_server::store::SealingKeys;
use countersign_authorization_server::{AuthorizationServer, Storage};
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::browser::*;
use crate::fixture::{CALLBACK, ISSUER, form};
use crate::watched_store::{Health, WatchedStore};

#[tokio::test]
async fn people_read_pages_and_programs_what_they_always_did() {
    let site = site().await;
    let browser = site.browser();
    let long = format!("/authorize?state={}", "x".repeat(40_000));
    for (method, target, status, allow) in [
        (Method::GET, "/nothing", StatusCode::NOT_FOUND, None),
        (Method::GET, "/login/", StatusCode::NOT_FOUND, None),
        (
            Method::GET,
            "/consent",
            StatusCode::METHOD_NOT_ALLOWED,
            Some("POST"),
        ),
        (
            Method::PUT,
            "/login",
            StatusCode::METHOD_NOT_ALLOWED,
            Some("GET, POST"),
        ),
        (
            Method::PUT,
            "/authorize",
            StatusCode::METHOD_NOT_ALLOWED,
            Some("GET, POST"),
        ),
        (Method::GET, &long, StatusCode::URI_TOO_LONG, None),
    ] {
        for (accept, kind) in [
            (AS_BROWSERS_ACCEPT, "text/html; charset=utf-8"),
            ("*/*", "text/plain; charset=utf-8"),
            ("application/json", "text/plain; charset=utf-8"),
        ] {
            let request = Request::builder().method(method.clone()).uri(target);
            let seen = browser
                .send(request.header("accept", accept), String::new())
                .await;
            assert_eq!(seen.status, status, "{method} {}", &target[..8]);
            assert_eq!(seen.header("content-type"), Some(kind), "{}", &target[..8]);
            assert_eq!(seen.header("allow"), allow, "{}", &target[..8]);
        }
    }
    // What is for programs alone stays so.
    for path in ["/token", "/jwks", "/.well-known/oauth-authorization-server"] {
        let request = Request::delete(path).header("accept", AS_BROWSERS_ACCEPT);
        let seen = browser.send(request, String::new()).await;
        assert_ne!(
            seen.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn c38_a_dead_store_is_a_page_for_people_and_json_for_programs() {
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let server = AuthorizationServer::with_settings(settings_at(ISSUER))
        .storage(Storage::new(WatchedStore::new(Health::Down), sealing))
        .build()
        .unwrap();
    let authorize = form(&[("client_id", "C1"), ("redirect_uri", CALLBACK)]);
    let authorize = format!("/authorize?{authorize}");
    for (target, accept, kind) in [
        (
            authorize.as_str(),
            AS_BROWSERS_ACCEPT,
            "text/html; charset=utf-8",
        ),
        (
            "/setup?token=x",
            AS_BROWSERS_ACCEPT,
            "text/html; charset=utf-8",
        ),
        (&authorize, "*/*", "application/json"),
        ("/jwks", AS_BROWSERS_ACCEPT, "application/json"),
    ] {
        let request = Request::get(target).header("accept", accept);
        let answer = server.respond(request.body(Full::default()).unwrap()).await;
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(answer.status(), status, "{target}");
        assert_eq!(answer.headers()["content-type"], kind, "{target}");
        assert_eq!(answer.headers()["retry-after"], "5", "{target}");
    }
}

#[tokio::test]
async fn the_address_of_a_form_of_the_account_page_leads_to_the_page() {
    let site = site().await;
    let browser = site.browser();
    for path in [
        "/account/revoke",
        "/account/revoke-all",
        "/account/password",
    ] {
        let seen = browser.visit(path).await;
        let account = format!("{ISSUER}/account");
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(seen.header("location"), Some(account.as_str()), "{path}");
    }
}
