//! Rows D20 to D23, D31 and D32: documents of clients, at the authorization endpoint.
//! What a host name resolves to is judged in the fetcher, whose tests have rows D24 to
//! D30.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_authorization_server::{ClientIdDocuments, DocumentTrust};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetcher, Fetching};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::Asked;
use super::standing::Standing;
use crate::fixture::*;

const URL: &str = "https://client.example/id";

/// Another server: its next answer, and what it was asked for.
#[derive(Debug)]
struct Elsewhere {
    answer: Mutex<(u16, &'static str, String)>,
    asked: Mutex<Vec<String>>,
}

impl Fetch for Elsewhere {
    fn fetch(&self, request: http::Request<Bytes>) -> Fetching<'_> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let (status, content_type, body) = self.answer.lock().unwrap().clone();
        let answer = Response::builder()
            .status(status)
            .header("content-type", content_type)
            .header("location", "https://evil.example/id");
        let answer = answer
            .body(Bytes::from(body))
            .map_err(|_| FetchError::Exchange);
        Box::pin(async move { answer })
    }
}

async fn elsewhere() -> (World, Arc<Elsewhere>) {
    let elsewhere = Arc::new(Elsewhere {
        answer: Mutex::new((200, "application/json", document(json!({})))),
        asked: Mutex::default(),
    });
    let fetch = elsewhere.clone();
    let world = world_with(settings(), |builder| {
        builder.client_id_documents(ClientIdDocuments::new(fetch, DocumentTrust::AnyHost))
    })
    .await;
    (world, elsewhere)
}

/// A good document with `changes`; null removes.
fn document(changes: Value) -> String {
    let mut document =
        json!({"client_id": URL, "client_name": "A client", "redirect_uris": [CALLBACK]});
    let members = document.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    document.to_string()
}

fn ask(id: &str) -> Asked {
    Asked::good().with("client_id", id)
}

#[tokio::test]
async fn d20_as_09_an_id_that_is_no_address_of_a_document_sees_a_page_and_is_not_fetched() {
    let (world, elsewhere) = elsewhere().await;
    let mut standing = Standing::of(&world).await;
    let long = format!("{URL}{}", "a".repeat(2_048));
    for id in [
        "http://client.example/id",
        "https://client.example",
        "https://client.example/",
        "https://client.example/id#x",
        "https://user@client.example/id",
        "https://client.example/a/../id",
        "https://client.example/%2e%2e/id",
        "HTTPS://client.example/id",
        "https:\\\\client.example\\id",
        "https://client.example/\tid",
        "https://127.0.0.1/id",
        "https://[2606:4700:4700::1111]/id",
        "https://2130706433/id",
        "https://localhost/id",
        "https://metadata.google.internal/id",
        "https:/client.example/id",
        "file:///etc/passwd",
        &long,
    ] {
        let seen = ask(id).get(&world).await;
        seen.assert_page();
        standing.holds("D20", id, &seen).await;
    }
    assert!(elsewhere.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn d21_d22_d31_d32_as_08_as_10_a_document_that_breaks_a_rule_sees_a_page() {
    let (world, elsewhere) = elsewhere().await;
    let mut standing = Standing::of(&world).await;
    let oct = json!([{"kty": "oct", "k": "c2VjcmV0"}]);
    let with = |changes: Value| (200, "application/json", document(changes));
    let id = |id: &str| with(json!({"client_id": id}));
    let method = |method: &str| with(json!({"token_endpoint_auth_method": method}));
    let good = document(json!({}));
    let signed = |more: Value| {
        let mut changes = json!({"token_endpoint_auth_method": "private_key_jwt"});
        changes
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with(changes)
    };
    for (row, answer) in [
        ("D21", id("https://client.example/id/")),
        ("D21", id("https://client.example:443/id")),
        ("D21", id("https://client.example/ID")),
        ("D21", id("https://client.example/%69d")),
        ("D21", id("https://client.example/id?")),
        ("D21", id("https://evil.example/id")),
        ("D22", (204, "application/json", String::new())),
        ("D22", (206, "application/json", good.clone())),
        ("D22", (404, "application/json", good.clone())),
        ("D22", (500, "application/json", good.clone())),
        ("D22", (200, "text/html", good.clone())),
        ("D22", (200, "application/json", "<html>".to_owned())),
        ("D22", (200, "application/json", format!("[{good}]"))),
        ("D22", (200, "application/json", format!("\u{feff}{good}"))),
        ("D22", with(json!({"client_name": null}))),
        ("D22", with(json!({"redirect_uris": null}))),
        (
            "D24",
            (
                200,
                "application/json",
                format!("{good}{}", " ".repeat(5 * 1024)),
            ),
        ),
        ("D31", with(json!({"client_secret": "x"}))),
        ("D31", method("client_secret_basic")),
        ("D31", method("client_secret_post")),
        ("D31", method("client_secret_jwt")),
        ("D32", signed(json!({"jwks": {"keys": oct}}))),
        ("D32", signed(json!({"jwks_uri": "https://127.0.0.1/jwks"}))),
        (
            "D32",
            signed(json!({"jwks_uri": "http://client.example/jwks"})),
        ),
        ("D32", signed(json!({}))),
    ] {
        *elsewhere.answer.lock().unwrap() = answer;
        let seen = ask(URL).get(&world).await;
        seen.assert_page();
        standing.holds(row, row, &seen).await;
        // A refusal is not remembered for longer than a minute.
        world
            .clock
            .advance(countersign_authorization_server::oauth::Lifetime::from_mins(1));
        standing = Standing::of(&world).await;
    }
    // S7: nothing but the document was asked for.
    assert!(elsewhere.asked.lock().unwrap().iter().all(|url| url == URL));
    *elsewhere.answer.lock().unwrap() = with(json!({}));
    let seen = ask(URL).get(&world).await;
    assert!(seen.redirect().contains_key("code"));
}

#[tokio::test]
async fn d23_a_redirect_is_no_document() {
    let (world, elsewhere) = elsewhere().await;
    let mut standing = Standing::of(&world).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = (status, "application/json", document(json!({})));
        *elsewhere.answer.lock().unwrap() = answer;
        let seen = ask(URL).get(&world).await;
        seen.assert_page();
        standing.holds("D23", "redirect", &seen).await;
    }
    assert!(elsewhere.asked.lock().unwrap().iter().all(|url| url == URL));
}

#[tokio::test]
async fn d26_d30_what_the_fetcher_refuses_sees_a_page() {
    // The real one: no address but those of the public network, and port 443 alone.
    let fetch = Arc::new(Fetcher::builder().build().unwrap());
    let world = world_with(settings(), |builder| {
        builder.client_id_documents(ClientIdDocuments::new(fetch, DocumentTrust::AnyHost))
    })
    .await;
    let mut standing = Standing::of(&world).await;
    for port in [22, 25, 80, 6379, 8080] {
        let id = format!("https://client.example:{port}/id");
        let seen = ask(&id).get(&world).await;
        seen.assert_page();
        standing.holds("D30", &id, &seen).await;
    }
    let is_page = ask("https://169.254.169.254/id").get(&world).await;
    assert_eq!(is_page.status, StatusCode::BAD_REQUEST);
}
