//! ChatGPT.

use countersign::keys::SystemRandom;
use countersign::oauth::jose::{Algorithm, SigningKey, sign_compact};
use serde_json::{Value, json};

use super::player::{Missing, Player};
use super::world::{RESOURCE, Wishes, World};

const CALLBACK: &str = "https://chatgpt.com/connector_platform_oauth_redirect";
const DOCUMENT: &str = "https://chatgpt.com/oauth/client.json";
const KEYS: &str = "https://chatgpt.com/oauth/jwks.json";

/// It looks at the root for the resource, and for `OpenID` metadata first.
async fn discovered(world: &World) -> Player {
    let mut client = world.client("ChatGPT");
    client.challenge().await;
    let metadata = ["https://rs.test/.well-known/oauth-protected-resource"];
    let servers = [
        "https://rs.test/.well-known/openid-configuration",
        "https://rs.test/.well-known/oauth-authorization-server",
    ];
    client.discover(&metadata, &servers, Missing::GivesUp).await;
    client
}

fn registration() -> Value {
    json!({
        "client_name": "ChatGPT", "redirect_uris": [CALLBACK], "scope": "",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

#[tokio::test]
async fn chatgpt_sends_an_empty_scope_and_gets_the_default() {
    let world = World::new();
    let mut client = discovered(&world).await;
    client.register(&registration()).await;
    let extras = [("scope", ""), ("resource", RESOURCE)];
    let tokens = client.log_in(CALLBACK, &extras).await;
    assert_eq!(tokens.scope, "read write");
    client.hears(&tokens, "save", "kept for alice").await;
    let tokens = client
        .refresh(&tokens, &[("scope", ""), ("resource", RESOURCE)])
        .await;
    assert_eq!(tokens.scope, "read write");
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn chatgpt_asks_for_every_scope_of_the_metadata() {
    let world = World::new();
    let mut client = discovered(&world).await;
    client.register(&registration()).await;
    let offered = client.metadata["scopes_supported"].as_array().unwrap();
    let offered: Vec<_> = offered.iter().map(|name| name.as_str().unwrap()).collect();
    let scope = offered.join(" ");
    let extras = [("scope", scope.as_str()), ("resource", RESOURCE)];
    let tokens = client.log_in(CALLBACK, &extras).await;
    client.hears(&tokens, "admin_report", "All is well.").await;
}

#[tokio::test]
async fn chatgpt_proves_with_a_key_that_it_is_the_client_of_its_document() {
    let world = World::new();
    let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let key = key.with_kid("2026-11").unwrap();
    let document = json!({
        "client_id": DOCUMENT, "client_name": "ChatGPT", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS,
        "token_endpoint_auth_signing_alg": "ES256",
    });
    world.published.put(DOCUMENT, &document);
    world
        .published
        .put(KEYS, &json!({ "keys": [key.public_jwk()] }));

    let mut client = discovered(&world).await;
    let methods = &client.metadata["token_endpoint_auth_methods_supported"];
    assert!(
        methods
            .as_array()
            .unwrap()
            .contains(&json!("private_key_jwt"))
    );
    client.registration = json!({ "client_id": DOCUMENT });
    let issuer = client.metadata["issuer"].clone();
    let assertion = |id: &str| {
        let claims = json!({
            "iss": DOCUMENT, "sub": DOCUMENT, "aud": issuer, "jti": id,
            "iat": world.clock.now().as_secs(), "exp": world.clock.now().as_secs() + 60,
        });
        sign_compact(
            None,
            claims.to_string().as_bytes(),
            &key,
            &SystemRandom::new(),
        )
        .unwrap()
    };
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let code = client.code(CALLBACK, &[("resource", RESOURCE)]).await;
    let first = assertion("1");
    let proof = [
        ("client_assertion_type", kind),
        ("client_assertion", first.as_str()),
        ("resource", RESOURCE),
    ];
    let tokens = client.redeem(&code, CALLBACK, &proof).await;
    client.hears(&tokens, "whoami", "alice").await;
    let second = assertion("2");
    let proof = [
        ("client_assertion_type", kind),
        ("client_assertion", second.as_str()),
    ];
    let tokens = client.refresh(&tokens, &proof).await;
    client.hears(&tokens, "whoami", "alice").await;
}

#[tokio::test]
async fn a_resource_without_a_path_is_asked_for_with_and_without_a_slash() {
    for resource in ["https://rs.test", "https://rs.test/", "https://RS.test/"] {
        let world = World::wishing(Wishes {
            resource: "https://rs.test",
            ..Wishes::default()
        });
        let mut client = world.client("ChatGPT").at("https://rs.test");
        let challenge = client.challenge().await;
        let metadata = challenge.text("resource_metadata");
        let server = "https://rs.test/.well-known/oauth-authorization-server";
        client
            .discover(&[metadata], &[server], Missing::GivesUp)
            .await;
        client.register(&registration()).await;
        let extras = [("resource", resource)];
        let tokens = client.log_in(CALLBACK, &extras).await;
        client.hears(&tokens, "whoami", "alice").await;
        let tokens = client.refresh(&tokens, &extras).await;
        client.hears(&tokens, "whoami", "alice").await;
    }
}
