//! What administrators make.

use countersign_authorization_server::ClientError;
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::{
    ClientId, Lifetime, RedirectUri, ResourceUri, ScopeSet,
};
use countersign_authorization_server::overview::GrantsOf;
use countersign_authorization_server::settings::Registration;
use countersign_authorization_server::store::Kind;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::fixture::*;

fn service() -> ClientMetadata {
    let mut metadata = ClientMetadata::public(Vec::new());
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    metadata.grant_types = vec![GrantType::ClientCredentials];
    metadata
}

#[tokio::test]
async fn a_registered_client_has_a_secret_if_it_authenticates_with_one() {
    let world = world().await;
    let public = world
        .server
        .register_client(facts(ClientMetadata::public(Vec::new())));
    assert!(public.await.unwrap().secret.is_none());

    let client = world
        .server
        .register_client(facts(service()))
        .await
        .unwrap();
    let secret = client.secret.unwrap();
    let ask = async |secret: &str| {
        let authorization = basic(client.id.as_str(), secret);
        let asked = [("grant_type", "client_credentials")];
        world
            .post_with("/token", Some(&authorization), &asked)
            .await
    };
    ask(SECRET).await.assert_tok("invalid_client");
    assert_eq!(ask(secret.reveal()).await.status, StatusCode::OK);

    let found = world.server.client(&client.id).await.unwrap().unwrap();
    let registered = found.registered.unwrap();
    assert_eq!(registered.at, world.clock.now());
    assert_eq!(registered.expires_at, None);
    let other = world
        .server
        .register_client(facts(service()))
        .await
        .unwrap();
    assert_ne!(other.id, client.id);
    assert_ne!(other.secret.unwrap(), secret);
}

#[tokio::test]
async fn d17_an_initial_access_token_of_an_administrator_registers_one_client_in_time() {
    let mut settings = settings();
    settings.registration = Registration::InitialAccessToken;
    let world = world_with(settings, |builder| builder).await;
    let hour = Lifetime::from_hours(1);
    let good = world.server.initial_access_token(hour).await.unwrap();
    let late = world.server.initial_access_token(hour).await.unwrap();
    let register = async |token: &str| {
        let request = Request::post("/register")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::from(
                r#"{"redirect_uris":["https://good.example/cb"],"token_endpoint_auth_method":"none"}"#,
            ));
        world.send(request.unwrap()).await.status
    };
    assert_eq!(register("other").await, StatusCode::UNAUTHORIZED);
    assert_eq!(register(good.reveal()).await, StatusCode::CREATED);
    assert_eq!(register(good.reveal()).await, StatusCode::UNAUTHORIZED);
    world.clock.advance(hour);
    assert_eq!(register(late.reveal()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_test_token_ends_with_its_time_or_its_grant() {
    let world = world().await;
    let resource = ResourceUri::parse(RESOURCE).unwrap();
    let make = async |lifetime| {
        let scope = ScopeSet::parse("read").unwrap();
        let made = world
            .server
            .issue_test_token("hello", &resource, scope, lifetime);
        made.await.unwrap().reveal().to_owned()
    };
    let long = make(Lifetime::from_hours(1_000)).await;
    let short = make(Lifetime::from_secs(60)).await;
    assert!(world.is_active(&long).await && world.is_active(&short).await);
    world.clock.advance(Lifetime::from_secs(60));
    assert!(world.is_active(&long).await && !world.is_active(&short).await);

    let grants = world.server.grants(GrantsOf::Subject("hello"), None).await;
    let grants = grants.unwrap().entries;
    assert_eq!(grants.len(), 1, "{grants:?}");
    assert_eq!(
        (grants[0].scope.as_str(), grants[0].resource.as_str()),
        ("read", RESOURCE)
    );
    assert!(world.server.revoke_grant(&grants[0].id).await.unwrap());
    assert!(!world.is_active(&long).await);

    let capped = make(Lifetime::from_hours(1_000)).await;
    world
        .clock
        .advance(world.server.settings().lifetimes.access_token);
    assert!(!world.is_active(&capped).await);
    assert!(world.saw("test_token_issued"));
}

#[tokio::test]
async fn an_id_under_which_nobody_would_find_the_client_is_not_taken() {
    let world = world().await;
    let before = world.count(Kind::Client).await;
    let public = facts(ClientMetadata::public(vec![
        RedirectUri::parse(CALLBACK).unwrap(),
    ]));
    for id in ["app:1", "https://client.example/id", ":"] {
        let id = ClientId::parse(id).unwrap();
        let refused = world.server.add_client(&id, &public).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ClientError::IdIsAddress), "{refused}");
    }
    let known = ClientId::parse("C1").unwrap();
    let refused = world.server.add_client(&known, &public);
    assert!(matches!(refused.await.unwrap_err(), ClientError::Exists));
    let unknown = ClientId::parse("nobody").unwrap();
    let refused = world.server.replace_client(&unknown, &public);
    assert!(matches!(refused.await.unwrap_err(), ClientError::Changed));
    assert_eq!(world.count(Kind::Client).await, before);
}
