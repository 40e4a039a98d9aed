//! Exchanging the token with which a resource server was called: RFC 8693, row C42.

use countersign_authorization_server::TokenExchange;
use countersign_authorization_server::oauth::{ClientId, Lifetime};
use countersign_authorization_server::store::Kind;
use serde_json::{Value, json};

use super::*;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// E serves the first resource and calls the second one.
async fn chained() -> World {
    let world = world_with(two_resources(), |builder| {
        builder
            .token_exchange(TokenExchange::new("E", RESOURCE, UPSTREAM).scopes(["read"]))
            .token_exchange(TokenExchange::new("W", RESOURCE, UPSTREAM).scopes(["read"]))
    })
    .await;
    add_machines(&world).await;
    world
}

impl World {
    /// Exchanges `token` as `client` with `changes`; an empty value removes.
    async fn exchange(&self, client: &str, token: &str, changes: &[(&str, &str)]) -> Seen {
        let mut parameters = vec![
            ("grant_type", EXCHANGE),
            ("subject_token", token),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", UPSTREAM),
        ];
        parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.post_as(client, &parameters).await
    }
}

#[tokio::test]
async fn c42_a_request_for_an_exchange_that_breaks_a_rule_is_refused() {
    let world = chained().await;
    let (token, refresh) = world.tokens().await;
    let other = "urn:ietf:params:oauth:token-type:jwt";
    for (changes, error) in [
        (vec![("subject_token", "")], "invalid_request"),
        (vec![("subject_token", "guessed")], "invalid_request"),
        (vec![("subject_token", refresh.as_str())], "invalid_request"),
        (vec![("subject_token_type", "")], "invalid_request"),
        (vec![("subject_token_type", other)], "invalid_request"),
        (vec![("requested_token_type", other)], "invalid_request"),
        (vec![("actor_token", "x")], "invalid_request"),
        (vec![("actor_token_type", ACCESS_TOKEN)], "invalid_request"),
        (vec![("resource", "https://evil.test")], "invalid_target"),
        (vec![("resource", RESOURCE)], "invalid_target"),
        (vec![("resource", "x")], "invalid_target"),
        (vec![("audience", "https://evil.test")], "invalid_target"),
        (vec![("audience", RESOURCE)], "invalid_target"),
        (vec![("scope", "write")], "invalid_scope"),
        (vec![("scope", "read write")], "invalid_scope"),
        (vec![("scope", "admin")], "invalid_scope"),
    ] {
        let seen = world.exchange("E", &token, &changes).await;
        seen.assert_tok(error);
    }
    // A client without a rule, and a public one with a rule.
    for client in ["F", "W", "C1"] {
        let seen = world.exchange(client, &token, &[]).await;
        seen.assert_tok("unauthorized_client");
    }
    assert!(world.is_active(&token).await);
}

#[tokio::test]
async fn c42_a_token_for_another_resource_or_one_that_has_ended_is_not_exchanged() {
    let world = chained().await;
    let (token, _) = world.tokens().await;
    let upstream = only_access(&world.exchange("E", &token, &[]).await);
    // What E got for the resource that it calls was not shown to it by anybody.
    let seen = world.exchange("E", &upstream, &[]).await;
    seen.assert_tok("invalid_request");
    let (withdrawn, _) = world.tokens().await;
    let parameters = [("token", withdrawn.as_str()), ("client_id", "C1")];
    assert_eq!(world.post("/revoke", &parameters).await.status, 200);
    let seen = world.exchange("E", &withdrawn, &[]).await;
    seen.assert_tok("invalid_request");
    world.clock.advance(Lifetime::from_secs(3_600));
    let seen = world.exchange("E", &token, &[]).await;
    seen.assert_tok("invalid_request");
}

#[tokio::test]
async fn an_exchanged_token_says_who_acts_and_is_short_and_narrow() {
    let world = chained().await;
    let (token, _) = world.tokens().await;
    let seen = world.exchange("E", &token, &[]).await;
    let exchanged = only_access(&seen);
    let answer = seen.json();
    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["scope"], "read");
    let told = world.told_about(&exchanged).await;
    assert_eq!(told["sub"], "alice");
    assert_eq!(told["aud"], UPSTREAM);
    assert_eq!(told["client_id"], "E");
    assert_eq!(told["scope"], "read");
    assert_eq!(told["act"], json!({"sub": "E"}));
    // The signed token says the same.
    let claims = exchanged.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    assert_eq!(claims["act"], json!({"sub": "E"}));
    assert_eq!(claims["aud"], UPSTREAM);
    // The audience is another word for the resource; saying nothing means the only one.
    let named = [("resource", ""), ("audience", UPSTREAM)];
    only_access(&world.exchange("E", &token, &named).await);
    only_access(&world.exchange("E", &token, &[("resource", "")]).await);
    assert!(world.saw("tokens_issued client=E grant="));
    // It does not live longer than what it was got with.
    world.clock.advance(Lifetime::from_secs(3_400));
    let last = world.exchange("E", &token, &[]).await;
    assert_eq!(last.json()["expires_in"], 200);
}

#[tokio::test]
async fn an_exchanged_token_ends_with_the_grant_of_its_subject_and_with_its_client() {
    let world = chained().await;
    let (token, refresh) = world.tokens().await;
    let exchanged = only_access(&world.exchange("E", &token, &[]).await);
    // Whoever got it can give it back, which takes nothing of its person along.
    let spare = only_access(&world.exchange("E", &token, &[]).await);
    let authorization = basic("E", SECRET);
    let parameters = [("token", spare.as_str())];
    let seen = world.post_with("/revoke", Some(&authorization), &parameters);
    assert_eq!(seen.await.status, 200);
    assert_eq!(world.told_about(&spare).await["active"], false);
    assert_eq!(world.told_about(&exchanged).await["active"], true);
    // The client of the grant revokes it.
    let parameters = [("token", refresh.as_str()), ("client_id", "C1")];
    assert_eq!(world.post("/revoke", &parameters).await.status, 200);
    assert_eq!(world.told_about(&exchanged).await["active"], false);
    // A client that is deleted has nothing of others either.
    let (token, _) = world.tokens().await;
    let exchanged = only_access(&world.exchange("E", &token, &[]).await);
    let id = ClientId::parse("E").unwrap();
    world.server.delete_client(&id).await.unwrap();
    assert!(world.is_active(&token).await);
    let authorization = basic("F", SECRET);
    let parameters = [("token", exchanged.as_str())];
    let seen = world.post_with("/introspect", Some(&authorization), &parameters);
    assert_eq!(seen.await.json()["active"], false);
    assert_eq!(world.count(Kind::AccessToken).await, 1);
}

#[tokio::test]
async fn a_person_who_allows_nothing_any_more_is_acted_for_by_nobody() {
    let world = chained().await;
    let (token, _) = world.tokens().await;
    *world.person.enabled.lock().unwrap() = false;
    let seen = world.exchange("E", &token, &[]).await;
    seen.assert_tok("invalid_request");
}

#[tokio::test]
async fn actors_are_named_in_their_order_and_there_are_four_at_most() {
    let world = world_with(two_resources(), |builder| {
        builder
            .token_exchange(TokenExchange::new("E", RESOURCE, UPSTREAM).scopes(["read"]))
            .token_exchange(TokenExchange::new("F", UPSTREAM, RESOURCE).scopes(["read"]))
    })
    .await;
    add_machines(&world).await;
    let (mut token, _) = world.tokens().await;
    for (client, target) in [
        ("E", UPSTREAM),
        ("F", RESOURCE),
        ("E", UPSTREAM),
        ("F", RESOURCE),
    ] {
        let more = [("resource", target)];
        token = only_access(&world.exchange(client, &token, &more).await);
    }
    let act = world.told_about(&token).await["act"].clone();
    let before = json!({"sub": "F", "act": {"sub": "E"}});
    assert_eq!(act, json!({"sub": "F", "act": {"sub": "E", "act": before}}));
    let seen = world.exchange("E", &token, &[]).await;
    seen.assert_tok("invalid_request");
}
