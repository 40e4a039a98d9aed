//! What is noted: row H13. Each refusal is one event, with its request and address.

use std::net::IpAddr;

use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::oauth::client_authentication::ASSERTION_TYPE;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::fixture::*;

/// A text that stands for every secret, and appears nowhere.
const CANARY: &str = "canary-of-a-secret-9f8e7d6c5b4a";

/// The events since the last call, without what administrators did.
pub(crate) fn taken(events: &Events) -> Vec<String> {
    let mut all = std::mem::take(&mut *events.0.lock().unwrap());
    all.retain(|event| {
        !["client_added", "client_changed", "client_deleted"]
            .iter()
            .any(|done| event.starts_with(done))
    });
    all
}

/// Posts the form `body` to `path`, and expects one event that begins with `event` and
/// has none of `secrets` in it.
async fn is_one_event(
    world: &World,
    path: &str,
    authorization: Option<&str>,
    (body, event): (&str, &str),
    secrets: &[&str],
) {
    taken(&world.events);
    let mut request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let seen = world.send(request.body(Full::from(body.to_owned())).unwrap());
    let seen = seen.await;
    let events = taken(&world.events);
    assert_eq!(events.len(), 1, "{path} {body}: {events:?} {seen:?}");
    assert!(events[0].starts_with(event), "{path} {body}: {events:?}");
    let is_name = body.contains(&format!("client_id={CANARY}"));
    assert!(is_name || !events[0].contains(CANARY), "{events:?}");
    for secret in secrets.iter().chain(&[SECRET, VERIFIER]) {
        assert!(!events[0].contains(secret), "{events:?}");
    }
}

#[tokio::test]
async fn h13_each_refusal_at_the_token_endpoint_is_one_event_without_secrets() {
    let world = world().await;
    let (good, wrong) = (basic("S", SECRET), basic("S", CANARY));
    let code = format!("code={CANARY}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}");
    let assertion = format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={CANARY}");
    let mint = "grant_type=client_credentials";
    for (header, body, event) in [
        (None, "", "client_refused reason"),
        (Some(&wrong), mint, "client_refused client"),
        (None, &format!("client_id={CANARY}"), "client_refused"),
        (None, &assertion, "client_refused"),
        (
            None,
            &format!("client_id=C1&grant_type=authorization_code&{code}"),
            "token_request_refused",
        ),
        (
            None,
            &format!("client_id=C1&grant_type=password&{code}"),
            "token_request_refused",
        ),
        (
            None,
            &format!("client_id=C1&grant_type=refresh_token&refresh_token={CANARY}"),
            "token_request_refused",
        ),
        (
            Some(&good),
            &format!("grant_type=authorization_code&{code}"),
            "token_request_refused",
        ),
        (
            Some(&good),
            &format!("{mint}&scope=admin"),
            "token_request_refused",
        ),
        (
            Some(&good),
            &format!("{mint}&resource=https://x.test/"),
            "token_request_refused",
        ),
    ] {
        let header = header.map(String::as_str);
        is_one_event(&world, "/token", header, (body, event), &[&good, &wrong]).await;
    }
    let (_, spent) = world.tokens().await;
    world.refresh(&spent, &[]).await;
    world.clock.advance(Lifetime::from_secs(60));
    taken(&world.events);
    // A replay ends a grant; that is an event of its own, beside the refusal.
    world.refresh(&spent, &[]).await.assert_tok("invalid_grant");
    let events = taken(&world.events);
    assert!(events[0].starts_with("replay_detected"), "{events:?}");
    assert!(events[1].starts_with("token_request_refused"), "{events:?}");
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn h13_each_refusal_of_a_question_about_a_token_is_one_event_without_secrets() {
    let world = world().await;
    let (access, refresh) = world.tokens().await;
    let (good, wrong) = (basic("S", SECRET), basic("S", CANARY));
    let service = format!("client_id=C3&client_secret={SECRET}&token={access}");
    for (path, header, body, event) in [
        ("/revoke", None, format!("token={CANARY}"), "client_refused"),
        (
            "/revoke",
            None,
            "client_id=C1".to_owned(),
            "request_refused reason=invalid_request status=400",
        ),
        (
            "/revoke",
            None,
            format!("client_id=C2&token={access}"),
            "revocation_refused",
        ),
        (
            "/revoke",
            None,
            format!("client_id=C2&token={refresh}"),
            "revocation_refused",
        ),
        (
            "/introspect",
            None,
            format!("client_id=C1&token={CANARY}"),
            "client_refused",
        ),
        (
            "/introspect",
            Some(&wrong),
            format!("token={CANARY}"),
            "client_refused",
        ),
        (
            "/introspect",
            Some(&good),
            String::new(),
            "request_refused reason=invalid_request status=400",
        ),
        ("/introspect", None, service, "introspection_refused"),
    ] {
        let secrets = [access.as_str(), &refresh, &good, &wrong];
        let header = header.map(String::as_str);
        is_one_event(&world, path, header, (&body, event), &secrets).await;
    }
}

#[tokio::test]
async fn h13_each_refusal_of_the_form_of_a_request_is_one_event() {
    let world = world().await;
    let (long, body) = (
        "/authorize?".to_owned() + &"x".repeat(40_000),
        "x".repeat(70_000),
    );
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    for (method, target, content_type, body, event) in [
        (
            "GET",
            "/token",
            form,
            "",
            "request_refused reason=method_not_allowed status=405",
        ),
        (
            "PUT",
            "/authorize",
            form,
            "",
            "request_refused reason=method_not_allowed status=405",
        ),
        (
            "POST",
            "/token",
            json,
            "{}",
            "request_refused reason=invalid_request status=400",
        ),
        (
            "POST",
            "/token?client_id=C1",
            form,
            "",
            "request_refused reason=invalid_request status=400",
        ),
        (
            "POST",
            "/token",
            form,
            &body,
            "request_refused reason=body_too_large status=413",
        ),
        (
            "GET",
            &long,
            form,
            "",
            "request_refused reason=invalid_request status=414",
        ),
        ("GET", "/authorize", form, "", "authorization_refused"),
        (
            "GET",
            "/authorize?client_id=x",
            form,
            "",
            "authorization_refused",
        ),
        ("POST", "/register", form, "{}", "registration_refused"),
        ("POST", "/register", json, "[", "registration_refused"),
    ] {
        taken(&world.events);
        let request = Request::builder().method(method).uri(target);
        let request = request.header("content-type", content_type);
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let seen = world.send(request).await;
        assert!(seen.status.is_client_error(), "{method} {target:.99}");
        let events = taken(&world.events);
        assert_eq!(events.len(), 1, "{method} {target:.99}: {events:?}");
        assert!(
            events[0].starts_with(event),
            "{method} {target:.99}: {events:?}"
        );
    }
    // What does not exist was not refused, and scanners ask for a lot of it.
    let nothing = world.get("/wp-login.php").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert_eq!(taken(&world.events), Vec::<String>::new());
}

#[tokio::test]
async fn h13_the_events_of_one_request_have_its_number_and_its_address() {
    let world = world().await;
    let (_, spent) = world.tokens().await;
    world.refresh(&spent, &[]).await;
    world.clock.advance(Lifetime::from_secs(60));
    world.events.1.lock().unwrap().clear();
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    for _ in 0..2 {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", spent.as_str()),
            ("client_id", "C1"),
        ];
        let request = Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(address)
            .body(Full::from(form(&parameters)))
            .unwrap();
        world.send(request).await.assert_tok("invalid_grant");
    }
    let noted = std::mem::take(&mut *world.events.1.lock().unwrap());
    let [first, second, third]: [_; 3] = noted.try_into().unwrap();
    // Replay and refusal of the first request, then the refusal of the second.
    assert!(first.request.is_some());
    assert_eq!(first.request, second.request);
    assert_ne!(second.request, third.request);
    for record in [&first, &second, &third] {
        assert_eq!(record.address, Some(address));
        assert_eq!(record.at, world.clock.now().as_secs() * 1000);
    }
    // What an administrator does belongs to no request.
    world
        .add("C9", facts(ClientMetadata::public(Vec::new())))
        .await;
    let noted = world.events.1.lock().unwrap().pop().unwrap();
    assert_eq!((noted.request, noted.address), (None, None));
}
