//! Tokens that come back to a resource server in the same process: RFC 9068 §4.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_authorization_server::OwnTokens;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{Lifetime, ResourceUri};
use countersign_authorization_server::settings::AccessTokenFormat;
use countersign_resource_server::{PresentedToken, Reason, Verification, Verifier};
use serde_json::json;

use crate::fixture::*;
use crate::watched_store::{Health, WatchedStore};

fn verifier(world: &World, resource: &str) -> OwnTokens {
    let resource = ResourceUri::parse(resource).unwrap();
    world.server.own_tokens(resource).unwrap()
}

async fn judge(world: &World, token: &str) -> Verification {
    let verifier = verifier(world, RESOURCE);
    let now = world.clock.now();
    verifier
        .verify(PresentedToken::new(token), now)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_revoked_token_is_rejected_from_the_next_request_on() {
    for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
        let mut settings = settings();
        settings.access_token_format = format;
        let world = world_with(settings, |builder| builder).await;
        let (access, refresh) = world.tokens().await;
        assert!(matches!(
            judge(&world, &access).await,
            Verification::Accepted(_)
        ));
        world
            .post("/revoke", &[("token", &refresh), ("client_id", "C1")])
            .await;
        let after = judge(&world, &access).await;
        match format {
            AccessTokenFormat::Jwt => {
                assert!(
                    matches!(after, Verification::Rejected(Reason::Inactive)),
                    "{after:?}"
                );
            }
            AccessTokenFormat::Opaque => assert!(matches!(after, Verification::NotMine)),
        }
    }
}

#[tokio::test]
async fn tokens_that_are_expired_forged_or_for_another_resource_are_rejected() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let elsewhere = verifier(&world, "https://rs.test/mcp2");
    let now = world.clock.now();
    let other = elsewhere
        .verify(PresentedToken::new(&access), now)
        .await
        .unwrap();
    assert!(
        matches!(other, Verification::Rejected(Reason::Claims(_))),
        "{other:?}"
    );
    // A key of somebody else, under our name.
    let pem =
        SigningKey::generate_pkcs8_pem(Algorithm::ES256, &aws_lc_rs::rand::SystemRandom::new())
            .unwrap();
    let forger = SigningKey::from_pkcs8_pem(&pem)
        .unwrap()
        .with_kid("k")
        .unwrap();
    let sign = |issuer: &str| {
        let claims = json!({"iss": issuer, "sub": "alice", "aud": RESOURCE, "exp": now.as_secs() + 60, "jti": "1", "client_id": "C1"});
        sign_compact(
            Some("at+jwt"),
            claims.to_string().as_bytes(),
            &forger,
            &aws_lc_rs::rand::SystemRandom::new(),
        )
        .unwrap()
    };
    let forged = judge(&world, &sign(ISSUER)).await;
    assert!(
        matches!(forged, Verification::Rejected(Reason::Signature(_))),
        "{forged:?}"
    );
    for foreign in [
        sign("https://other.test"),
        refresh,
        "junk".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert!(matches!(
            judge(&world, &foreign).await,
            Verification::NotMine
        ));
    }
    world.clock.advance(Lifetime::from_hours(1));
    let late = judge(&world, &access).await;
    assert!(
        matches!(late, Verification::Rejected(Reason::Claims(_))),
        "{late:?}"
    );
}

#[tokio::test]
async fn the_id_of_a_token_is_no_token() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let payload = access.split('.').nth(1).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let id = claims["jti"].as_str().unwrap();
    // It is in logs and answers of others; it opens nothing and ends nothing.
    assert!(matches!(judge(&world, id).await, Verification::NotMine));
    assert!(!world.is_active(id).await);
    world
        .post("/revoke", &[("token", id), ("client_id", "C1")])
        .await;
    assert!(matches!(
        judge(&world, &access).await,
        Verification::Accepted(_)
    ));
}

#[tokio::test]
async fn another_spelling_of_a_good_token_is_rejected() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let [header, payload, signature]: [&str; 3] =
        access.split('.').collect::<Vec<_>>().try_into().unwrap();
    for other in [
        format!("{access}="),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{signature}A"),
        format!("{header}.{payload}.{}", signature.to_ascii_lowercase()),
    ] {
        assert_ne!(other, access);
        let judged = judge(&world, &other).await;
        assert!(!matches!(judged, Verification::Accepted(_)), "{other}");
        assert!(!world.is_active(&other).await, "{other}");
    }
}

#[tokio::test]
async fn a3_a8_rs_29_the_status_of_what_is_no_token_is_a_bad_request() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let good = format!("Bearer {access}");
    for lines in [vec!["Bearer"], vec!["Bearer x y"], vec![&good, &good]] {
        let mut request = http::Request::get("/auth/status");
        for line in &lines {
            request = request.header("authorization", *line);
        }
        let seen = world.send(request.body(Default::default()).unwrap()).await;
        assert_eq!(seen.status, 400, "{lines:?}");
        let challenge = seen.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_request\""));
        assert_eq!(seen.json()["authenticated"], false);
    }
}

#[tokio::test]
async fn a_good_token_costs_one_read_of_the_store_and_nothing_else() {
    for format in [AccessTokenFormat::Jwt, AccessTokenFormat::Opaque] {
        let store = WatchedStore::new(Health::Good);
        let mut settings = settings();
        settings.access_token_format = format;
        let world = bare_world(store.clone(), settings, |builder| builder);
        world.add_clients().await;
        let (access, _) = world.tokens().await;
        world.clock.advance(Lifetime::from_mins(10));
        store.asked();
        let judged = judge(&world, &access).await;
        assert!(matches!(judged, Verification::Accepted(_)));
        assert_eq!(store.asked(), ["get access_token"]);
    }
}

#[tokio::test]
async fn a_good_token_says_who_it_is_and_what_it_permits() {
    let world = world().await;
    let (access, _) = world.tokens().await;
    let Verification::Accepted(token) = judge(&world, &access).await else {
        panic!("not accepted");
    };
    assert_eq!(
        (token.iss(), token.sub(), token.client_id()),
        (ISSUER, "alice", Some("C1"))
    );
    assert_eq!(token.aud(), [RESOURCE]);
    assert_eq!(token.scopes().to_string(), "read write");
    assert_eq!(
        token.exp(),
        Some(world.clock.now().saturating_add(Lifetime::from_hours(1)))
    );
}
