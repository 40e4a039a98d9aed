//! Who is let in: the examples that verify tokens, and those around other servers.

use countersign::JwtVerifier;
use countersign::client::ClientError;
use countersign::keys::{SystemRandom, TestToken};
use countersign::oauth::Secret;
use countersign::oauth::jose::{Algorithm, SigningKey, sign_compact};
use serde_json::json;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use super::{
    axum_layer, call, connect, custom_verifier, hmac, jwks, keys, now, rmcp_handler, start, token,
    tools,
};

#[tokio::test]
async fn jwks_verifies_with_the_published_keys() {
    let keys = keys();
    let issuer = FakeIssuerServer::start().await;
    issuer.answer("/jwks", ScriptedAnswer::json(keys.public_jwk_set()));
    let published = JwtVerifier::jwks(issuer.url("/jwks")).danger_allow_loopback();
    let server = start(jwks::server(published)).await;
    let good = TestToken::new("ada")
        .issuer("https://your-domain.auth0.com/")
        .audience("your-api-identifier")
        .sign(&keys, now(), &SystemRandom::new())
        .unwrap();
    let strange = connect(&server, Some(token(&keys, "ada", &[]))).await;
    assert!(matches!(strange, Err(ClientError::Unauthorized(_))));
    let client = connect(&server, Some(good)).await.unwrap();
    let greeting = call(&client, "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn hmac_verifies_with_the_shared_secret() {
    let sign = |secret: &Secret| {
        let key = SigningKey::from_hmac_secret(secret, Algorithm::HS256).unwrap();
        let expires_at = now().as_secs() + 60;
        let claims = json!({
            "iss": "internal-auth-service", "aud": "mcp-internal-api", "sub": "ada",
            "exp": expires_at,
        });
        let claims = claims.to_string();
        sign_compact(None, claims.as_bytes(), &key, &SystemRandom::new()).map(Secret::new)
    };
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    let other = Secret::new("fedcba9876543210fedcba9876543210");
    let server = start(hmac::server(secret.clone())).await;
    let strange = connect(&server, Some(sign(&other).unwrap())).await;
    assert!(matches!(strange, Err(ClientError::Unauthorized(_))));
    let client = connect(&server, Some(sign(&secret).unwrap())).await;
    let greeting = call(&client.unwrap(), "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn custom_verifier_lets_in_whoever_has_a_badge() {
    let badges = custom_verifier::Badges::default().hand_out("badge-1", "ada");
    let server = start(custom_verifier::server(badges)).await;
    for strange in ["badge-2", "ticket-1"] {
        let refused = connect(&server, Some(Secret::new(strange))).await;
        assert!(matches!(refused, Err(ClientError::Unauthorized(_))));
    }
    let client = connect(&server, Some(Secret::new("badge-1"))).await;
    let greeting = call(&client.unwrap(), "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn a_handler_of_the_sdk_is_protected_as_it_is() {
    let keys = keys();
    let server = start(rmcp_handler::server(keys.public_pem().into())).await;
    let anonymous = connect(&server, None).await;
    assert!(anonymous.is_err(), "{anonymous:?}");
    let ada = connect(&server, Some(token(&keys, "ada", &[]))).await;
    let ada = ada.unwrap();
    assert_eq!(tools(&ada).await, ["count"]);
    let refused = call(&ada, "reset", json!({})).await;
    let Err(ClientError::Forbidden(challenge)) = refused else {
        panic!("{refused:?}");
    };
    assert!(challenge.scope.contains("counter:reset"));
    assert_eq!(call(&ada, "count", json!({})).await.unwrap(), "One, ada.");
    let bob = connect(&server, Some(token(&keys, "bob", &["counter:reset"]))).await;
    let reset = call(&bob.unwrap(), "reset", json!({})).await;
    assert_eq!(reset.unwrap(), "Zero, bob.");
}

#[tokio::test]
async fn the_layer_protects_an_axum_application() {
    let keys = keys();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = testkit::Http::socket(&listener.local_addr().unwrap().to_string());
    let app = axum_layer::app(keys.public_pem().into()).unwrap();
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let token = |scopes: &[&str]| {
        TestToken::new("ada")
            .issuer("http://localhost:8000")
            .audience("my-api")
            .scopes(scopes.iter().copied())
            .sign(&keys, now(), &SystemRandom::new())
            .unwrap()
    };
    let get = async |path: &str, token: Option<Secret>| {
        let mut request = http.get(path);
        if let Some(token) = token {
            request = request.bearer(token.reveal());
        }
        let mut answer = request.send().await;
        (answer.status(), answer.text().await)
    };
    assert_eq!(get("/", None).await.0, 200);
    assert_eq!(get("/api/whoami", None).await.0, 401);
    let metadata = get("/.well-known/oauth-protected-resource/api", None).await;
    assert_eq!(metadata.0, 200);
    assert!(
        metadata
            .1
            .contains(r#""resource":"http://localhost:8000/api""#)
    );
    assert_eq!(get("/api/admin", Some(token(&[]))).await.0, 403);
    assert_eq!(
        get("/api/whoami", Some(token(&[]))).await,
        (200, "ada".to_owned())
    );
    assert_eq!(get("/api/admin", Some(token(&["admin"]))).await.0, 200);
    serving.abort();
}
