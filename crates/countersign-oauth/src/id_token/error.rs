//! Why an ID token is refused, for the audit log.

use thiserror::Error;

/// Why an ID token with a good signature is refused. The text never contains a part of
/// the token.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdTokenError {
    /// `typ`, `token_use` or the claim `typ` says that this is another kind of token.
    #[error("the token is not an ID token")]
    OtherKindOfToken,
    /// `iss` is absent or no text.
    #[error("the ID token names no issuer")]
    IssuerMissing,
    /// `iss` is not the expected one.
    #[error("the ID token was issued by somebody else")]
    IssuerMismatch,
    /// `sub` is absent, empty, too long or no text.
    #[error("the ID token names no usable subject")]
    Subject,
    /// `aud` is absent, or neither a text nor an array of texts.
    #[error("the ID token names no usable audience")]
    AudienceInvalid,
    /// `aud` does not contain the client.
    #[error("the ID token was issued for another application")]
    AudienceMismatch,
    /// There are several audiences and no `azp`, or `azp` is not the client.
    #[error("the ID token was issued to another application")]
    AuthorizedParty,
    /// `exp` is absent or no usable NumericDate.
    #[error("the ID token has no usable expiry time")]
    ExpiryInvalid,
    /// `exp` has passed.
    #[error("the ID token has expired")]
    Expired,
    /// `iat` is absent or no usable NumericDate.
    #[error("the ID token has no usable time of issue")]
    IssuedAtInvalid,
    /// `iat` or `nbf` is in the future.
    #[error("the ID token is not valid yet")]
    NotYetValid,
    /// `nonce` is absent, no text or not the one that was sent.
    #[error("the ID token belongs to another login")]
    Nonce,
    /// `at_hash` does not fit the access token.
    #[error("the ID token belongs to another access token")]
    AccessTokenHash,
}
