//! Tokens between requests and between runs.

use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Waker};

use countersign_oauth_client::oauth::{ClientId, Issuer, Lifetime, ResourceUri};
use countersign_oauth_client::{
    Authorizer as _, LoggedOut, Next, OAuth, Outgoing, Refused, TokenKey, TokenStore,
};
use countersign_resource_server::fetch::FetchError;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use url::Url;

use crate::world::*;

const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

fn refreshes(scene: &Scene) -> Vec<String> {
    let asked = scene.world.asked(TOKEN);
    let tokens = asked.iter().filter_map(|one| one.field("refresh_token"));
    tokens.collect()
}

#[tokio::test]
async fn i20_cl_31_tokens_are_shown_to_the_server_alone_that_they_are_for() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    for server in [
        "https://rs.test/other",
        "https://rs.test",
        "https://rs.test/mcp/",
        "https://two.test/mcp",
    ] {
        let oauth = scene.builder_for(server).build().unwrap();
        let url = Url::parse(server).unwrap();
        let headers = oauth.authorize(Outgoing::new(&Method::POST, &url)).await;
        assert!(headers.unwrap().is_empty(), "{server}");
    }
    // Nor are those of another client used.
    let other = scene.builder().client_id("another").build().unwrap();
    assert_eq!(shown(&other).await, None);
    assert_eq!(shown(&scene.client()).await.unwrap(), "Bearer access-1");
}

#[tokio::test]
async fn i20_cl_31_a_client_that_was_given_to_another_server_shows_it_nothing() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene.world.forget_requests();
    for server in [
        "https://two.test/mcp",
        "https://rs.test:444/mcp",
        "http://rs.test/mcp",
        "https://rs.test.two.test/mcp",
    ] {
        let url = Url::parse(server).unwrap();
        let request = Outgoing::new(&Method::POST, &url);
        let why = oauth.authorize(request).await.unwrap_err().to_string();
        assert!(why.contains(SERVER), "{why}");
        // Nor does its refusal bring anybody in front of a browser.
        let (shown, headers) = (HeaderMap::new(), challenged(INVALID_TOKEN));
        let status = StatusCode::UNAUTHORIZED;
        let refused = Refused::new(request, "tools/call x", &shown, status, &headers, 0);
        assert!(oauth.refused(refused).await.is_err(), "{server}");
    }
    assert_eq!(scene.world.addresses(), [""; 0]);
    assert_eq!(scene.person.seen().len(), 1);
    // Another address of the same server may be its address for messages.
    let url = Url::parse("https://RS.test:443/mcp/messages?id=1").unwrap();
    let headers = oauth.authorize(Outgoing::new(&Method::POST, &url)).await;
    assert_eq!(headers.unwrap()["authorization"], "Bearer access-1");
}

fn challenged(challenge: &str) -> HeaderMap {
    HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge.parse().unwrap())])
}

#[tokio::test]
async fn a_network_that_fails_never_throws_tokens_away() {
    for reply in [
        Reply::failing(FetchError::Timeout),
        Reply::failing(FetchError::Connection),
        Reply::failing(FetchError::Unresolved),
        Reply::of(500, "oops"),
        Reply::of(502, "<html>"),
        Reply::of(503, ""),
        Reply::error("temporarily_unavailable"),
        Reply::error("server_error"),
        Reply::error("invalid_request"),
        Reply::error("unauthorized_client"),
    ] {
        let scene = Scene::new();
        scene.client().login().await.unwrap();
        scene.world.always(TOKEN, reply.clone());
        scene.clock.advance(Lifetime::from_hours(2));
        headers_of(&scene.client()).await.unwrap_err();
        scene.world.authorization_server(ISSUER);
        let after = shown(&scene.client()).await;
        assert_eq!(after.as_deref(), Some("Bearer access-1"), "{reply:?}");
        assert_eq!(refreshes(&scene).last().unwrap(), "refresh-1");
        assert_eq!(scene.person.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_ends_soon_and_cannot_be_refreshed_is_used_until_it_ends() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene
        .world
        .always(TOKEN, Reply::failing(FetchError::Timeout));
    scene.clock.advance(Lifetime::from_secs(3_570));
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-1");
    scene.clock.advance(Lifetime::from_secs(30));
    headers_of(&oauth).await.unwrap_err();
}

#[tokio::test]
async fn an_invalid_grant_ends_the_refresh_token_and_the_person_is_asked() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene.world.always(TOKEN, Reply::error("invalid_grant"));
    scene.clock.advance(Lifetime::from_hours(2));
    assert_eq!(shown(&oauth).await, None);
    assert_eq!(refreshes(&scene), ["refresh-1"]);
    // It is not tried again.
    assert_eq!(shown(&scene.client()).await, None);
    assert_eq!(refreshes(&scene), ["refresh-1"]);
    scene.world.authorization_server(ISSUER);
    assert_eq!(refuse(&oauth, 401, "Bearer", 0).await.unwrap(), Next::Again);
    assert_eq!(scene.person.seen().len(), 2);
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_ends_and_the_old_refresh_token_is_gone() {
    // CL-34.
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene.clock.advance(Lifetime::from_secs(3_539));
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-1");
    scene.clock.advance(Lifetime::from_secs(1));
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-2");
    let asked = scene.world.asked(TOKEN);
    assert_eq!(asked[1].field("grant_type").unwrap(), "refresh_token");
    // CL-23: also here.
    assert_eq!(asked[1].field("resource").unwrap(), SERVER);
    assert_eq!(asked[1].field("scope"), None);
    for _ in 0..2 {
        scene.clock.advance(Lifetime::from_hours(1));
        shown(&scene.client()).await.unwrap();
    }
    let sent = refreshes(&scene);
    assert_eq!(sent, ["refresh-1", "refresh-2", "refresh-3"]);
    let key = &scene.store.list().await.unwrap()[0];
    let kept = key.1.refresh_token.as_ref().unwrap();
    assert_eq!(kept.reveal(), "refresh-4");
}

#[tokio::test]
async fn cl_34_a_refresh_token_that_is_not_replaced_goes_on_being_good() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene.world.json(
        TOKEN,
        &json!({ "access_token": "next", "token_type": "Bearer", "expires_in": 60 }),
    );
    for _ in 0..3 {
        scene.clock.advance(Lifetime::from_hours(2));
        assert_eq!(shown(&oauth).await.unwrap(), "Bearer next");
    }
    assert_eq!(refreshes(&scene), ["refresh-1"; 3]);
}

#[tokio::test]
async fn a_short_life_is_not_refreshed_at_each_request() {
    let scene = Scene::new();
    scene.world.json(
        TOKEN,
        &json!({
            "access_token": "short", "token_type": "Bearer", "expires_in": 30,
            "refresh_token": "r",
        }),
    );
    let oauth = scene.client();
    oauth.login().await.unwrap();
    for _ in 0..24 {
        assert_eq!(shown(&oauth).await.unwrap(), "Bearer short");
        scene.clock.advance(Lifetime::from_secs(1));
    }
    assert_eq!(refreshes(&scene).len(), 0);
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer short");
    assert_eq!(refreshes(&scene).len(), 1);
}

#[tokio::test]
async fn many_tasks_refresh_once() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    scene.clock.advance(Lifetime::from_hours(2));
    // As many processes with one store, each with several tasks.
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let oauth = scene.client();
        for _ in 0..10 {
            let oauth = oauth.clone();
            tasks.push(tokio::spawn(async move { shown(&oauth).await }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "Bearer access-2");
    }
    assert_eq!(refreshes(&scene), ["refresh-1"]);
}

#[tokio::test]
async fn a_caller_who_goes_away_loses_no_refresh_token() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    scene.clock.advance(Lifetime::from_hours(2));
    {
        // Polled until the authorization server is asked, then dropped.
        let mut request = Box::pin(headers_of(&oauth));
        while refreshes(&scene).is_empty() {
            let mut context = Context::from_waker(Waker::noop());
            assert!(request.as_mut().poll(&mut context).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-2");
    assert_eq!(refreshes(&scene), ["refresh-1"]);
}

#[tokio::test]
async fn after_a_crash_before_the_new_token_was_kept_the_old_one_is_tried_again() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    let key = TokenKey::new(
        Issuer::parse(ISSUER).unwrap(),
        ResourceUri::parse(SERVER).unwrap(),
        ClientId::parse("client-1 of https://as.test").unwrap(),
    );
    let before = scene.store.tokens(&key).await.unwrap().unwrap();
    scene.clock.advance(Lifetime::from_hours(2));
    // The server issues the same tokens again within its grace.
    scene.world.json(
        TOKEN,
        &json!({
            "access_token": "again", "token_type": "Bearer", "expires_in": 3600,
            "refresh_token": "refresh-again",
        }),
    );
    shown(&scene.client()).await.unwrap();
    // What a crash between answer and write leaves behind.
    let mut guard = scene.store.exclusive(&key).await.unwrap();
    guard.put(&before).await.unwrap();
    drop(guard);
    assert_eq!(shown(&scene.client()).await.unwrap(), "Bearer again");
    assert_eq!(refreshes(&scene), ["refresh-1", "refresh-1"]);
    assert_eq!(scene.person.seen().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_then_the_person_is_asked() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    assert_eq!(
        refuse(&oauth, 401, INVALID_TOKEN, 0).await.unwrap(),
        Next::Again
    );
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-2");
    assert_eq!(scene.person.seen().len(), 1);
    assert_eq!(
        refuse(&oauth, 401, INVALID_TOKEN, 1).await.unwrap(),
        Next::Again
    );
    assert_eq!(scene.person.seen().len(), 2);
    assert_eq!(refreshes(&scene), ["refresh-1"]);
}

#[tokio::test]
async fn a_token_that_another_process_got_is_used_before_anything_is_asked() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    let url = Url::parse(SERVER).unwrap();
    let request = Outgoing::new(&Method::POST, &url);
    let shown_before = oauth.authorize(request).await.unwrap();
    // Another process logs in again.
    scene.client().login().await.unwrap();
    scene.world.forget_requests();
    let headers = HeaderMap::new();
    let refused = Refused::new(
        request,
        "tools/list",
        &shown_before,
        StatusCode::UNAUTHORIZED,
        &headers,
        0,
    );
    assert_eq!(oauth.refused(refused).await.unwrap(), Next::Again);
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-2");
    assert_eq!(scene.world.addresses(), Vec::<String>::new());
}

#[tokio::test]
async fn a_second_run_shows_its_token_without_discovery() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    scene.world.forget_requests();
    assert_eq!(shown(&scene.client()).await.unwrap(), "Bearer access-1");
    assert_eq!(scene.world.addresses(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_person_kept_tokens_are_used_and_a_login_is_asked_for_in_words() {
    let scene = Scene::new();
    scene.client().login().await.unwrap();
    let alone = |scene: &Scene| {
        OAuth::builder(SERVER)
            .store(scene.store.clone())
            .fetch(Arc::new(scene.world.clone()))
            .clock(Arc::new(scene.clock.clone()))
            .build()
            .unwrap()
    };
    scene.clock.advance(Lifetime::from_hours(2));
    assert_eq!(shown(&alone(&scene)).await.unwrap(), "Bearer access-2");
    let fresh = Scene::new();
    let error = refuse(&alone(&fresh), 401, "Bearer", 0).await.unwrap_err();
    assert!(error.to_string().contains("log in first"), "{error}");
}

#[tokio::test]
async fn logging_out_revokes_the_refresh_token_first_and_forgets_everything() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    assert_eq!(oauth.logout().await.unwrap(), LoggedOut::Revoked);
    let revoked = scene.world.asked(REVOKE);
    let tokens: Vec<_> = revoked
        .iter()
        .map(|one| one.field("token").unwrap())
        .collect();
    assert_eq!(tokens, ["refresh-1", "access-1"]);
    let hints: Vec<_> = revoked
        .iter()
        .map(|one| one.field("token_type_hint").unwrap())
        .collect();
    assert_eq!(hints, ["refresh_token", "access_token"]);
    assert_eq!(shown(&oauth).await, None);
    assert_eq!(scene.store.list().await.unwrap().len(), 0);
    assert_eq!(oauth.logout().await.unwrap(), LoggedOut::Nobody);
}

#[tokio::test]
async fn logging_out_forgets_also_where_nothing_can_be_revoked() {
    for (place, reply) in [
        (REVOKE, Reply::of(503, "")),
        (REVOKE, Reply::error("invalid_client")),
        (REVOKE, Reply::failing(FetchError::Timeout)),
        (RESOURCE_METADATA, Reply::failing(FetchError::Timeout)),
    ] {
        let scene = Scene::new();
        scene.client().login().await.unwrap();
        scene.world.always(place, reply);
        let outcome = scene.client().logout().await.unwrap();
        assert_eq!(outcome, LoggedOut::Forgotten);
        assert_eq!(scene.store.list().await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn cl_33_no_secret_is_in_what_is_printed() {
    let scene = Scene::new();
    let oauth = scene.client();
    oauth.login().await.unwrap();
    let mut printed = format!("{oauth:?} {:?}", oauth.logged_in().await.unwrap());
    printed.push_str(&format!("{:?}", scene.store));
    for canary in ["access-1", "refresh-1", "the-code"] {
        assert!(!printed.contains(canary), "{printed}");
    }
}
