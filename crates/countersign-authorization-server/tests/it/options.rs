//! What an operator can set, and that it does something: what is not shown elsewhere.

use std::net::IpAddr;

use aws_lc_rs::rand::SystemRandom;
use countersign_authorization_server::accounts::AccountLifetimes;
use countersign_authorization_server::oauth::client_authentication::{
    ASSERTION_TYPE, TokenEndpointAuthMethod,
};
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{Lifetime, ScopeSet};
use countersign_authorization_server::settings::AssertionAudience;
use countersign_authorization_server::{Approval, AuthorizationServer, Settings, Storage};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::fixture::*;

async fn world_where(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = settings();
    change(&mut settings);
    world_with(settings, |builder| builder).await
}

#[tokio::test]
async fn without_a_grace_window_a_used_refresh_token_is_a_stolen_one_at_once() {
    let world = world_where(|settings| settings.lifetimes.refresh_grace = Lifetime::ZERO).await;
    let (_, first) = world.tokens().await;
    let (_, second) = tokens_of(&world.refresh(&first, &[]).await);
    world.refresh(&first, &[]).await.assert_tok("invalid_grant");
    assert!(world.saw("replay_detected"));
    world
        .refresh(&second, &[])
        .await
        .assert_tok("invalid_grant");
}

#[tokio::test]
async fn the_grace_window_is_as_long_as_it_is_set_and_not_longer_than_half_a_minute() {
    let half_a_minute = Lifetime::from_secs(30);
    let world = world_where(|settings| settings.lifetimes.refresh_grace = half_a_minute).await;
    let (_, first) = world.tokens().await;
    let winner = tokens_of(&world.refresh(&first, &[]).await);
    world.clock.advance(Lifetime::from_secs(29));
    assert_eq!(tokens_of(&world.refresh(&first, &[]).await), winner);
    world.clock.advance(Lifetime::from_secs(1));
    world.refresh(&first, &[]).await.assert_tok("invalid_grant");

    let mut settings = settings();
    settings.lifetimes.refresh_grace = Lifetime::from_secs(31);
    let refused = AuthorizationServer::with_settings(settings)
        .storage(Storage::memory().unwrap())
        .build()
        .unwrap_err()
        .to_string();
    assert!(refused.contains("30 seconds"), "{refused}");
}

#[tokio::test]
async fn a_request_waits_for_its_person_as_long_as_it_is_set() {
    let world = world_where(|settings| settings.lifetimes.pending = Lifetime::from_mins(2)).await;
    world.is_in(Mood::Waits);
    for (waited, is_there) in [(119, true), (120, false)] {
        world.authorize(&[]).await;
        let transaction = world.person.transaction.lock().unwrap().clone().unwrap();
        world.clock.advance(Lifetime::from_secs(waited));
        let pending = world.server.pending(&transaction).await.unwrap();
        assert_eq!(pending.is_some(), is_there, "{waited}");
        let approval = Approval::new("alice", ScopeSet::parse("read").unwrap());
        let answer = world.server.approve(&transaction, approval).await.unwrap();
        let leads_back = answer.status() == StatusCode::SEE_OTHER;
        assert_eq!(leads_back, is_there, "{waited}");
    }
}

#[tokio::test]
async fn a_grant_ends_when_it_is_set_to_however_often_it_is_used() {
    let world = world_where(|settings| settings.lifetimes.grant = Lifetime::from_hours(3)).await;
    let (_, mut token) = world.tokens().await;
    for _ in 0..2 {
        world.clock.advance(Lifetime::from_hours(1));
        token = tokens_of(&world.refresh(&token, &[]).await).1;
    }
    // The last tokens end with it, and not when tokens usually do.
    world.clock.advance(Lifetime::from_mins(30));
    let seen = world.refresh(&token, &[]).await;
    assert_eq!(seen.json()["expires_in"], 30 * 60);
    let (access, token) = tokens_of(&seen);
    world.clock.advance(Lifetime::from_mins(30));
    assert!(!world.is_active(&access).await);
    world.refresh(&token, &[]).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn a_concealed_scope_is_granted_and_not_published() {
    let world = world_where(|settings| {
        settings.concealed_scopes = ScopeSet::parse("write").unwrap();
    })
    .await;
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.json()["scopes_supported"], json!(["read"]));
    let seen = world.authorize(&[("scope", "write")]).await;
    let code = seen.redirect()["code"].clone();
    assert_eq!(world.redeem(&code, &[]).await.json()["scope"], "write");
}

#[tokio::test]
async fn guessed_tokens_of_a_client_are_throttled_when_it_is_set() {
    let world = world_where(|settings| {
        settings.budgets.unknown_tokens = 2;
        settings.budgets.window = Lifetime::from_mins(3);
    })
    .await;
    let guess = async |number: usize| {
        let token = format!("guess-{number}");
        let body = form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("client_id", "C1"),
        ]);
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .extension("198.51.100.1".parse::<IpAddr>().unwrap());
        world.send(request.body(Full::from(body)).unwrap()).await
    };
    for number in 0..2 {
        guess(number).await.assert_tok("invalid_grant");
    }
    let throttled = guess(2).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.header("retry-after"), Some("180"));
    world.clock.advance(Lifetime::from_mins(3));
    guess(3).await.assert_tok("invalid_grant");
}

#[tokio::test]
async fn c23_an_assertion_for_the_token_endpoint_is_taken_where_that_was_chosen_alone() {
    for (audience, status) in [
        (AssertionAudience::Issuer, StatusCode::UNAUTHORIZED),
        (AssertionAudience::DangerTokenEndpointToo, StatusCode::OK),
    ] {
        let world = world_where(|settings| settings.assertion_audience = audience).await;
        let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        let key = key.with_kid("k").unwrap();
        let mut metadata = ClientMetadata::public(Vec::new());
        metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::PrivateKeyJwt;
        metadata.grant_types = vec![GrantType::ClientCredentials];
        let jwks = json!({"keys": [key.public_jwk().unwrap()]});
        metadata.jwks = jwks.as_object().cloned();
        world.add("J", facts(metadata)).await;
        let present = async |aud: &str, jti: &str| {
            let exp = world.clock.now().as_secs() + 60;
            let claims = json!({"iss": "J", "sub": "J", "aud": aud, "exp": exp, "jti": jti});
            let claims = claims.to_string();
            let assertion = sign_compact(None, claims.as_bytes(), &key, &SystemRandom::new());
            let parameters = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", &assertion.unwrap()),
            ];
            world.post("/token", &parameters).await.status
        };
        assert_eq!(present("https://as.test/token", "1").await, status);
        assert_eq!(present(ISSUER, "2").await, StatusCode::OK);
        for other in ["https://as.test/revoke", "https://other.test/token"] {
            assert_eq!(present(other, "3").await, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn the_link_for_the_first_account_lasts_as_long_as_it_is_set() {
    let mut lifetimes = AccountLifetimes::default();
    lifetimes.setup_link = Lifetime::from_mins(5);
    let clock = testkit::TestClock::new();
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::memory().unwrap())
        .clock(std::sync::Arc::new(clock.clone()))
        .accounts(move |accounts| accounts.lifetimes(lifetimes))
        .build()
        .unwrap();
    let link = server
        .people()
        .unwrap()
        .setup_link()
        .await
        .unwrap()
        .unwrap();
    let target = link.reveal().strip_prefix(ISSUER).unwrap();
    for (waited, status) in [(4 * 60 + 59, StatusCode::OK), (1, StatusCode::GONE)] {
        clock.advance(Lifetime::from_secs(waited));
        let request = Request::get(target).body(Full::<bytes::Bytes>::default());
        let answer = server.respond(request.unwrap()).await;
        assert_eq!(answer.status(), status, "{waited}");
    }
}
