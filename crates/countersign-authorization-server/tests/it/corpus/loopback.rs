//! Rows L: loopback addresses and private schemes, at the authorization endpoint
//! (RFC 8252 §7).

use countersign_authorization_server::oauth::RedirectUri;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::redirect_uri::ApplicationType;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;
use testkit::corpus;

use super::Asked;
use super::standing::Standing;
use crate::fixture::*;

fn ask(client: &str, uri: &str) -> Asked {
    Asked::good()
        .with("client_id", client)
        .with("redirect_uri", uri)
}

/// Clients that registered one address each.
async fn native_world(clients: &[(&str, &str)]) -> World {
    let world = world().await;
    for (id, uri) in clients {
        let metadata = ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
        world.add(id, facts(metadata)).await;
    }
    world
}

#[tokio::test]
async fn l3_to_l11_as_15_nothing_but_the_port_of_a_loopback_address_may_differ() {
    let world = native_world(&[("N", "http://127.0.0.1:3000/cb")]).await;
    let mut standing = Standing::of(&world).await;
    for (row, mutations) in corpus::LOOPBACK {
        for asked in *mutations {
            for client in ["C2", "N"] {
                let seen = ask(client, asked).get(&world).await;
                seen.assert_page();
                standing.holds(row, asked, &seen).await;
            }
        }
    }
}

#[tokio::test]
async fn l8_a_name_is_no_address() {
    let world = native_world(&[("N", "http://localhost/cb"), ("V6", "http://[::1]/cb")]).await;
    let mut standing = Standing::of(&world).await;
    for (client, asked) in [
        ("N", "http://127.0.0.1:51234/cb"),
        ("N", "http://[::1]/cb"),
        ("V6", "http://localhost/cb"),
        ("V6", "http://127.0.0.1/cb"),
    ] {
        let seen = ask(client, asked).get(&world).await;
        seen.assert_page();
        standing.holds("L8", asked, &seen).await;
    }
}

#[tokio::test]
async fn l1_l2_the_answer_goes_to_the_port_that_was_asked_for_and_the_code_is_bound_to_it() {
    let world = native_world(&[
        ("N", "http://127.0.0.1:3000/cb"),
        ("V6", "http://[::1]/cb"),
        ("NAME", "http://localhost:3000/cb"),
    ])
    .await;
    for (client, asked) in [
        ("C2", "http://127.0.0.1:51234/cb"),
        ("N", "http://127.0.0.1:51234/cb"),
        ("N", "http://127.0.0.1/cb"),
        ("V6", "http://[::1]:51234/cb"),
        ("NAME", "http://localhost:51234/cb"),
    ] {
        let seen = ask(client, asked).get(&world).await;
        let location = seen.header("location").unwrap();
        assert!(
            location.starts_with(&format!("{asked}?code=")),
            "{location}"
        );
        let code = seen.redirect()["code"].clone();
        let other = [
            ("client_id", client),
            ("redirect_uri", "http://127.0.0.1:1/cb"),
        ];
        world
            .redeem(&code, &other)
            .await
            .assert_tok("invalid_grant");
        let good = [("client_id", client), ("redirect_uri", asked)];
        tokens_of(&world.redeem(&code, &good).await);
    }
}

#[tokio::test]
async fn l12_a_web_application_is_neither_registered_nor_answered_on_loopback() {
    let world = world().await;
    for (id, uri) in [
        ("W1", "http://127.0.0.1/cb"),
        ("W2", "http://[::1]:3000/cb"),
        ("W3", "http://localhost/cb"),
    ] {
        // An administrator who made the mistake all the same.
        let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(uri).unwrap()]);
        metadata.application_type = ApplicationType::Web;
        world.add(id, facts(metadata)).await;
        let mut standing = Standing::of(&world).await;
        let document = json!({"redirect_uris": [uri], "application_type": "web"});
        let request = Request::post("/register").header("content-type", "application/json");
        let body = Full::from(document.to_string());
        let seen = world.send(request.body(body).unwrap()).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(seen.json()["error"], "invalid_redirect_uri", "{uri}");
        standing.holds("L12", uri, &seen).await;
        let seen = ask(id, uri).get(&world).await;
        seen.assert_page();
        standing.holds("L12", uri, &seen).await;
    }
}

#[tokio::test]
async fn l13_a_private_scheme_is_compared_byte_for_byte() {
    let registered = corpus::PRIVATE_USE;
    let world = native_world(&[("A", registered)]).await;
    let mut standing = Standing::of(&world).await;
    for asked in corpus::PRIVATE_USES {
        let seen = ask("A", asked).get(&world).await;
        seen.assert_page();
        standing.holds("L13", asked, &seen).await;
    }
    let seen = ask("A", registered).get(&world).await;
    let location = seen.header("location").unwrap();
    assert!(
        location.starts_with("com.example.app:/cb?code="),
        "{location}"
    );
}
