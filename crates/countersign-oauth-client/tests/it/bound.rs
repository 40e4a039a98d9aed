//! Tokens that are bound to a key: RFC 9449.

use countersign_oauth_client::oauth::Secret;
use countersign_oauth_client::oauth::dpop::{Expected, Proven, Target, check};
use countersign_oauth_client::oauth::jose::decode_unverified;
use countersign_oauth_client::oauth::{Lifetime, UnixTime};
use countersign_oauth_client::{Next, OAuth};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::world::*;

fn issues(world: &World, token_type: &'static str) {
    world.amend(
        SERVER_METADATA,
        &json!({ "dpop_signing_alg_values_supported": ["ES256", "EdDSA"] }),
    );
    let issued = std::sync::Mutex::new(0);
    world.play(TOKEN, move |_| {
        let mut issued = issued.lock().unwrap();
        *issued += 1;
        Reply::json(&json!({
            "access_token": format!("bound-{issued}"),
            "token_type": token_type,
            "expires_in": 3600,
            "refresh_token": format!("refresh-{issued}"),
        }))
    });
}

fn client(scene: &Scene) -> OAuth {
    scene.builder().dpop().build().unwrap()
}

fn proof_in(headers: &HeaderMap) -> &str {
    assert_eq!(headers.get_all("dpop").iter().count(), 1);
    headers["dpop"].to_str().unwrap()
}

fn proven(headers: &HeaderMap, address: &str, token: Option<&str>, now: UnixTime) -> Proven {
    let target = Target::parse(address).unwrap();
    let mut expected = Expected::new("POST", &target, now);
    if let Some(token) = token {
        expected = expected.access_token(token);
    }
    check(proof_in(headers), &expected).unwrap()
}

fn claims(headers: &HeaderMap) -> Value {
    let token = decode_unverified(proof_in(headers)).unwrap();
    serde_json::from_slice(token.payload()).unwrap()
}

#[tokio::test]
async fn dp_01_a_server_that_answers_with_a_bearer_token_is_refused_where_a_bound_one_was_asked_for()
 {
    let scene = Scene::new();
    issues(&scene.world, "Bearer");
    let oauth = client(&scene);
    let error = oauth.login().await.unwrap_err().to_string();
    assert!(error.contains("not bound to our key"), "{error}");
    assert_eq!(shown(&oauth).await, None);

    // And where it begins to at a refresh.
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    client(&scene).login().await.unwrap();
    issues(&scene.world, "Bearer");
    scene.clock.advance(Lifetime::from_hours(2));
    headers_of(&client(&scene)).await.unwrap_err();
}

#[tokio::test]
async fn dp_01_a_server_that_binds_nothing_is_not_asked_where_tokens_must_be_bound() {
    for algorithms in [json!(null), json!([]), json!(["RS256"]), json!("ES256")] {
        let scene = Scene::new();
        let change = json!({ "dpop_signing_alg_values_supported": algorithms });
        scene.world.amend(SERVER_METADATA, &change);
        let error = client(&scene).login().await.unwrap_err().to_string();
        assert!(error.contains("does not bind tokens"), "{error}");
        assert_eq!(scene.person.seen(), []);
    }
}

/// What a resource and its authorization server offer.
fn offers(world: &World, resource: &Value, server: &Value, token_type: &'static str) {
    issues(world, token_type);
    let name = "dpop_signing_alg_values_supported";
    world.amend(RESOURCE_METADATA, &json!({ name: resource }));
    world.amend(SERVER_METADATA, &json!({ name: server }));
}

#[tokio::test]
async fn dp_01_tokens_are_not_bound_where_one_side_does_not_offer_it_or_nobody_wants_it() {
    let es256 = json!(["ES256"]);
    for (resource, server) in [
        (json!(null), es256.clone()),
        (es256.clone(), json!(null)),
        (json!([]), es256.clone()),
        (json!("ES256"), es256.clone()),
        (json!([1]), es256.clone()),
        (json!(["RS256", "es256"]), es256.clone()),
        (es256.clone(), json!(["RS256"])),
    ] {
        let scene = Scene::new();
        offers(&scene.world, &resource, &server, "Bearer");
        scene.client().login().await.unwrap();
        let asked = scene.world.one(TOKEN);
        assert!(!asked.headers.contains_key("dpop"), "{resource} {server}");
        assert_eq!(parameter(&scene.person.seen()[0], "dpop_jkt"), None);
    }
    let scene = Scene::new();
    offers(&scene.world, &es256, &es256, "Bearer");
    let oauth = scene.builder().without_dpop().build().unwrap();
    oauth.login().await.unwrap();
    assert!(!scene.world.one(TOKEN).headers.contains_key("dpop"));
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer bound-1");
}

#[tokio::test]
async fn dp_01_tokens_are_bound_where_both_sides_offer_it() {
    let scene = Scene::new();
    let both = json!(["EdDSA", "ES256"]);
    offers(&scene.world, &both, &both, "DPoP");
    let oauth = scene.client();
    oauth.login().await.unwrap();
    let now = scene.clock.now();
    let at_login = proven(&scene.world.one(TOKEN).headers, TOKEN, None, now);
    let named = parameter(&scene.person.seen()[0], "dpop_jkt").unwrap();
    assert_eq!(at_login.thumbprint.as_str(), named);
    assert_eq!(shown(&oauth).await.unwrap(), "DPoP bound-1");

    // It was an offer: a bearer token is what everybody else would get.
    let scene = Scene::new();
    offers(&scene.world, &both, &both, "Bearer");
    let oauth = scene.client();
    oauth.login().await.unwrap();
    assert_eq!(shown(&oauth).await.unwrap(), "Bearer bound-1");
    scene.clock.advance(Lifetime::from_hours(2));
    assert_eq!(shown(&scene.client()).await.unwrap(), "Bearer bound-2");

    // What is demanded is not turned off.
    let scene = Scene::new();
    offers(&scene.world, &both, &both, "DPoP");
    let change = json!({ "dpop_bound_access_tokens_required": true });
    scene.world.amend(RESOURCE_METADATA, &change);
    let oauth = scene.builder().without_dpop().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(shown(&oauth).await.unwrap(), "DPoP bound-1");
}

#[tokio::test]
async fn dp_01_code_token_refresh_and_every_request_have_a_proof_of_one_key() {
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    let oauth = client(&scene);
    oauth.login().await.unwrap();
    let now = scene.clock.now();
    let at_login = proven(&scene.world.one(TOKEN).headers, TOKEN, None, now);
    let named = parameter(&scene.person.seen()[0], "dpop_jkt").unwrap();
    assert_eq!(at_login.thumbprint.as_str(), named);

    let first = headers_of(&oauth).await.unwrap();
    assert_eq!(first["authorization"], "DPoP bound-1");
    let second = headers_of(&oauth).await.unwrap();
    let (one, two) = (
        proven(&first, SERVER, Some("bound-1"), now),
        proven(&second, SERVER, Some("bound-1"), now),
    );
    assert_eq!(one.thumbprint.as_str(), named);
    assert_eq!(two.thumbprint.as_str(), named);
    assert_ne!(claims(&first)["jti"], claims(&second)["jti"]);

    // Another run has the same key.
    scene.clock.advance(Lifetime::from_hours(2));
    let later = headers_of(&scene.client()).await.unwrap();
    let now = scene.clock.now();
    assert_eq!(later["authorization"], "DPoP bound-2");
    let refreshed = scene.world.asked(TOKEN).pop().unwrap();
    for proven in [
        proven(&refreshed.headers, TOKEN, None, now),
        proven(&later, SERVER, Some("bound-2"), now),
    ] {
        assert_eq!(proven.thumbprint.as_str(), named);
    }
    // A new login has a new key.
    client(&scene).login().await.unwrap();
    let other = parameter(&scene.person.seen()[1], "dpop_jkt").unwrap();
    assert_ne!(other, named);
}

#[tokio::test]
async fn dp_01_the_nonce_of_a_token_endpoint_is_used_once_more_and_no_oftener() {
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    scene.world.play(TOKEN, |asked| {
        if claims(&asked.headers)["nonce"] == "n-1" {
            return Reply::json(&json!({ "access_token": "got", "token_type": "DPoP" }));
        }
        Reply::error("use_dpop_nonce").header("dpop-nonce", "n-1")
    });
    client(&scene).login().await.unwrap();
    assert_eq!(scene.world.asked(TOKEN).len(), 2);

    scene.world.forget_requests();
    let endless = Reply::error("use_dpop_nonce").header("dpop-nonce", "n-2");
    scene.world.always(TOKEN, endless);
    client(&scene).login().await.unwrap_err();
    assert_eq!(scene.world.asked(TOKEN).len(), 2);

    scene.world.forget_requests();
    scene.world.always(TOKEN, Reply::error("use_dpop_nonce"));
    client(&scene).login().await.unwrap_err();
    assert_eq!(scene.world.asked(TOKEN).len(), 1);
}

async fn refused(oauth: &OAuth, nonce: Option<&str>, attempt: u32) -> Next {
    use countersign_oauth_client::{Authorizer as _, Outgoing, Refused};
    let url = url::Url::parse(SERVER).unwrap();
    let request = Outgoing::new(&http::Method::POST, &url);
    let shown = oauth.authorize(request).await.unwrap();
    let mut headers = HeaderMap::new();
    let challenge = r#"DPoP error="use_dpop_nonce", algs="ES256""#;
    headers.insert("www-authenticate", challenge.parse().unwrap());
    if let Some(nonce) = nonce {
        headers.insert("dpop-nonce", nonce.parse().unwrap());
    }
    let status = http::StatusCode::UNAUTHORIZED;
    let refused = Refused::new(request, "tools/list", &shown, status, &headers, attempt);
    oauth.refused(refused).await.unwrap()
}

#[tokio::test]
async fn dp_01_the_nonce_of_a_server_goes_into_the_next_proof_without_a_refresh_or_a_person() {
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    let oauth = client(&scene);
    oauth.login().await.unwrap();
    scene.world.forget_requests();
    assert_eq!(refused(&oauth, Some("n-1"), 0).await, Next::Again);
    let headers = headers_of(&oauth).await.unwrap();
    assert_eq!(claims(&headers)["nonce"], "n-1");
    // Not for ever, and not without one.
    assert_eq!(refused(&oauth, Some("n-2"), 3).await, Next::GiveUp);
    assert_eq!(refused(&oauth, None, 0).await, Next::GiveUp);
    assert_eq!(scene.world.addresses(), Vec::<String>::new());
    assert_eq!(scene.person.seen().len(), 1);
}

#[tokio::test]
async fn dp_01_a_nonce_that_was_asked_for_costs_the_person_no_login_after_it() {
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    let oauth = client(&scene);
    oauth.login().await.unwrap();
    scene.clock.advance(Lifetime::from_mins(5));
    assert_eq!(refused(&oauth, Some("n-1"), 0).await, Next::Again);
    // The token was withdrawn meanwhile, and there is a refresh token.
    let invalid = r#"DPoP error="invalid_token", algs="ES256""#;
    assert_eq!(refuse(&oauth, 401, invalid, 1).await.unwrap(), Next::Again);
    assert_eq!(shown(&oauth).await.unwrap(), "DPoP bound-2");
    assert_eq!(scene.person.seen().len(), 1);
    // One that was just got is not refreshed again.
    assert_eq!(refuse(&oauth, 401, invalid, 2).await.unwrap(), Next::Again);
    assert_eq!(scene.person.seen().len(), 2);
}

#[tokio::test]
async fn a_server_whose_metadata_demands_it_gets_bound_tokens_unasked() {
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    let change = json!({ "dpop_bound_access_tokens_required": true });
    scene.world.amend(RESOURCE_METADATA, &change);
    let oauth = scene.client();
    oauth.login().await.unwrap();
    assert_eq!(shown(&oauth).await.unwrap(), "DPoP bound-1");

    // Or whose challenge takes nothing else.
    for (challenge, bound) in [
        (r#"DPoP algs="ES256""#, true),
        (r#"Bearer, DPoP algs="ES256""#, false),
    ] {
        let scene = Scene::new();
        issues(&scene.world, if bound { "DPoP" } else { "Bearer" });
        let oauth = scene.client();
        assert_eq!(
            refuse(&oauth, 401, challenge, 0).await.unwrap(),
            Next::Again
        );
        let asked = scene.world.one(TOKEN);
        assert_eq!(asked.headers.contains_key("dpop"), bound, "{challenge}");
    }
}

#[tokio::test]
async fn cl_33_the_key_is_in_nothing_that_is_printed_or_sent() {
    use countersign_oauth_client::TokenStore as _;
    let scene = Scene::new();
    issues(&scene.world, "DPoP");
    let oauth = client(&scene);
    oauth.login().await.unwrap();
    let kept = scene.store.list().await.unwrap();
    let pem: &Secret = kept[0].1.dpop_key.as_ref().unwrap();
    let line = pem.reveal().lines().nth(1).unwrap();
    assert!(!scene.world.said().contains(line));
    assert!(!format!("{oauth:?}").contains(line));
}
