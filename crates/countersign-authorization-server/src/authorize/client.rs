//! Checks 1 and 2: the client is known, and the answer goes to an address of it
//! (RFC 6749 §3.1.2.3, RFC 9700 §2.1).

use countersign_oauth::authorization_request::{
    UnusableRequest, UnverifiedRequest, VerifiedRequest,
};

use crate::client::Client;

pub(super) fn verify_redirect(
    request: UnverifiedRequest,
    client: &Client,
) -> Result<VerifiedRequest, UnusableRequest> {
    let metadata = &client.facts.metadata;
    request.verify_redirect(&metadata.redirect_uris, metadata.application_type)
}
