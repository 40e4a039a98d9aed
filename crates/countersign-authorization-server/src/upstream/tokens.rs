//! What a provider issues: RFC 6749 §5.1.

use countersign_oauth::{Secret, UnixTime};

/// The tokens of a person at a provider. They are for requests to that provider, and
/// never reach a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTokens {
    /// The access token, a bearer token (RFC 6750).
    pub access_token: Secret,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, as far as the provider says it.
    pub expires_at: Option<UnixTime>,
    /// What it permits, names separated by blanks; nothing if the provider does not say
    /// it, which means what was asked, or what it was before (RFC 6749 §5.1 and §6).
    pub scope: Option<String>,
}
