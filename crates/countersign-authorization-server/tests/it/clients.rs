//! Assertions and documents of clients: rows C23, D20 to D23, D34, D35, D38 and D39.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use countersign_authorization_server::oauth::client_authentication::{
    ASSERTION_TYPE, TokenEndpointAuthMethod,
};
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::web_uri::{FetchableUri, LoopbackHosts};
use countersign_authorization_server::oauth::{Lifetime, RedirectUri};
use countersign_authorization_server::{
    ClientFacts, ClientIdDocuments, ClientSource, DocumentTrust,
};
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::codes::join_all;
use crate::fixture::*;

const URL: &str = "https://client.example/id";

/// Another server, of which the test says what it answers.
#[derive(Debug)]
struct Elsewhere {
    asked: AtomicUsize,
    answer: Mutex<Option<(u16, &'static str, String)>>,
    cache_control: &'static str,
}

impl Fetch for Elsewhere {
    fn fetch(&self, _request: http::Request<Bytes>) -> Fetching<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let (status, content_type, body) = answer.ok_or(FetchError::Address)?;
            let answer = Response::builder()
                .status(status)
                .header("content-type", content_type)
                .header("cache-control", self.cache_control);
            Ok(answer.body(Bytes::from(body)).unwrap())
        })
    }
}

async fn documents(cache_control: &'static str, trust: DocumentTrust) -> (World, Arc<Elsewhere>) {
    let elsewhere = Arc::new(Elsewhere {
        asked: AtomicUsize::new(0),
        answer: Mutex::new(Some((200, "application/json", document(json!({}))))),
        cache_control,
    });
    let fetch = elsewhere.clone();
    let world = world_with(settings(), |builder| {
        builder.client_id_documents(ClientIdDocuments::new(fetch, trust))
    })
    .await;
    (world, elsewhere)
}

fn document(changes: Value) -> String {
    let mut document =
        json!({"client_id": URL, "client_name": "A client", "redirect_uris": [CALLBACK]});
    document
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    document.to_string()
}

#[tokio::test]
async fn as_08_d20_d38_d39_ids_that_may_not_be_fetched_see_a_page_and_nothing_is_sent() {
    let hosts = BTreeSet::from(["other.example".to_owned()]);
    for (trust, ids) in [
        (DocumentTrust::Hosts(hosts), vec![URL]),
        (
            DocumentTrust::AnyHost,
            vec![
                "http://client.example/id",
                "https://client.example/",
                "https://client.example",
                "https://localhost/id",
                "https://127.0.0.1/id",
                "https://client.example/a/../id",
                "https://as.test/uploads/id",
                "https://as.test:8443/uploads/id",
                "https://as.test./uploads/id",
                "https://AS.test/uploads/id",
            ],
        ),
    ] {
        let (world, elsewhere) = documents("", trust).await;
        for id in ids {
            world.authorize(&[("client_id", id)]).await.assert_page();
        }
        assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn as_08_as_10_d21_d22_d23_unacceptable_documents_see_a_page_and_are_not_kept() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    for answer in [
        None,
        Some((404, "application/json", document(json!({})))),
        Some((302, "application/json", document(json!({})))),
        Some((200, "text/html", document(json!({})))),
        Some((200, "application/json", "[]".to_owned())),
        Some((
            200,
            "application/json",
            document(json!({"client_id": "https://client.example/id/"})),
        )),
        Some((
            200,
            "application/json",
            document(json!({"client_secret": "x"})),
        )),
        Some((
            200,
            "application/json",
            document(json!({"redirect_uris": ["https://evil.example/"]})),
        )),
    ] {
        *elsewhere.answer.lock().unwrap() = answer;
        world.authorize(&[("client_id", URL)]).await.assert_page();
        world.clock.advance(Lifetime::from_hours(25));
    }
    *elsewhere.answer.lock().unwrap() = Some((200, "application/json", document(json!({}))));
    assert!(
        world
            .authorize(&[("client_id", URL)])
            .await
            .redirect()
            .contains_key("code")
    );
}

#[tokio::test]
async fn as_06_a_client_with_a_document_gets_tokens_and_it_is_advertised() {
    let (world, elsewhere) = documents("max-age=3600", DocumentTrust::AnyHost).await;
    let code = world.code(URL).await;
    tokens_of_document(&world.redeem(&code, &[("client_id", URL)]).await);
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1);
    let metadata = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
}

fn tokens_of_document(seen: &Seen) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
}

#[tokio::test]
async fn d34_requests_that_wait_for_one_document_fetch_it_once() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let changes = [("client_id", URL)];
    let all = (0..100).map(|_| world.authorize(&changes));
    for seen in join_all(all).await {
        assert_eq!(seen.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn d34_documents_of_many_addresses_are_fetched_within_a_budget() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let ask = async |host: usize, number: usize| {
        let id = format!("https://client{host}.example/{number}");
        world.authorize(&[("client_id", &id)]).await.status
    };
    for number in 0..30 {
        assert_eq!(ask(0, number).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(ask(0, 30).await, StatusCode::SERVICE_UNAVAILABLE);
    let mut in_all = 30;
    for host in 1..60 {
        for number in 0..10 {
            let status = ask(host, number).await;
            in_all += usize::from(status == StatusCode::BAD_REQUEST);
        }
    }
    assert!((250..=300).contains(&in_all), "{in_all}");
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), in_all);
    // Clients that are known, or registered here, go on.
    assert!(world.authorize(&[]).await.redirect().contains_key("code"));
    world.clock.advance(Lifetime::from_mins(1));
    assert!(
        world
            .authorize(&[("client_id", URL)])
            .await
            .redirect()
            .contains_key("code")
    );
}

#[tokio::test]
async fn d34_one_network_cannot_use_up_the_documents_of_all() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let ask = async |address: &str, host: usize| {
        let id = format!("https://client{host}.example/x");
        let target = format!("/authorize?{}", form(&[("client_id", &id)]));
        let request = http::Request::get(target).extension(address.parse::<IpAddr>().unwrap());
        let request = request.body(Full::default()).unwrap();
        world.send(request).await.status
    };
    for host in 0..60 {
        let address = format!("192.0.2.{host}");
        assert_eq!(ask(&address, host).await, StatusCode::BAD_REQUEST);
    }
    for host in 60..400 {
        let status = ask("192.0.2.1", host).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 60);
    assert_eq!(ask("198.51.100.1", 400).await, StatusCode::BAD_REQUEST);
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 61);
}

/// The answer of a server that publishes `key`.
fn keys_of(key: &SigningKey) -> (u16, &'static str, String) {
    let keys = json!({"keys": [key.public_jwk().unwrap()]});
    (200, "application/json", keys.to_string())
}

/// A client from `source` that signs, with the keys at [`URL`].
async fn with_remote_keys(world: &World, source: ClientSource) -> SigningKey {
    let key = signer(world).await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::PrivateKeyJwt;
    metadata.grant_types = vec![GrantType::ClientCredentials];
    metadata.jwks_uri = FetchableUri::parse(URL, LoopbackHosts::Refused).ok();
    assert!(metadata.jwks_uri.is_some());
    world.replace("J", ClientFacts::new(metadata, source)).await;
    key
}

#[tokio::test]
async fn d34_refused_assertions_do_not_make_this_server_ask_for_keys_without_end() {
    for (source, most) in [
        (ClientSource::Administrator, 10),
        // Nobody has allowed it anything: its host may be anybody's.
        (ClientSource::Itself, 30),
    ] {
        let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
        let key = with_remote_keys(&world, source).await;
        for answer in [None, Some((404, "text/html", String::new()))] {
            *elsewhere.answer.lock().unwrap() = answer;
            for _ in 0..100 {
                let seen = present(&world, &key, json!({})).await;
                assert_ne!(seen.status, StatusCode::OK);
            }
        }
        assert_eq!(elsewhere.asked.load(Ordering::SeqCst), most, "{source:?}");
        // The minute after, the client is served.
        world.clock.advance(Lifetime::from_mins(1));
        *elsewhere.answer.lock().unwrap() = Some(keys_of(&key));
        let seen = present(&world, &key, json!({})).await;
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    }
}

#[tokio::test]
async fn d34_assertions_that_wait_for_the_keys_of_their_client_fetch_them_once() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let key = with_remote_keys(&world, ClientSource::Administrator).await;
    *elsewhere.answer.lock().unwrap() = Some(keys_of(&key));
    let all = (0..100).map(|number| present(&world, &key, json!({"jti": number.to_string()})));
    for seen in join_all(all).await {
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1);
}

/// Strangers of many networks use up all that may be asked of `host`.
async fn flood(world: &World, host: &str) -> usize {
    let mut fetched = 0;
    for number in 0..40 {
        let id = format!("https://{host}/{number}");
        let target = format!("/authorize?{}", form(&[("client_id", &id)]));
        let address: IpAddr = format!("198.51.{number}.1").parse().unwrap();
        let request = http::Request::get(target).extension(address);
        let seen = world.send(request.body(Full::default()).unwrap()).await;
        fetched += usize::from(seen.status == StatusCode::BAD_REQUEST);
    }
    fetched
}

#[tokio::test]
async fn d34_strangers_keep_no_client_out_that_is_in_use() {
    // A client with a document that somebody has allowed something.
    let (world, _) = documents("no-store", DocumentTrust::AnyHost).await;
    let changes = [("client_id", URL)];
    world.code(URL).await;
    world.clock.advance(Lifetime::from_mins(1));
    assert_eq!(flood(&world, "client.example").await, 30);
    let code = world.code(URL).await;
    tokens_of_document(&world.redeem(&code, &changes).await);

    // One that nobody has allowed anything waits for a minute.
    let (world, _) = documents("no-store", DocumentTrust::AnyHost).await;
    world.is_in(Mood::Denies);
    world.authorize(&changes).await.redirect();
    world.clock.advance(Lifetime::from_mins(1));
    assert_eq!(flood(&world, "client.example").await, 30);
    assert_eq!(world.authorize(&changes).await.status, 503);
    world.clock.advance(Lifetime::from_mins(1));
    world.authorize(&changes).await.redirect();

    // A client of an administrator that publishes its keys there.
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let key = with_remote_keys(&world, ClientSource::Administrator).await;
    assert_eq!(flood(&world, "client.example").await, 30);
    *elsewhere.answer.lock().unwrap() = Some(keys_of(&key));
    let seen = present(&world, &key, json!({})).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
}

#[tokio::test]
async fn d34_a_document_of_a_client_in_use_is_not_asked_for_without_end() {
    let (world, elsewhere) = documents("no-store", DocumentTrust::AnyHost).await;
    world.code(URL).await;
    world.clock.advance(Lifetime::from_mins(1));
    *elsewhere.answer.lock().unwrap() = None;
    for _ in 0..100 {
        let seen = world.authorize(&[("client_id", URL)]).await;
        assert_ne!(seen.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1 + 10);
}

#[tokio::test]
async fn d34_one_network_cannot_use_up_what_may_be_asked_of_one_host() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let ask = async |address: &str, id: &str| {
        let target = format!("/authorize?{}", form(&[("client_id", id)]));
        let request = http::Request::get(target).extension(address.parse::<IpAddr>().unwrap());
        world
            .send(request.body(Full::default()).unwrap())
            .await
            .status
    };
    for number in 0..40 {
        ask("192.0.2.1", &format!("https://client.example/{number}")).await;
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 10);
    assert_eq!(ask("192.0.2.9", URL).await, 503);
    assert_ne!(ask("198.51.100.1", URL).await, 503);
}

#[tokio::test]
async fn d22_what_was_fetched_as_keys_is_never_a_client() {
    let (world, elsewhere) = documents("", DocumentTrust::AnyHost).await;
    let key = with_remote_keys(&world, ClientSource::Administrator).await;
    // Everything that is stored of a client, and no client_id, which a document needs.
    let evil = vec![RedirectUri::parse("https://evil.example/cb").unwrap()];
    let mut stored = serde_json::to_value(ClientMetadata::public(evil)).unwrap();
    stored["keys"] = json!([key.public_jwk().unwrap()]);
    *elsewhere.answer.lock().unwrap() = Some((200, "application/json", stored.to_string()));
    let good = present(&world, &key, json!({})).await;
    assert_eq!(good.status, StatusCode::OK, "{good:?}");
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1);
    let changes = [
        ("client_id", URL),
        ("redirect_uri", "https://evil.example/cb"),
    ];
    world.authorize(&changes).await.assert_page();
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn as_10_d35_a_document_is_kept_within_our_own_bounds() {
    for (cache_control, kept, gone) in [
        ("max-age=315360000", 23 * 3600, 24 * 3600),
        ("no-store", 59, 60),
        ("max-age=0", 59, 60),
        ("max-age=junk", 59, 60),
        ("public, max-age=7200", 7199, 7200),
        ("", 3599, 3600),
    ] {
        let (world, elsewhere) = documents(cache_control, DocumentTrust::AnyHost).await;
        world.code(URL).await;
        world.clock.advance(Lifetime::from_secs(kept));
        world.code(URL).await;
        assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1, "{cache_control}");
        world.clock.advance(Lifetime::from_secs(gone - kept));
        world.code(URL).await;
        assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 2, "{cache_control}");
    }
}

/// A service that signs assertions, and its key.
async fn signer(world: &World) -> SigningKey {
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap();
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::PrivateKeyJwt;
    metadata.grant_types = vec![GrantType::ClientCredentials];
    let jwks = json!({"keys": [key.public_jwk().unwrap()]});
    metadata.jwks = jwks.as_object().cloned();
    world.add("J", facts(metadata)).await;
    key
}

async fn present(world: &World, key: &SigningKey, changes: Value) -> Seen {
    let now = world.clock.now().as_secs();
    let mut claims = json!({"iss": "J", "sub": "J", "aud": ISSUER, "exp": now + 60, "jti": "1"});
    claims
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let payload = claims.to_string();
    let assertion = sign_compact(None, payload.as_bytes(), key, &SystemRandom::new()).unwrap();
    let parameters = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ];
    world.post("/token", &parameters).await
}

#[tokio::test]
async fn as_33_c23_an_assertion_works_once_and_a_refused_one_keeps_its_id() {
    let world = world().await;
    let key = signer(&world).await;
    let elsewhere = json!({"aud": "https://other.test"});
    present(&world, &key, elsewhere)
        .await
        .assert_tok("invalid_client");
    let good = present(&world, &key, json!({})).await;
    assert_eq!(good.status, StatusCode::OK, "{good:?}");
    present(&world, &key, json!({}))
        .await
        .assert_tok("invalid_client");
    let next = present(&world, &key, json!({"jti": "2"})).await;
    assert_eq!(next.status, StatusCode::OK);
    let parameters = [("grant_type", "client_credentials"), ("client_id", "J")];
    world
        .post("/token", &parameters)
        .await
        .assert_tok("invalid_client");
}

#[tokio::test]
async fn as_33_c23_an_assertion_with_the_key_of_another_client_is_refused() {
    let world = world().await;
    signer(&world).await;
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let foreign = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap();
    present(&world, &foreign, json!({}))
        .await
        .assert_tok("invalid_client");
}
