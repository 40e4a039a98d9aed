//! Checks 3 and 4: no parameter is repeated (RFC 6749 §3.1), and there is no
//! request object (OpenID Connect Core §6).

use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};

pub(super) fn check(request: &VerifiedRequest) -> Result<(), RequestRefusal> {
    request.check_parameters()?;
    request.check_request_object()
}
