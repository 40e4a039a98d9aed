//! What the whole of the server promises: OAuth 2.1 as clients and operators meet it.

use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::uri::InvalidIdentifier;
use countersign_authorization_server::oauth::{
    Issuer, Lifetime, RedirectUri, ResourceUri, ScopeSet, Secret,
};
use countersign_authorization_server::settings::Registration;
use countersign_authorization_server::store::Kind;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Asked;
use super::standing::Standing;
use crate::fixture::*;

#[tokio::test]
async fn as_01_public_and_confidential_clients_get_and_renew_tokens() {
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    let facts = facts(metadata).with_secret(&Secret::new(SECRET), None);
    world.add("B", facts).await;
    let header = basic("B", SECRET);
    for (client, authorization, proof) in [
        ("C1", None, vec![("client_id", "C1")]),
        (
            "C3",
            None,
            vec![("client_id", "C3"), ("client_secret", SECRET)],
        ),
        ("B", Some(header.as_str()), vec![]),
    ] {
        let code = world.code(client).await;
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        parameters.extend(&proof);
        let seen = world.post_with("/token", authorization, &parameters).await;
        let (access, refresh) = tokens_of(&seen);
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", &refresh)];
        parameters.extend(&proof);
        let seen = world.post_with("/token", authorization, &parameters).await;
        let (renewed, _) = tokens_of(&seen);
        assert!(world.is_active(&access).await && world.is_active(&renewed).await);
    }
}

#[tokio::test]
async fn as_04_the_metadata_has_what_every_client_needs() {
    let world = world().await;
    let document = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(
        document["authorization_endpoint"],
        format!("{ISSUER}/authorize")
    );
    assert_eq!(document["token_endpoint"], format!("{ISSUER}/token"));
    // RFC 8414 §3.2: "Claims with zero elements MUST be omitted".
    for (name, value) in document.as_object().unwrap() {
        assert_ne!(value, &json!([]), "{name}");
        assert_ne!(value, &Value::Null, "{name}");
    }
}

async fn register(world: &World, authorization: Option<&str>, document: &Value) -> Seen {
    let mut request = Request::post("/register").header("content-type", "application/json");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let body = Full::from(document.to_string());
    world.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn as_15_an_answer_goes_over_tls_or_stays_on_the_computer() {
    let world = world().await;
    let mut standing = Standing::of(&world).await;
    for uri in [
        "http://good.example/cb",
        "http://127.0.0.2/cb",
        "http://192.168.0.1/cb",
        "http://localhost.evil.example/cb",
        "ftp://good.example/cb",
        "ws://good.example/cb",
    ] {
        let seen = register(&world, None, &json!({"redirect_uris": [uri]})).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(seen.json()["error"], "invalid_redirect_uri", "{uri}");
        standing.holds("AS-15", uri, &seen).await;
    }
    for uri in [
        CALLBACK,
        "http://127.0.0.1/cb",
        "http://localhost:1/cb",
        "http://[::1]/cb",
    ] {
        let seen = register(&world, None, &json!({"redirect_uris": [uri]})).await;
        assert_eq!(seen.status, StatusCode::CREATED, "{uri}");
    }
}

#[tokio::test]
async fn as_29_access_tokens_are_short_lived() {
    let world = world().await;
    let code = world.code("C1").await;
    let seen = world.redeem(&code, &[]).await;
    let (access, _) = tokens_of(&seen);
    let lifetime = seen.json()["expires_in"].as_u64().unwrap();
    assert!(lifetime <= 3_600, "{lifetime}");
    world.clock.advance(Lifetime::from_secs(lifetime - 1));
    assert!(world.is_active(&access).await);
    world.clock.advance(Lifetime::from_secs(1));
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn as_34_every_address_is_https_except_on_loopback() {
    for text in [
        "http://as.example",
        "http://192.168.0.1",
        "http://127.0.0.1.evil.example",
    ] {
        assert_eq!(
            Issuer::parse(text),
            Err(InvalidIdentifier::Scheme),
            "{text}"
        );
        assert_eq!(
            ResourceUri::parse(text),
            Err(InvalidIdentifier::Scheme),
            "{text}"
        );
    }
    let world = world().await;
    let document = world
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    let mut addresses = 0;
    for (name, value) in document.as_object().unwrap() {
        if name == "issuer" || name.ends_with("_endpoint") || name.ends_with("_uri") {
            assert!(value.as_str().unwrap().starts_with("https://"), "{name}");
            addresses += 1;
        }
    }
    assert!(addresses >= 7, "{document}");
}

#[tokio::test]
async fn as_41_a_registration_cannot_be_read_changed_or_deleted_afterwards() {
    let world = world().await;
    let document = json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"});
    let answer = register(&world, None, &document).await.json();
    // RFC 7592 is not offered, so that there is nothing to guess.
    for member in ["registration_client_uri", "registration_access_token"] {
        assert_eq!(answer.get(member), None);
    }
    let id = answer["client_id"].as_str().unwrap();
    let before = world.count(Kind::Client).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        for (path, status) in [
            (format!("/register/{id}"), StatusCode::NOT_FOUND),
            (
                format!("/register?client_id={id}"),
                StatusCode::METHOD_NOT_ALLOWED,
            ),
        ] {
            let request = Request::builder()
                .method(&method)
                .uri(&path)
                .header("authorization", "Bearer guess")
                .body(Full::from(document.to_string()));
            let seen = world.send(request.unwrap()).await;
            assert_eq!(seen.status, status, "{method} {path}");
            assert!(!seen.body.contains(id));
        }
    }
    assert_eq!(world.count(Kind::Client).await, before);
    world.code(id).await;
}

#[tokio::test]
async fn as_46_a_client_asks_in_vain_for_scopes_that_are_not_for_it() {
    let world = world().await;
    let mut metadata = ClientMetadata::public(vec![RedirectUri::parse(CALLBACK).unwrap()]);
    metadata.scope = Some(ScopeSet::parse("read").unwrap());
    world.add("R", facts(metadata)).await;
    let mut standing = Standing::of(&world).await;
    for scope in ["write", "read write"] {
        let asked = Asked::good().with("client_id", "R").with("scope", scope);
        let seen = asked.get(&world).await;
        super::assert_red("AS-46", &seen, "invalid_scope");
        standing.holds("AS-46", scope, &seen).await;
    }
    // Who asks for nothing in particular gets what is for it.
    let code = world.code("R").await;
    let seen = world.redeem(&code, &[("client_id", "R")]).await;
    assert_eq!(seen.json()["scope"], "read");
}

#[tokio::test]
async fn d16_the_token_of_a_person_makes_no_client_of_an_administrator() {
    let document = json!({
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic",
        "introspects": [RESOURCE], "source": "Administrator",
    });
    for (registration, status) in [
        (Registration::Closed, StatusCode::NOT_FOUND),
        (Registration::InitialAccessToken, StatusCode::UNAUTHORIZED),
        (Registration::Open, StatusCode::CREATED),
    ] {
        let mut settings = settings();
        settings.registration = registration;
        let world = world_with(settings, |builder| builder).await;
        let (access, refresh) = world.tokens().await;
        for token in [&access, &refresh] {
            let header = format!("Bearer {token}");
            let seen = register(&world, Some(&header), &document).await;
            assert_eq!(seen.status, status, "{registration:?}");
            assert!(!seen.body.contains(token.as_str()));
            if seen.status != StatusCode::CREATED {
                assert_eq!(world.count(Kind::Client).await, 4);
                continue;
            }
            // It is one that registered itself, with nothing that others have not.
            let answer = seen.json();
            let text = |name: &str| answer[name].as_str().unwrap().to_owned();
            let proof = basic(&text("client_id"), &text("client_secret"));
            let parameters = [("token", access.as_str())];
            let seen = world
                .post_with("/introspect", Some(&proof), &parameters)
                .await;
            assert_eq!(seen.body, r#"{"active":false}"#);
        }
        // Nor is there another way in.
        for path in ["/clients", "/admin/clients", "/admin", "/users"] {
            let request = Request::post(path)
                .header("authorization", format!("Bearer {access}"))
                .body(Full::from(document.to_string()));
            assert_eq!(
                world.send(request.unwrap()).await.status,
                StatusCode::NOT_FOUND
            );
        }
    }
}
