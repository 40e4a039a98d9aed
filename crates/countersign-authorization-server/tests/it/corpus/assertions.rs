//! Rows C23 and C24: assertions of clients, at the token endpoint.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_authorization_server::Settings;
use countersign_authorization_server::oauth::client_authentication::{
    ASSERTION_TYPE, TokenEndpointAuthMethod,
};
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{Lifetime, RedirectUri, Secret};
use countersign_authorization_server::store::Store as _;
use countersign_authorization_server::store::sqlite::{SqliteOptions, SqliteStore};
use http::StatusCode;
use serde_json::{Value, json};

use super::standing::Standing;
use crate::fixture::*;

fn key(algorithm: Algorithm) -> SigningKey {
    let pem = SigningKey::generate_pkcs8_pem(algorithm, &SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap()
}

/// Registers J and K, which sign with `key` each.
async fn register(world: &World, key: &SigningKey) {
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::PrivateKeyJwt;
    metadata.grant_types = vec![GrantType::ClientCredentials];
    let jwks = json!({"keys": [key.public_jwk().unwrap()]});
    metadata.jwks = jwks.as_object().cloned();
    world.add("J", facts(metadata.clone())).await;
    world.add("K", facts(metadata)).await;
}

/// Claims of J with `changes`; null removes.
fn claims(world: &World, changes: Value) -> Vec<u8> {
    let now = world.clock.now().as_secs();
    let mut claims = json!({"iss": "J", "sub": "J", "aud": ISSUER, "exp": now + 60, "jti": "one"});
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims.to_string().into_bytes()
}

fn signed(key: &SigningKey, claims: &[u8]) -> String {
    sign_compact(None, claims, key, &SystemRandom::new()).unwrap()
}

async fn present(world: &World, assertion: &str) -> Seen {
    let parameters = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    world.post("/token", &parameters).await
}

#[tokio::test]
async fn c23_as_33_an_assertion_that_breaks_a_rule_is_refused_and_keeps_its_id() {
    let world = world().await;
    let key = key(Algorithm::ES256);
    register(&world, &key).await;
    let mut standing = Standing::of(&world).await;
    let now = world.clock.now().as_secs();
    for changes in [
        json!({"iss": "K"}),
        json!({"sub": "K"}),
        json!({"iss": "C1", "sub": "C1"}),
        json!({"aud": null}),
        json!({"aud": [ISSUER, "https://other.test"]}),
        json!({"aud": format!("{ISSUER}/token")}),
        json!({"aud": format!("{ISSUER}/")}),
        json!({"aud": "http://as.test"}),
        json!({"exp": now - 61}),
        json!({"exp": null}),
        json!({"exp": now + 601}),
        json!({"nbf": now + 61}),
        json!({"jti": null}),
        json!({"jti": 1}),
    ] {
        let seen = present(&world, &signed(&key, &claims(&world, changes.clone()))).await;
        seen.assert_tok("invalid_client");
        standing.holds("C23", &changes.to_string(), &seen).await;
    }
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let good = claims(&world, json!({}));
    let none = format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(&good));
    // The public key as the secret of an HMAC.
    let public = serde_json::to_string(&key.public_jwk().unwrap()).unwrap();
    let hmac = SigningKey::from_hmac_secret(&Secret::new(public), Algorithm::HS256).unwrap();
    let other = self::key(Algorithm::EdDSA);
    let foreign = self::key(Algorithm::ES256);
    for assertion in [
        none,
        signed(&hmac.with_kid("k").unwrap(), &good),
        signed(&other, &good),
        signed(&foreign, &good),
        "a.b.c".to_owned(),
    ] {
        let seen = present(&world, &assertion).await;
        seen.assert_tok("invalid_client");
        standing.holds("C23", &assertion, &seen).await;
    }
    let assertion = signed(&key, &good);
    for wrong in [
        vec![
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", "saml2-bearer"),
        ],
        vec![("client_assertion", assertion.as_str())],
        vec![
            ("client_assertion", assertion.as_str()),
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
        ],
        vec![
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_id", "K"),
        ],
    ] {
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend(wrong);
        let seen = world.post("/token", &parameters).await;
        seen.assert_tok("invalid_client");
        standing.holds("C23", &assertion, &seen).await;
    }
    // None of them used up the id.
    assert_eq!(present(&world, &assertion).await.status, StatusCode::OK);
    present(&world, &assertion)
        .await
        .assert_tok("invalid_client");
}

#[tokio::test]
async fn c23_an_assertion_that_was_used_is_refused_on_another_node_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/as.db");
    let open = async || {
        let store = SqliteStore::open(&path).await.unwrap();
        bare_world(Arc::new(store), settings(), |builder| builder)
    };
    let key = key(Algorithm::ES256);
    let (one, other) = (open().await, open().await);
    register(&one, &key).await;
    let assertion = signed(&key, &claims(&one, json!({})));
    assert_eq!(present(&one, &assertion).await.status, StatusCode::OK);
    present(&other, &assertion)
        .await
        .assert_tok("invalid_client");
    drop((one, other));
    let again = open().await;
    present(&again, &assertion)
        .await
        .assert_tok("invalid_client");
    let next = signed(&key, &claims(&again, json!({"jti": "two"})));
    assert_eq!(present(&again, &next).await.status, StatusCode::OK);
}

/// Settings that bear with thousands of refused assertions from one place.
fn patient() -> Settings {
    let mut settings = settings();
    settings.budgets.failed_authentications = u64::MAX;
    settings
}

#[tokio::test]
async fn g15_a_thousand_bad_assertions_at_once_let_others_pass() {
    let world = world_with(patient(), |builder| builder).await;
    let (right, wrong) = (key(Algorithm::RS256), key(Algorithm::RS256));
    register(&world, &right).await;
    let forged = signed(&wrong, &claims(&world, json!({})));
    let finished = std::sync::Mutex::new(Vec::new());
    let send = async |address: String, assertion: String| {
        let parameters = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let request = http::Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(address.parse::<std::net::IpAddr>().unwrap())
            .body(http_body_util::Full::from(form(&parameters)))
            .unwrap();
        let seen = world.send(request).await;
        finished.lock().unwrap().push((address, seen.status));
    };
    let flood = (0..1_000).map(|_| ("203.0.113.1".to_owned(), forged.clone()));
    let others = (0..4).map(|number| {
        let assertion = signed(&right, &claims(&world, json!({"jti": number.to_string()})));
        (format!("198.51.100.{number}"), assertion)
    });
    let all = flood.chain(others);
    crate::codes::join_all(all.map(|(address, assertion)| send(address, assertion))).await;
    let finished = finished.into_inner().unwrap();
    let places = finished.iter().enumerate();
    let others = places.filter(|(_, (address, _))| address != "203.0.113.1");
    let others: Vec<_> = others
        .map(|(place, (_, status))| (place, *status))
        .collect();
    assert!(others.iter().all(|(_, status)| *status == StatusCode::OK));
    // One in 64 addresses shares the turns of the flood.
    let early = others.iter().filter(|(place, _)| *place < 100).count();
    assert!(early >= 2, "{others:?}");
}

#[tokio::test]
async fn c24_a_flood_of_ids_displaces_none_that_is_still_valid() {
    let world = world_with(patient(), |builder| builder).await;
    let key = key(Algorithm::ES256);
    register(&world, &key).await;
    let all: Vec<_> = (0..500)
        .map(|number| {
            signed(
                &key,
                &claims(&world, json!({"jti": format!("id-{number}")})),
            )
        })
        .collect();
    for assertion in &all {
        assert_eq!(present(&world, assertion).await.status, StatusCode::OK);
    }
    world.clock.advance(Lifetime::from_secs(59));
    world.server.keep_house().await.unwrap();
    for assertion in &all {
        present(&world, assertion)
            .await
            .assert_tok("invalid_client");
    }
    // Up to the last second in which they would be accepted, with the leeway.
    world.clock.advance(Lifetime::from_secs(60));
    world.server.keep_house().await.unwrap();
    present(&world, &all[0]).await.assert_tok("invalid_client");
}

#[tokio::test]
async fn c24_an_id_that_cannot_be_kept_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("data/as.db")).largest(256 * 1024);
    let store = SqliteStore::open_with(options).await.unwrap();
    let world = bare_world(Arc::new(store), patient(), |builder| builder);
    let key = key(Algorithm::ES256);
    register(&world, &key).await;
    let mut used = Vec::new();
    for number in 0..3_000 {
        let id = format!("{number}{}", "x".repeat(400));
        let assertion = signed(&key, &claims(&world, json!({"jti": id})));
        let status = present(&world, &assertion).await.status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        assert_eq!(status, StatusCode::OK);
        used.push(assertion);
    }
    assert!((1..3_000).contains(&used.len()), "{}", used.len());
    // Full: nothing is forgotten, and nobody gets in.
    for assertion in &used {
        let status = present(&world, assertion).await.status;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    world.clock.advance(Lifetime::from_hours(2));
    world.store.purge(world.clock.now()).await.unwrap();
    let later = signed(&key, &claims(&world, json!({"jti": "later"})));
    assert_eq!(present(&world, &later).await.status, StatusCode::OK);
}
