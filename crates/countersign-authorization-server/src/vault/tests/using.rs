//! What a tool can do with the API of the provider, and what it cannot.

use http::header::AUTHORIZATION;

use super::*;
use crate::vault::{UpstreamClient, UpstreamFailure};

const API: &str = "https://api.hub.test/user";

async fn client_of(world: &World) -> (Granted, UpstreamClient) {
    let granted = world.log_in("g").await;
    let presented = Some(Secret::new("token-of-the-client"));
    let client = world.access(&granted).client("hub", presented).await;
    (granted, client.unwrap())
}

#[tokio::test(start_paused = true)]
async fn e42_the_token_goes_to_the_api_of_its_provider_alone() {
    let world = world();
    let (_, client) = client_of(&world).await;
    for target in [
        "https://capture.test/user",
        "https://api.hub.test.evil.test/user",
        "https://api.hub.test:8443/user",
        "http://api.hub.test/user",
        "https://api.hub.test@evil.test/",
        "https://evil.test/?https://api.hub.test/",
        "https://user:secret@evil.test/",
        "//api.hub.test/user",
        "/user",
        "*",
        "",
        "file:///etc/passwd",
    ] {
        let answer = client.get(target).await;
        assert_eq!(answer.unwrap_err(), UpstreamFailure::Address, "{target}");
    }
    assert!(world.provider.requests.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn e42_a_request_with_the_token_of_the_client_is_not_sent() {
    let world = world();
    let (_, client) = client_of(&world).await;
    let request = || Request::post(API);
    let body = Bytes::from_static;
    let requests = [
        request()
            .header("x-token", "Bearer token-of-the-client")
            .body(body(b"")),
        request().body(body(b"{\"token\":\"token-of-the-client\"}")),
        Request::get(format!("{API}?t=token-of-the-client")).body(body(b"")),
    ];
    for request in requests {
        let answer = client.request(request.unwrap()).await;
        assert_eq!(answer.unwrap_err(), UpstreamFailure::PresentedToken);
    }
    for name in ["authorization", "proxy-authorization", "host"] {
        let request = request().header(name, "something").body(body(b""));
        let answer = client.request(request.unwrap()).await;
        assert_eq!(answer.unwrap_err(), UpstreamFailure::Header(name));
    }
    assert!(world.provider.requests.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_a_name_and_a_caller_without_a_grant_there_are_told_apart() {
    let world = world();
    let granted = world.log_in("g").await;
    let access = world.access(&granted);
    let unknown = access.client("nub", None).await.unwrap_err();
    assert_eq!(unknown, UpstreamFailure::UnknownProvider("nub".to_owned()));
    let other = granted_elsewhere(&world);
    let stranger = world.access(&other).client("hub", None).await.unwrap_err();
    let name = "The Hub".to_owned();
    assert_eq!(stranger, UpstreamFailure::NotConnected(name.clone()));
    world.pass(LIFE);
    world.provider.is(Mood::Fails);
    let down = access.client("hub", None).await.unwrap_err();
    assert_eq!(down, UpstreamFailure::Unavailable(name.clone()));
    world.provider.is(Mood::Refuses);
    let ended = access.client("hub", None).await.unwrap_err();
    assert_eq!(ended, UpstreamFailure::LogInAgain(name));
}

fn granted_elsewhere(world: &World) -> Granted {
    granted("elsewhere", world.now())
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_the_token_of_the_caller_s_own_grant() {
    let world = world();
    let (_, client) = client_of(&world).await;
    let answer = client.get(&format!("{API}?q=1#fragment")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    world.pass(LIFE);
    client.get(API).await.unwrap();
    let requests = world.provider.requests.lock().unwrap();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| {
            let bearer = &request.headers()[AUTHORIZATION];
            assert!(bearer.is_sensitive());
            (
                request.uri().to_string(),
                bearer.to_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        (format!("{API}?q=1"), "Bearer upstream-access-0".to_owned()),
        (API.to_owned(), "Bearer upstream-access-1".to_owned()),
    ];
    assert_eq!(seen, expected);
    assert!(!format!("{requests:?}").contains("upstream-access"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_api_refuses_is_refreshed_once() {
    let world = world();
    let (granted, client) = client_of(&world).await;
    let answers = |statuses: &[StatusCode]| {
        let mut queue = world.provider.statuses.lock().unwrap();
        queue.clear();
        queue.extend(statuses);
    };
    // A new token would be refused as well.
    answers(&[StatusCode::UNAUTHORIZED; 2]);
    let answer = client.get(API).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(world.provider.refreshes().is_empty());
    world.pass(60);
    answers(&[StatusCode::UNAUTHORIZED]);
    assert_eq!(client.get(API).await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.provider.refreshes().len(), 1);
    // What it answers then is what it answers.
    world.pass(60);
    answers(&[StatusCode::UNAUTHORIZED; 2]);
    let answer = client.get(API).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(world.provider.refreshes().len(), 2);
    // A refresh that fails says less than the answer.
    world.pass(60);
    answers(&[StatusCode::UNAUTHORIZED]);
    world.provider.is(Mood::Fails);
    let answer = client.get(API).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    answers(&[StatusCode::FORBIDDEN]);
    let answer = client.get(API).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    answers(&[StatusCode::GATEWAY_TIMEOUT]);
    let failure = client.get(API).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Unavailable(_)));
    answers(&[StatusCode::UNAUTHORIZED]);
    world.provider.is(Mood::Refuses);
    let failure = client.get(API).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::LogInAgain(_)));
    assert!(!world.is_live(&granted).await);
    let failure = client.get(API).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::NotConnected(_)));
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_refresh_token_that_the_api_refuses_is_judged_by_the_tool() {
    let world = world();
    let mut tokens = Provider::tokens(0, world.now());
    (tokens.refresh_token, tokens.expires_at) = (None, None);
    let granted = world.log_in_with("g", tokens).await;
    let client = world.access(&granted).client("hub", None).await.unwrap();
    let refusal = StatusCode::UNAUTHORIZED;
    world.provider.statuses.lock().unwrap().push_back(refusal);
    assert_eq!(client.get(API).await.unwrap().status(), refusal);
    assert!(world.is_live(&granted).await);
    let told = client.log_in_again().await;
    assert_eq!(told, UpstreamFailure::LogInAgain("The Hub".to_owned()));
    assert!(!world.is_live(&granted).await);
    assert!(world.saw("upstream_ended"));
}
