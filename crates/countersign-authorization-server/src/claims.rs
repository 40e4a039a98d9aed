//! Claims that a user of the library adds to access tokens: RFC 9068 §2.2.3.

use std::fmt;

use countersign_oauth::access_token_claims::AddedClaims;

/// Adds claims to the signed access tokens of a subject. What this server decides about,
/// such as `sub` and `aud`, cannot be changed.
pub trait TokenClaims: fmt::Debug + Send + Sync + 'static {
    /// Adds to `claims` of an access token about `subject`, who is the client itself for
    /// client credentials. It must not block.
    fn add(&self, subject: &str, claims: &mut AddedClaims);
}
