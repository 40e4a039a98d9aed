//! Check 5: a code is asked for, by a client that may have one (RFC 6749 §4.1.1
//! and §3.1.1).

use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};
use countersign_oauth::grant_type::GrantType;

use crate::client::Client;

pub(super) fn check(request: &VerifiedRequest, client: &Client) -> Result<(), RequestRefusal> {
    request.check_response_type()?;
    if client.facts.metadata.allows(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(RequestRefusal::GrantTypeNotAllowed)
    }
}
