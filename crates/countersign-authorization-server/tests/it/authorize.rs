//! The authorization endpoint: rows P, X16, X17 and X18 of the attack corpus.

use countersign_authorization_server::Approval;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::pkce::CodeVerifier;
use countersign_authorization_server::oauth::{Lifetime, RedirectUri, ScopeSet, Secret};
use countersign_authorization_server::store::Kind;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::fixture::*;

#[tokio::test]
async fn as_16_p1_p2_p3_an_unknown_client_sees_a_page() {
    let world = world().await;
    let long = "a".repeat(4_000);
    for id in [
        "unknown",
        "",
        "c1",
        "C1\0",
        &long,
        "https://client.example/id",
    ] {
        world.authorize(&[("client_id", id)]).await.assert_page();
    }
    world
        .authorize(&[("client_id", "C1"), ("client_id", "C1")])
        .await
        .assert_page();
    assert_eq!(world.count(Kind::PendingAuthorization).await, 0);
}

#[tokio::test]
async fn as_14_as_16_r41_an_address_of_nobody_or_of_another_client_sees_a_page() {
    let world = world().await;
    for uri in [
        "https://evil.example/cb",
        "http://127.0.0.1/cb",
        "https://good.example/cb/",
        "javascript:alert(1)",
    ] {
        world
            .authorize(&[("redirect_uri", uri)])
            .await
            .assert_page();
    }
    let native = [
        ("client_id", "C2"),
        ("redirect_uri", "http://127.0.0.1:51234/cb"),
    ];
    let seen = world.authorize(&native).await;
    assert!(
        seen.header("location")
            .unwrap()
            .starts_with("http://127.0.0.1:51234/cb?code=")
    );
}

#[tokio::test]
async fn p4_to_p18_what_is_wrong_with_a_request_is_told_to_its_client() {
    let world = world().await;
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
        ),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (vec![("scope", "admin")], "invalid_scope"),
        (vec![("scope", "*")], "invalid_scope"),
        (vec![("resource", "https://evil.example")], "invalid_target"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("request", "x")], "request_not_supported"),
        (
            vec![("request_uri", "https://evil.example/x")],
            "request_uri_not_supported",
        ),
    ] {
        let seen = world.authorize(&changes).await;
        let told = seen.redirect();
        assert_eq!(told["error"], error, "{changes:?}");
        assert_eq!(told["state"], "s");
        assert_eq!(told.get("code"), None);
        assert_eq!(world.count(Kind::Grant).await, 0);
    }
}

#[tokio::test]
async fn p20_p21_a_form_obeys_the_same_rules_and_a_long_target_is_refused() {
    let world = world().await;
    let post = |target: &str, body: String| {
        Request::post(target)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(body))
            .unwrap()
    };
    let body = form(&[
        ("response_type", "code"),
        ("client_id", "C1"),
        ("redirect_uri", CALLBACK),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ]);
    let seen = world.send(post("/authorize", body.clone())).await;
    assert!(seen.redirect().contains_key("code"));
    world
        .send(post("/authorize?client_id=C1", body.clone()))
        .await
        .assert_page();
    world
        .send(post("/authorize?redirect_uri=https://evil.example", body))
        .await
        .assert_page();
    let seen = world
        .get(&format!("/authorize?x={}", "a".repeat(40_000)))
        .await;
    assert_eq!(seen.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn p17_prompt_none_without_a_login_is_told_to_the_client() {
    let world = world().await;
    world.is_in(Mood::LoggedOut);
    let seen = world.authorize(&[("prompt", "none")]).await;
    assert_eq!(seen.redirect()["error"], "login_required");
    assert_eq!(world.count(Kind::PendingAuthorization).await, 0);
}

#[tokio::test]
async fn x18_a_person_who_denies_is_reported_to_the_client() {
    let world = world().await;
    world.is_in(Mood::Denies);
    assert_eq!(
        world.authorize(&[]).await.redirect()["error"],
        "access_denied"
    );
    world.is_in(Mood::Waits);
    world.authorize(&[]).await;
    let transaction = waiting(&world);
    let seen = answer(&world, world.server.deny(&transaction).await.unwrap()).await;
    assert_eq!(seen.redirect()["error"], "access_denied");
    let again = answer(&world, world.server.deny(&transaction).await.unwrap()).await;
    again.assert_page();
    assert_eq!(world.count(Kind::Grant).await, 0);
}

#[tokio::test]
async fn x18_an_address_that_the_client_has_given_up_is_not_answered() {
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    world.add("C9", facts(metadata.clone())).await;
    world.is_in(Mood::Waits);
    world.authorize(&[("client_id", "C9")]).await;
    metadata.redirect_uris = vec![RedirectUri::parse("https://good.example/new").unwrap()];
    world.replace("C9", facts(metadata)).await;
    let transaction = waiting(&world);
    let denied = world.server.deny(&transaction).await.unwrap();
    answer(&world, denied).await.assert_page();
    let approval = Approval::new("alice", ScopeSet::parse("read").unwrap());
    let approved = world.server.approve(&transaction, approval).await.unwrap();
    answer(&world, approved).await.assert_page();
    assert_eq!(world.count(Kind::Grant).await, 0);
}

#[tokio::test]
async fn x18_a_code_does_not_move_to_an_address_that_was_not_there_when_it_was_asked_for() {
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    world.add("C9", facts(metadata.clone())).await;
    world.is_in(Mood::Waits);
    // The request names no address, and the only one of the client changes meanwhile.
    let changes = [("client_id", "C9"), ("redirect_uri", "")];
    world.authorize(&changes).await;
    metadata.redirect_uris = vec![RedirectUri::parse("https://good.example/new").unwrap()];
    world.replace("C9", facts(metadata)).await;
    let approval = Approval::new("alice", ScopeSet::parse("read").unwrap());
    let approved = world
        .server
        .approve(&waiting(&world), approval)
        .await
        .unwrap();
    answer(&world, approved).await.assert_page();
    assert_eq!(world.count(Kind::Grant).await, 0);
}

#[tokio::test]
async fn x16_x17_a_transaction_is_answered_once_and_only_by_who_has_its_secret() {
    let world = world().await;
    world.is_in(Mood::Waits);
    world.authorize(&[]).await;
    let transaction = waiting(&world);
    assert!(transaction.reveal().len() >= 43);
    let approval = || Approval::new("alice", ScopeSet::parse("read").unwrap());
    for guess in ["", "guess", &transaction.reveal()[..42]] {
        let seen = world
            .server
            .approve(&Secret::new(guess), approval())
            .await
            .unwrap();
        answer(&world, seen).await.assert_page();
    }
    let (one, other) = tokio::join!(
        world.server.approve(&transaction, approval()),
        world.server.approve(&transaction, approval())
    );
    let seen = [
        answer(&world, one.unwrap()).await,
        answer(&world, other.unwrap()).await,
    ];
    let codes = seen
        .iter()
        .filter(|seen| seen.status == StatusCode::SEE_OTHER)
        .count();
    assert_eq!((codes, world.count(Kind::AuthorizationCode).await), (1, 1));
    // Ten minutes later it is gone.
    world.authorize(&[]).await;
    let transaction = waiting(&world);
    world.clock.advance(Lifetime::from_mins(10));
    let late = world
        .server
        .approve(&transaction, approval())
        .await
        .unwrap();
    answer(&world, late).await.assert_page();
    assert!(world.server.pending(&transaction).await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_can_allow_less_than_what_was_asked_for_and_never_more() {
    let world = world().await;
    world.is_in(Mood::Waits);
    world.authorize(&[("scope", "read")]).await;
    let approval = Approval::new("alice", ScopeSet::parse("read write admin").unwrap());
    let approved = world
        .server
        .approve(&waiting(&world), approval)
        .await
        .unwrap();
    let code = answer(&world, approved).await.redirect()["code"].clone();
    assert_eq!(world.redeem(&code, &[]).await.json()["scope"], "read");
}

#[tokio::test]
async fn as_20_as_22_as_23_a_good_answer_has_each_parameter_once() {
    let world = world().await;
    let told = world
        .authorize(&[("state", "a b&c=d\u{e9}")])
        .await
        .redirect();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["code", "iss", "state"]);
    assert_eq!(told["state"], "a b&c=d\u{e9}");
    let without = world.authorize(&[("state", "")]).await.redirect();
    assert_eq!(without.keys().collect::<Vec<_>>(), ["code", "iss"]);
    // RFC 6749 §3.1: without a value is as if it were not sent.
    let challenge = CodeVerifier::parse(VERIFIER).unwrap().challenge();
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "C1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", ""),
        ("scope", ""),
        ("resource", ""),
        ("prompt", ""),
    ]);
    let empty = world.get(&format!("/authorize?{query}")).await.redirect();
    assert_eq!(empty.keys().collect::<Vec<_>>(), ["code", "iss"]);
}

fn waiting(world: &World) -> Secret {
    world.person.transaction.lock().unwrap().clone().unwrap()
}

async fn answer(
    _world: &World,
    answer: countersign_authorization_server::exchange::Answer,
) -> Seen {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Seen {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
