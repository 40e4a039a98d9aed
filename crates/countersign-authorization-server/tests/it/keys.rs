//! Signing keys: rotation with overlap, RFC 9068.

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::oauth::claims::{ClaimsPolicy, TypPolicy};
use countersign_authorization_server::oauth::jose::{Algorithm, JwkSet, KeyOrigin, verify_compact};
use countersign_authorization_server::settings::AccessTokenFormat;
use http::StatusCode;

use crate::fixture::*;

async fn published(world: &World) -> JwkSet {
    let seen = world.get("/jwks").await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(!seen.body.contains("\"d\""), "a private key is published");
    let parsed = JwkSet::parse(seen.body.as_bytes(), KeyOrigin::Remote).unwrap();
    assert!(parsed.warnings.is_empty());
    parsed.set
}

fn key_id(token: &str) -> String {
    let unverified =
        countersign_authorization_server::oauth::jose::decode_unverified(token).unwrap();
    unverified.header().kid.clone().unwrap()
}

#[tokio::test]
async fn access_tokens_are_those_of_rfc_9068_and_others_can_verify_them() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let keys = published(&world).await;
    let verified = verify_compact(&access, &keys, &[Algorithm::ES256]).unwrap();
    let policy = ClaimsPolicy::builder()
        .issuer(ISSUER)
        .audience(RESOURCE)
        .typ(TypPolicy::AccessToken)
        .build()
        .unwrap();
    let claims = policy
        .check(verified.header(), verified.payload(), world.clock.now())
        .unwrap();
    assert_eq!(
        (claims.sub.as_ref(), claims.client_id.as_deref()),
        ("alice", Some("C1"))
    );
    assert_eq!(claims.scopes.to_string(), "read write");
    assert!(claims.jti.unwrap().len() >= 22);
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_an_old_one_after() {
    let world = world().await;
    let (old_token, _) = world.tokens().await;
    let old = key_id(&old_token);
    let new = world.server.rotate_keys().await.unwrap();
    assert_ne!(old, new);
    let keys = published(&world).await;
    assert!(keys.contains_kid(&old) && keys.contains_kid(&new));
    assert_eq!(key_id(&world.tokens().await.0), old);
    world.clock.advance(Lifetime::from_mins(5));
    let (new_token, _) = world.tokens().await;
    assert_eq!(key_id(&new_token), new);
    assert!(world.is_active(&old_token).await);
    // The last token of the old key ends an hour after the new one began to sign.
    world.clock.advance(Lifetime::from_mins(59));
    assert!(published(&world).await.contains_kid(&old));
    world.clock.advance(Lifetime::from_mins(4));
    let keys = published(&world).await;
    assert!(!keys.contains_kid(&old) && keys.contains_kid(&new));
}

#[tokio::test]
async fn opaque_tokens_say_nothing_and_work_the_same() {
    let mut settings = settings();
    settings.access_token_format = AccessTokenFormat::Opaque;
    let world = world_with(settings, |builder| builder).await;
    let (access, refresh) = world.tokens().await;
    assert!(!access.contains('.'));
    assert!(world.is_active(&access).await);
    assert_eq!(world.get("/jwks").await.status, StatusCode::NOT_FOUND);
    let metadata = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(metadata.get("jwks_uri"), None);
    world
        .post("/revoke", &[("token", &refresh), ("client_id", "C1")])
        .await;
    assert!(!world.is_active(&access).await);
}
