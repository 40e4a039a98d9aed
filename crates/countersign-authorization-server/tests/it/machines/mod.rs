//! Tokens without a browser: assertions of others, and exchanges.

mod bound;
mod configuration;
mod exchange;
mod identity;
mod once;
mod workload;

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign_authorization_server::oauth::{ResourceUri, Secret};
use countersign_authorization_server::store::{MemoryStore, Store};
use countersign_authorization_server::{AuthorizationServerBuilder, Settings};
use countersign_resource_server::Keys;
use serde_json::{Value, json};

use crate::fixture::*;

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const IDP: &str = "https://idp.test";
pub(crate) const PLATFORM: &str = "https://platform.test";
/// Another resource of the same server.
pub(crate) const UPSTREAM: &str = "https://rs.test/upstream";

/// An issuer of assertions.
pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let pem = SigningKey::generate_pkcs8_pem(Algorithm::ES256, &SystemRandom::new()).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
        Self {
            key: key.with_kid("k").unwrap(),
        }
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::key_set(json!({"keys": [self.key.public_jwk().unwrap()]}).to_string())
    }

    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        let payload = claims.to_string();
        sign_compact(typ, payload.as_bytes(), &self.key, &SystemRandom::new()).unwrap()
    }
}

/// `claims` with `changes`; null removes.
pub(crate) fn changed(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

pub(crate) fn two_resources() -> Settings {
    let mut settings = settings();
    settings
        .resources
        .push(ResourceUri::parse(UPSTREAM).unwrap());
    settings
}

/// A server with accounts of its own and the clients E, confidential and allowed every
/// grant of machines, F like it, W public for workloads, and those of the corpus.
pub(crate) async fn machines(
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> World {
    let world = machines_over(Arc::new(MemoryStore::new()), change);
    world.add_clients().await;
    add_machines(&world).await;
    world
}

pub(crate) fn machines_over(
    store: Arc<dyn Store>,
    change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
) -> World {
    world_over(store, two_resources(), |builder, _| change(builder))
}

pub(crate) async fn add_machines(world: &World) {
    let secret = Secret::new(SECRET);
    let mut metadata = ClientMetadata::public(Vec::new());
    metadata.grant_types = vec![GrantType::JwtBearer, GrantType::TokenExchange];
    world.add("W", facts(metadata.clone())).await;
    metadata.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
    for id in ["E", "F"] {
        let mut confidential = facts(metadata.clone()).with_secret(&secret, None);
        confidential.introspects = vec![RESOURCE.to_owned(), UPSTREAM.to_owned()];
        world.add(id, confidential).await;
    }
}

impl World {
    /// Presents `assertion` as `client`, which is public if it is W.
    pub(crate) async fn present(
        &self,
        client: &str,
        assertion: &str,
        more: &[(&str, &str)],
    ) -> Seen {
        let mut parameters = vec![("grant_type", JWT_BEARER), ("assertion", assertion)];
        parameters.extend(more);
        self.post_as(client, &parameters).await
    }

    /// Posts to the token endpoint as `client`.
    pub(crate) async fn post_as(&self, client: &str, parameters: &[(&str, &str)]) -> Seen {
        let mut parameters = parameters.to_vec();
        let authorization = match client {
            "W" | "C1" => {
                parameters.push(("client_id", client));
                None
            }
            _ => Some(basic(client, SECRET)),
        };
        self.post_with("/token", authorization.as_deref(), &parameters)
            .await
    }

    /// What E, which serves both resources, is told about `token`.
    pub(crate) async fn told_about(&self, token: &str) -> Value {
        let authorization = basic("E", SECRET);
        let parameters = [("token", token)];
        self.post_with("/introspect", Some(&authorization), &parameters)
            .await
            .json()
    }

    /// What was noted last of a refusal at the token endpoint.
    pub(crate) fn last_refusal(&self) -> String {
        let events = self.events.0.lock().unwrap();
        let mut refusals = events.iter().rev();
        let last = refusals.find(|event| event.starts_with("token_request_refused"));
        last.cloned().unwrap_or_default()
    }
}

/// The access token of an answer that has no refresh token.
pub(crate) fn only_access(seen: &Seen) -> String {
    assert_eq!(seen.status, 200, "{seen:?}");
    let json = seen.json();
    assert_eq!(json["refresh_token"], Value::Null);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    json["access_token"].as_str().unwrap().to_owned()
}
