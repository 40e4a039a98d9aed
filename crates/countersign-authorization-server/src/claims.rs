//! Claims that a user of the library adds to access tokens: RFC 9068 §2.2.3.

use std::fmt;

use countersign_oauth::access_token_claims::AccessTokenClaims;

/// Adds claims to the access tokens of a subject. What this server decides about,
/// such as `sub` and `aud`, cannot be changed.
pub trait TokenClaims: fmt::Debug + Send + Sync + 'static {
    /// Adds to `claims`, the access token about `subject`. It must not block.
    fn add(&self, subject: &str, claims: &mut AccessTokenClaims);
}

/// Adds nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PlainClaims;

impl TokenClaims for PlainClaims {
    fn add(&self, _subject: &str, _claims: &mut AccessTokenClaims) {}
}
