//! Check 9: what the person is asked in any case (OpenID Connect Core §3.1.2.1).
//! Whether `none` can be honoured is for whoever asks.

use countersign_oauth::authorization_request::{Prompts, RequestRefusal, VerifiedRequest};

pub(super) fn check(request: &VerifiedRequest) -> Result<Prompts, RequestRefusal> {
    request.prompts()
}
