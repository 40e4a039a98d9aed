//! Check 6: every request has an S256 challenge, also of confidential clients
//! (RFC 7636 §4.3, RFC 9700 §2.1.1).

use countersign_oauth::authorization_request::{RequestRefusal, VerifiedRequest};
use countersign_oauth::pkce::CodeChallenge;

pub(super) fn check(request: &VerifiedRequest) -> Result<CodeChallenge, RequestRefusal> {
    request.code_challenge()
}
