//! Check 7: the token is for a resource of ours; the first one, if the request does
//! not say (RFC 8707 §2).

use countersign_oauth::ResourceUri;
use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};
use countersign_oauth::resource_indicator::InvalidTarget;

use crate::settings::Settings;

pub(super) fn check(
    request: &VerifiedRequest,
    settings: &Settings,
) -> Result<ResourceUri, RequestRefusal> {
    let selected = request.resource(&settings.resources)?;
    selected
        .or_else(|| settings.resources.first().cloned())
        .ok_or(RequestRefusal::Target(InvalidTarget::Unknown))
}
