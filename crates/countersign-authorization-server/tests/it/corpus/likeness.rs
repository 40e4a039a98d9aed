//! Rows H12 and H14: what answers have in common, whoever asks about whatever.

use countersign_authorization_server::oauth::{Lifetime, Secret};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn h12_codes_and_refresh_tokens_that_are_unknown_foreign_used_or_late_look_alike() {
    let world = world().await;
    let (late, foreign) = (world.code("C1").await, world.code("C3").await);
    world.clock.advance(Lifetime::from_secs(61));
    let used = world.code("C1").await;
    let (_, spent) = tokens_of(&world.redeem(&used, &[]).await);
    let mut codes = Vec::new();
    for code in ["unknown", &late, &foreign, &used] {
        let seen = world.redeem(code, &[]).await;
        codes.push((seen.status, seen.body, seen.headers));
    }
    assert!(codes.iter().all(|seen| *seen == codes[0]), "{codes:?}");
    // Its grant was revoked with the code that was used again.
    let (_, of_another) = {
        let code = world.code("C3").await;
        let proof = [("client_id", "C3"), ("client_secret", SECRET)];
        tokens_of(&world.redeem(&code, &proof).await)
    };
    let mut tokens = Vec::new();
    for token in ["unknown", &spent, &of_another] {
        let seen = world.refresh(token, &[]).await;
        tokens.push((seen.status, seen.body, seen.headers));
    }
    assert!(tokens.iter().all(|seen| *seen == tokens[0]), "{tokens:?}");
}

#[tokio::test]
async fn h12_requests_that_are_unknown_answered_or_late_look_alike() {
    let world = world().await;
    world.is_in(Mood::Waits);
    let waiting = async || {
        world.authorize(&[]).await;
        world.person.transaction.lock().unwrap().clone().unwrap()
    };
    let (answered, late) = (waiting().await, waiting().await);
    world.server.deny(&answered).await.unwrap();
    world.clock.advance(Lifetime::from_mins(10));
    let mut pages = Vec::new();
    for transaction in [Secret::new("unknown"), answered, late] {
        let (parts, body) = world.server.deny(&transaction).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        pages.push((parts.status, parts.headers, body));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
}

#[tokio::test]
async fn h14_nothing_that_has_a_token_a_code_or_a_secret_in_it_is_stored_on_the_way() {
    let world = world().await;
    let redirect = world.authorize(&[]).await;
    let code = redirect.redirect()["code"].clone();
    assert_eq!(redirect.header("referrer-policy"), Some("no-referrer"));
    let tokens = world.redeem(&code, &[]).await;
    let (access, refresh) = tokens_of(&tokens);
    let document = json!({"redirect_uris": [CALLBACK]}).to_string();
    let registration = Request::post("/register")
        .header("content-type", "application/json")
        .body(Full::from(document));
    let registered = world.send(registration.unwrap()).await;
    assert!(registered.json()["client_secret"].is_string());
    let header = basic("S", SECRET);
    let introspected = world
        .post_with("/introspect", Some(&header), &[("token", &access)])
        .await;
    let service = [("grant_type", "client_credentials")];
    for seen in [
        redirect,
        tokens,
        world.refresh(&refresh, &[]).await,
        world.post_with("/token", Some(&header), &service).await,
        registered,
        introspected,
        world.refresh("unknown", &[]).await,
        world
            .post("/revoke", &[("token", &access), ("client_id", "C1")])
            .await,
    ] {
        assert!(seen.status.as_u16() < 401, "{seen:?}");
        assert_eq!(seen.header("cache-control"), Some("no-store"), "{seen:?}");
        assert_eq!(seen.header("pragma"), Some("no-cache"), "{seen:?}");
        assert_ne!(seen.status, StatusCode::TEMPORARY_REDIRECT);
    }
}
