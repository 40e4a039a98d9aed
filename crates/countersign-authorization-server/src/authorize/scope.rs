//! Check 8: the scopes exist and are for this client (RFC 6749 §3.3).
//!
//! `offline_access` asks for a refresh token. A client without that grant type gets
//! none, and the scope is left out instead of refusing the request.

use countersign_oauth::ScopeSet;
use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::requested_scope;

use crate::client::Client;
use crate::settings::Settings;

const OFFLINE_ACCESS: &str = "offline_access";

pub(super) fn check(
    request: &VerifiedRequest,
    client: &Client,
    settings: &Settings,
) -> Result<ScopeSet, RequestRefusal> {
    let metadata = &client.facts.metadata;
    let allowed = metadata.allowed_scopes(&settings.scopes);
    let default = &settings.default_scopes;
    let requested = request.scope()?;
    let scopes = if metadata.allows(GrantType::RefreshToken) {
        requested_scope::decide(requested.as_ref(), &allowed, default)?
    } else {
        let (allowed, default) = (
            without_offline_access(&allowed),
            without_offline_access(default),
        );
        requested_scope::decide(requested.as_ref(), &allowed, &default)?
    };
    Ok(scopes)
}

fn without_offline_access(scopes: &ScopeSet) -> ScopeSet {
    let kept = scopes
        .iter()
        .filter(|scope| scope.as_str() != OFFLINE_ACCESS);
    kept.cloned().collect()
}
