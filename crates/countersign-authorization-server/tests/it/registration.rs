//! The registration endpoint: rows D1 to D18 of the attack corpus.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_authorization_server::oauth::{Lifetime, Secret};
use countersign_authorization_server::settings::Registration;
use countersign_authorization_server::store::{Key, Kind, Record, SecretHash, Store as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::fixture::*;

fn request(document: &Value) -> http::request::Builder {
    assert!(document.is_object());
    Request::post("/register").header("content-type", "application/json")
}

async fn register(world: &World, document: &Value) -> Seen {
    let body = Full::from(document.to_string());
    world.send(request(document).body(body).unwrap()).await
}

fn web() -> Value {
    json!({"redirect_uris": [CALLBACK]})
}

#[tokio::test]
async fn as_40_d2_d3_d6_what_is_refused_is_not_stored() {
    let world = world().await;
    let before = world.count(Kind::Client).await;
    for (document, error) in [
        (json!({}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["http://evil.example/cb"]}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": [CALLBACK], "grant_types": ["password"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": [CALLBACK], "software_statement": "x"}),
            "invalid_software_statement",
        ),
    ] {
        let seen = register(&world, &document).await;
        assert_eq!(
            (seen.status, seen.json()["error"].as_str()),
            (StatusCode::BAD_REQUEST, Some(error))
        );
        assert_eq!(seen.header("cache-control"), Some("no-store"));
    }
    let form =
        Request::post("/register").header("content-type", "application/x-www-form-urlencoded");
    let seen = world
        .send(form.body(Full::from("redirect_uris=x")).unwrap())
        .await;
    assert_eq!(seen.json()["error"], "invalid_client_metadata");
    let long = Full::from(Bytes::from(vec![b' '; 64 * 1024 + 1]));
    let seen = world.send(request(&web()).body(long).unwrap()).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        world.get("/register").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(world.count(Kind::Client).await, before);
}

#[tokio::test]
async fn as_40_d1_d5_d15_registered_clients_have_ids_of_their_own_and_work() {
    let world = world().await;
    let document = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post", "client_id": "C1", "client_secret": "x"});
    let (one, other) = (
        register(&world, &document).await,
        register(&world, &document).await,
    );
    assert_eq!(one.status, StatusCode::CREATED);
    assert_eq!(one.header("cache-control"), Some("no-store"));
    let (one, other) = (one.json(), other.json());
    assert_ne!(one["client_id"], other["client_id"]);
    assert_ne!(one["client_id"], "C1");
    assert_ne!(one["client_secret"], other["client_secret"]);
    assert_eq!(one["client_secret_expires_at"], 0);
    assert_eq!(one.get("registration_client_uri"), None);
    let (id, secret) = (
        one["client_id"].as_str().unwrap(),
        one["client_secret"].as_str().unwrap(),
    );
    let code = world.code(id).await;
    let seen = world
        .redeem(&code, &[("client_id", id), ("client_secret", secret)])
        .await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    let code = world.code(id).await;
    let other = other["client_secret"].as_str().unwrap();
    world
        .redeem(&code, &[("client_id", id), ("client_secret", other)])
        .await
        .assert_tok("invalid_client");
}

fn from(address: &str) -> Request<Full<Bytes>> {
    let address: IpAddr = address.parse().unwrap();
    let body = Full::from(web().to_string());
    let mut request = request(&web()).body(body).unwrap();
    request.extensions_mut().insert(address);
    request
}

#[tokio::test]
async fn as_40_d12_registrations_are_bounded_for_each_network_and_in_all() {
    let mut settings = settings();
    settings.registrations_per_hour = 2;
    settings.most_new_clients = 5;
    let world = world_with(settings, |builder| builder).await;
    for (address, status) in [
        ("192.0.2.1", 201),
        ("192.0.2.2", 201),
        ("192.0.2.3", 429),
        ("::ffff:192.0.2.4", 429),
        ("2001:db8::1", 201),
        ("2001:db8::2", 201),
        ("2001:db8::ffff", 429),
    ] {
        let seen = world.send(from(address)).await;
        assert_eq!(seen.status, status, "{address}");
    }
    world.clock.advance(Lifetime::from_mins(45));
    let seen = world.send(from("192.0.2.3")).await;
    assert_eq!(
        (seen.status.as_u16(), seen.header("retry-after")),
        (429, Some("900"))
    );
    world.clock.advance(Lifetime::from_mins(15));
    assert_eq!(world.send(from("192.0.2.3")).await.status, 201);
    // Five in all: those that an administrator added have no part in it.
    let seen = world.send(from("198.51.100.1")).await;
    let rest = (23 * 60 * 60).to_string();
    assert_eq!(
        (seen.status.as_u16(), seen.header("retry-after")),
        (429, Some(rest.as_str()))
    );
    world.clock.advance(Lifetime::from_hours(23));
    assert_eq!(world.send(from("198.51.100.1")).await.status, 201);
}

#[tokio::test]
async fn d12_whoever_has_many_networks_of_one_provider_has_not_many_times_as_much() {
    let mut settings = settings();
    settings.registrations_per_hour = 1;
    let world = world_with(settings, |builder| builder).await;
    let mut registered = 0;
    for network in 0..20 {
        let seen = world
            .send(from(&format!("2001:db8:7:{network:x}::1")))
            .await;
        registered += usize::from(seen.status == StatusCode::CREATED);
    }
    assert_eq!(registered, 10);
    assert_eq!(world.send(from("2001:db8:8::1")).await.status, 201);
}

#[tokio::test]
async fn d12_a_full_quota_keeps_no_client_out_that_is_there_and_none_that_was_invited() {
    let mut settings = settings();
    settings.most_new_clients = 2;
    let world = world_with(settings.clone(), |builder| builder).await;
    let document = json!({
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let first = register(&world, &document).await;
    let first = first.json()["client_id"].as_str().unwrap().to_owned();
    let fields = [("client_id", first.as_str())];
    let (_, refresh) = tokens_of(&world.redeem(&world.code(&first).await, &fields).await);
    assert_eq!(register(&world, &document).await.status, 201);
    assert_eq!(register(&world, &document).await.status, 429);

    let (_, refresh) = tokens_of(&world.refresh(&refresh, &fields).await);
    tokens_of(&world.redeem(&world.code(&first).await, &fields).await);
    // The day after strangers fill it again, and the client is still there.
    world.clock.advance(Lifetime::from_hours(24));
    for status in [201, 201, 429] {
        assert_eq!(register(&world, &document).await.status, status);
    }
    tokens_of(&world.refresh(&refresh, &fields).await);
    tokens_of(&world.redeem(&world.code(&first).await, &fields).await);

    // A token of the operator is as good as ever.
    settings.registration = Registration::InitialAccessToken;
    settings.most_new_clients = 0;
    let world = world_with(settings, |builder| builder).await;
    let token = world.server.initial_access_token(Lifetime::from_hours(1));
    let token = format!("Bearer {}", token.await.unwrap().reveal());
    let invited = request(&document).header("authorization", token);
    let seen = world.send(invited.body(Full::from(document.to_string())).unwrap());
    assert_eq!(seen.await.status, 201);
}

#[tokio::test]
async fn as_40_d12_unused_clients_end_within_a_day_and_used_ones_do_not() {
    let world = world().await;
    let document = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"});
    let id = |seen: &Seen| seen.json()["client_id"].as_str().unwrap().to_owned();
    let (unused, used) = (
        id(&register(&world, &document).await),
        id(&register(&world, &document).await),
    );
    world.clock.advance(Lifetime::from_hours(23));
    world.code(&used).await;
    // Being asked about is not being used.
    world.is_in(Mood::Denies);
    world.authorize(&[("client_id", &unused)]).await.redirect();
    world.is_in(Mood::Agrees);
    world.clock.advance(Lifetime::from_hours(1));
    world
        .authorize(&[("client_id", &unused)])
        .await
        .assert_page();
    world.clock.advance(Lifetime::from_hours(300 * 24));
    world.code(&used).await;
}

#[tokio::test]
async fn d17_an_initial_access_token_works_once() {
    let mut settings = settings();
    settings.registration = Registration::InitialAccessToken;
    let world = world_with(settings, |builder| builder).await;
    let add = async |token: &str| {
        let key = Key::initial_access_token(SecretHash::of(&Secret::new(token)));
        let now = world.clock.now();
        let record = Record::new(key, now).expiring(now.saturating_add(Lifetime::from_hours(1)));
        world.store.insert(record, now).await.unwrap();
    };
    let send = async |authorization: Option<&str>, document: &Value| {
        let mut request = request(document);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        world
            .send(request.body(Full::from(document.to_string())).unwrap())
            .await
    };
    add("good").await;
    add("late").await;
    for wrong in [
        None,
        Some("Bearer wrong"),
        Some("Bearer "),
        Some("Basic Z29vZA=="),
        Some("good"),
    ] {
        let seen = send(wrong, &web()).await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        assert!(seen.header("www-authenticate").is_some());
    }
    // A refused registration does not use it up.
    assert_eq!(
        send(Some("Bearer good"), &json!({})).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        send(Some("Bearer good"), &web()).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        send(Some("Bearer good"), &web()).await.status,
        StatusCode::UNAUTHORIZED
    );
    world.clock.advance(Lifetime::from_hours(1));
    assert_eq!(
        send(Some("Bearer late"), &web()).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn as_07_a_closed_registration_does_not_exist() {
    let mut settings = settings();
    settings.registration = Registration::Closed;
    let world = world_with(settings, |builder| builder).await;
    assert_eq!(register(&world, &web()).await.status, StatusCode::NOT_FOUND);
    let metadata = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(metadata.get("registration_endpoint"), None);
}

#[tokio::test]
async fn d18_h9_a_secret_is_only_in_the_answer() {
    let world = world().await;
    let document =
        json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic"});
    let answer = register(&world, &document).await.json();
    let secret = answer["client_secret"].as_str().unwrap();
    let key = Key::client(&answer["client_id"].as_str().unwrap().into());
    let stored = world
        .store
        .get(&key, world.clock.now())
        .await
        .unwrap()
        .live()
        .unwrap();
    assert!(!stored.body.contains(secret));
    assert!(!world.events.0.lock().unwrap().join("\n").contains(secret));
}

#[tokio::test]
async fn a_client_secret_can_expire() {
    let mut settings = settings();
    settings.lifetimes.client_secret = Some(Lifetime::from_hours(24));
    let world = world_with(settings, |builder| builder).await;
    let document =
        json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"});
    let answer = register(&world, &document).await.json();
    let (id, secret) = (
        answer["client_id"].as_str().unwrap(),
        answer["client_secret"].as_str().unwrap(),
    );
    assert_eq!(
        answer["client_secret_expires_at"],
        world.clock.now().as_secs() + 86_400
    );
    // It is in use, so that the client outlives its secret.
    world.code(id).await;
    world.clock.advance(Lifetime::from_hours(24));
    let code = world.code(id).await;
    world
        .redeem(&code, &[("client_id", id), ("client_secret", secret)])
        .await
        .assert_tok("invalid_client");
}
