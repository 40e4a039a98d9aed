//! The metadata of the server: RFC 8414 §3.

use countersign_oauth::ScopeToken;
use countersign_oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_oauth::server_metadata::ServerMetadata;
use http::header::{CACHE_CONTROL, PRAGMA};
use http::{HeaderValue, StatusCode};

use super::cors;
use crate::client::ASSERTION_ALGORITHMS;
use crate::exchange::{Answer, Incoming, json};
use crate::server::Inner;
use crate::settings::{AccessTokenFormat, Registration, Revocation};

pub(crate) fn metadata(inner: &Inner, incoming: &Incoming) -> Answer {
    if let Some(answer) = cors::other_method(incoming, "GET, HEAD") {
        return answer;
    }
    let mut answer = json(StatusCode::OK, document(inner).to_json());
    publish(&mut answer, "public, max-age=3600");
    cors::open(answer)
}

/// Public documents may be kept.
pub(super) fn publish(answer: &mut Answer, cache_control: &'static str) {
    let headers = answer.headers_mut();
    headers.remove(PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
}

fn document(inner: &Inner) -> ServerMetadata {
    let settings = &inner.settings;
    let mut metadata = ServerMetadata::new(
        settings.issuer.clone(),
        settings.address("/authorize"),
        settings.address("/token"),
    );
    metadata.jwks_uri =
        (settings.access_token_format == AccessTokenFormat::Jwt).then(|| settings.address("/jwks"));
    metadata.registration_endpoint =
        (settings.registration != Registration::Closed).then(|| settings.address("/register"));
    metadata.revocation_endpoint =
        (settings.revocation == Revocation::Offered).then(|| settings.address("/revoke"));
    metadata.introspection_endpoint = Some(settings.address("/introspect"));
    let listed = |scope: &&ScopeToken| !settings.concealed_scopes.contains(scope.as_str());
    metadata.scopes_supported = settings.scopes.iter().filter(listed).cloned().collect();
    metadata.grant_types = inner.machines.grant_types();
    metadata.identity_assertions = inner.machines.accepts_identity_assertions();
    metadata.auth_methods = TokenEndpointAuthMethod::ALL.to_vec();
    metadata.auth_signing_algorithms = ASSERTION_ALGORITHMS.to_vec();
    if let Some(possession) = &inner.possession {
        metadata.dpop_signing_algorithms = possession.algorithms().to_vec();
    }
    metadata.client_id_documents = inner.documents.is_some();
    metadata.revocation_bound = (settings.access_token_format == AccessTokenFormat::Jwt)
        .then_some(settings.lifetimes.revocation_bound);
    metadata.service_documentation = settings.service_documentation.clone();
    metadata
}
