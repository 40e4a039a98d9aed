//! A store that fails: the answer is 503, never a refusal and never a success.

use std::sync::Arc;

use countersign_authorization_server::oauth::{Lifetime, ResourceUri};
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_authorization_server::store::SealingKeys;
use countersign_authorization_server::{AuthorizationServer, Storage};
use countersign_resource_server::{PresentedToken, Reason, Verification, Verifier as _};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use crate::fixture::*;
use crate::watched_store::{Health, WatchedStore};

#[tokio::test]
async fn c38_a_failing_store_is_503_on_every_endpoint_and_never_200() {
    let person = world().await.person;
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::new(WatchedStore::new(Health::Down), sealing))
        .interaction(person)
        .build()
        .unwrap();
    let authorize = format!(
        "/authorize?{}",
        form(&[("client_id", "C1"), ("redirect_uri", CALLBACK)])
    );
    let token = form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "C1"),
        ("token", "x"),
    ]);
    let client = format!("{{\"redirect_uris\":[\"{CALLBACK}\"]}}");
    let kind = "application/x-www-form-urlencoded";
    for (request, body) in [
        (Request::get(authorize.as_str()), String::new()),
        (Request::get("/jwks"), String::new()),
        (
            Request::post("/token").header("content-type", kind),
            token.clone(),
        ),
        (
            Request::post("/revoke").header("content-type", kind),
            token.clone(),
        ),
        (
            Request::post("/introspect").header("content-type", kind),
            token,
        ),
        (
            Request::post("/register").header("content-type", "application/json"),
            client,
        ),
    ] {
        let request = request.body(Full::from(body)).unwrap();
        let path = request.uri().path().to_owned();
        let (parts, body) = server.respond(request).await.into_parts();
        assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(parts.headers["retry-after"], "5", "{path}");
        // A page of another origin is told too, where it may call at all.
        let is_open = ["/jwks", "/token", "/revoke", "/register"].contains(&path.as_str());
        let origins = parts.headers.get("access-control-allow-origin");
        assert_eq!(origins.is_some(), is_open, "{path}");
        let body = body.collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["error"], "temporarily_unavailable", "{path}");
        assert!(!document.to_string().contains("disk"), "{path}");
    }
    // What needs no store still answers.
    let metadata = Request::get("/.well-known/oauth-authorization-server").body(Full::default());
    assert_eq!(
        server.respond(metadata.unwrap()).await.status(),
        StatusCode::OK
    );
}

/// What the verifier in this process says about a token: its words for the outcomes.
async fn judge(world: &World, token: &str) -> &'static str {
    let resource = ResourceUri::parse(RESOURCE).unwrap();
    let verifier = world.server.own_tokens(resource).unwrap();
    let now = world.clock.now();
    match verifier.verify(PresentedToken::new(token), now).await {
        Ok(Verification::Accepted(token)) => {
            assert_eq!((token.iss(), token.sub()), (ISSUER, "alice"));
            assert_eq!(token.scopes().to_string(), "read write");
            assert!(token.claims().contains_key("jti"));
            "accepted"
        }
        Ok(Verification::Rejected(Reason::Inactive)) => "inactive",
        Ok(Verification::Rejected(_)) => "rejected",
        Ok(_) => "not mine",
        Err(_) => "unavailable",
    }
}

async fn world_over(format: AccessTokenFormat) -> (World, Arc<WatchedStore>) {
    let store = WatchedStore::new(Health::Good);
    let mut settings = settings();
    settings.access_token_format = format;
    let world = bare_world(store.clone(), settings, |builder| builder);
    world.add_clients().await;
    (world, store)
}

#[tokio::test]
async fn f22_without_the_store_nothing_is_accepted_that_it_did_not_confirm() {
    let (world, store) = world_over(AccessTokenFormat::Jwt).await;
    let (known, refresh) = world.tokens().await;
    let (unknown, _) = world.tokens().await;
    assert_eq!(judge(&world, &known).await, "accepted");
    let (revoked, other) = world.tokens().await;
    assert_eq!(judge(&world, &revoked).await, "accepted");
    let parameters = [("token", other.as_str()), ("client_id", "C1")];
    world.post("/revoke", &parameters).await;

    // Damage is no outage: nothing is guessed over it.
    store.is(Health::Damaged);
    assert_eq!(judge(&world, &known).await, "unavailable");
    store.is(Health::Down);
    assert_eq!(judge(&world, &unknown).await, "unavailable");
    assert_eq!(judge(&world, &revoked).await, "unavailable");
    assert_eq!(judge(&world, &refresh).await, "unavailable");
    assert_eq!(judge(&world, &format!("{known}x")).await, "unavailable");
    assert_eq!(judge(&world, &known).await, "accepted");

    world.clock.advance(Lifetime::from_secs(59));
    assert_eq!(judge(&world, &known).await, "accepted");
    world.clock.advance(Lifetime::from_secs(1));
    assert_eq!(judge(&world, &known).await, "unavailable");
    store.is(Health::Good);
    assert_eq!(judge(&world, &known).await, "accepted");
    assert_eq!(judge(&world, &revoked).await, "inactive");
}

#[tokio::test]
async fn f22_the_bound_never_outlives_the_token_and_can_be_zero() {
    let store = WatchedStore::new(Health::Good);
    let mut settings = settings();
    settings.lifetimes.access_token = Lifetime::from_secs(30);
    let world = bare_world(store.clone(), settings.clone(), |builder| builder);
    world.add_clients().await;
    let (access, _) = world.tokens().await;
    assert_eq!(judge(&world, &access).await, "accepted");
    store.is(Health::Down);
    world.clock.advance(Lifetime::from_secs(29));
    assert_eq!(judge(&world, &access).await, "accepted");
    world.clock.advance(Lifetime::from_secs(1));
    assert_eq!(judge(&world, &access).await, "unavailable");

    let store = WatchedStore::new(Health::Good);
    settings.lifetimes.revocation_bound = Lifetime::ZERO;
    let world = bare_world(store.clone(), settings, |builder| builder);
    world.add_clients().await;
    let (access, _) = world.tokens().await;
    assert_eq!(judge(&world, &access).await, "accepted");
    store.is(Health::Down);
    assert_eq!(judge(&world, &access).await, "unavailable");
}

#[tokio::test]
async fn f22_opaque_tokens_are_never_accepted_without_the_store() {
    let (world, store) = world_over(AccessTokenFormat::Opaque).await;
    let (access, _) = world.tokens().await;
    let resource = ResourceUri::parse(RESOURCE).unwrap();
    let verifier = world.server.own_tokens(resource).unwrap();
    let now = world.clock.now();
    let accepted = verifier.verify(PresentedToken::new(&access), now).await;
    assert!(matches!(accepted, Ok(Verification::Accepted(_))));
    store.is(Health::Down);
    assert_eq!(judge(&world, &access).await, "unavailable");
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.json().get("access_token_revocation_bound"), None);
}

#[tokio::test]
async fn f22_a_revocation_counts_at_once_also_while_nothing_can_be_read() {
    let (world, store) = world_over(AccessTokenFormat::Jwt).await;
    let (access, _) = world.tokens().await;
    assert_eq!(judge(&world, &access).await, "accepted");
    let grants = world.server.grants(GrantsOf::Subject("alice"), None);
    let grant = grants.await.unwrap().entries[0].id.clone();
    store.is(Health::FailsTo("get"));
    assert_eq!(judge(&world, &access).await, "accepted");
    assert!(world.server.revoke_grant(&grant).await.unwrap());
    assert_eq!(judge(&world, &access).await, "unavailable");
    store.is(Health::Good);
    assert_eq!(judge(&world, &access).await, "inactive");
}

#[tokio::test]
async fn f22_minting_redeeming_rotating_and_revoking_wait_for_the_store() {
    let (world, store) = world_over(AccessTokenFormat::Jwt).await;
    let (access, refresh) = world.tokens().await;
    let code = world.code("C1").await;
    assert_eq!(judge(&world, &access).await, "accepted");
    for failing in [
        Health::Down,
        Health::FailsTo("redeem"),
        Health::FailsTo("write"),
        Health::FailsTo("revoke_grant"),
    ] {
        store.is(failing);
        let only = |verb: &'static str| failing == Health::Down || failing == Health::FailsTo(verb);
        let token = [("token", refresh.as_str()), ("client_id", "C1")];
        let secret = basic("S", SECRET);
        let mint = [("grant_type", "client_credentials")];
        let mut seen = Vec::new();
        if only("redeem") {
            seen.push(world.redeem(&code, &[]).await);
            seen.push(world.refresh(&refresh, &[]).await);
        }
        if only("write") {
            seen.push(world.post_with("/token", Some(&secret), &mint).await);
        }
        if only("revoke_grant") {
            seen.push(world.post("/revoke", &token).await);
        }
        assert!(!seen.is_empty());
        for seen in seen {
            assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{failing:?}");
            assert_eq!(seen.header("retry-after"), Some("5"), "{failing:?}");
        }
        assert_ne!(judge(&world, &access).await, "rejected");
    }
    // Nothing of it has used anything up.
    store.is(Health::Good);
    tokens_of(&world.redeem(&code, &[]).await);
    tokens_of(&world.refresh(&refresh, &[]).await);
}

#[tokio::test]
async fn f22_the_bound_is_published_and_the_keys_outlast_a_short_outage() {
    let (world, store) = world_over(AccessTokenFormat::Jwt).await;
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.json()["access_token_revocation_bound"], 60);
    let keys = world.get("/jwks").await.body;
    store.is(Health::Down);
    world.clock.advance(Lifetime::from_secs(299));
    assert_eq!(world.get("/jwks").await.body, keys);
    world.clock.advance(Lifetime::from_secs(1));
    let late = world.get("/jwks").await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
}
