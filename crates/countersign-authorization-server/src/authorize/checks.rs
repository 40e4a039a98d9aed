//! What this server allows a request: the response type, the resource and the scopes.

use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::resource_indicator::InvalidTarget;
use countersign_oauth::{ResourceUri, ScopeSet, requested_scope};

use crate::client::Client;
use crate::settings::Settings;

/// A code is asked for, by a client that may have one (RFC 6749 §4.1.1 and §3.1.1).
pub(super) fn response_type(
    request: &VerifiedRequest,
    client: &Client,
) -> Result<(), RequestRefusal> {
    request.check_response_type()?;
    if client.facts.metadata.allows(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(RequestRefusal::GrantTypeNotAllowed)
    }
}

/// The token is for a resource of ours; the first one, if the request does not say
/// (RFC 8707 §2).
pub(super) fn resource(
    request: &VerifiedRequest,
    settings: &Settings,
) -> Result<ResourceUri, RequestRefusal> {
    let selected = request.resource(&settings.resources)?;
    selected
        .or_else(|| settings.resources.first().cloned())
        .ok_or(RequestRefusal::Target(InvalidTarget::Unknown))
}

/// The scopes exist and are for this client (RFC 6749 §3.3).
///
/// `offline_access` asks for a refresh token. A client without that grant type gets none,
/// and the scope is left out instead of refusing the request.
pub(super) fn scope(
    request: &VerifiedRequest,
    client: &Client,
    settings: &Settings,
) -> Result<ScopeSet, RequestRefusal> {
    let metadata = &client.facts.metadata;
    let mut allowed = metadata.allowed_scopes(&settings.scopes);
    let mut default = settings.default_scopes.clone();
    if !metadata.allows(GrantType::RefreshToken) {
        allowed = allowed.without_offline_access();
        default = default.without_offline_access();
    }
    let requested = request.scope()?;
    Ok(requested_scope::decide(
        requested.as_ref(),
        &allowed,
        &default,
    )?)
}
