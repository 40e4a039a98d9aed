//! Why an assertion gets nobody a token, for the audit log.

use thiserror::Error;

use crate::json::JsonError;

/// Why an assertion with a good signature is refused; to the client it is
/// `invalid_grant` (RFC 7523 §3.1). The text never contains a part of the assertion.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionGrantError {
    /// The claims are no strict JSON object.
    #[error("the claims of the assertion cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `typ` says that this is another kind of token (RFC 8725 §3.11).
    #[error("the type in the header is not that of the assertion")]
    Type,
    /// The assertion is bound to a key (`cnf`, RFC 7800 §3.1) that was not proven with it, or
    /// in another way than by its thumbprint alone.
    #[error("the assertion is bound to a key that was not proved")]
    SenderConstrained,
    /// `iss` is not the issuer whose keys verified it (RFC 7523 §3, 1).
    #[error("the issuer of the assertion is another one")]
    Issuer,
    /// `aud` is not this server alone (RFC 7523 §3, 3).
    #[error("the audience of the assertion is not this server alone")]
    Audience,
    /// `sub` is no text of 1 to 1024 bytes without control characters.
    #[error("the assertion has no usable subject")]
    Subject,
    /// `exp` is missing or unusable (RFC 7523 §3, 4).
    #[error("the assertion has no usable expiry time")]
    ExpiryMissing,
    /// `exp` has passed.
    #[error("the assertion has expired")]
    Expired,
    /// `exp` is "unreasonably far in the future" (RFC 7523 §3, 4).
    #[error("the assertion is valid for too long")]
    ValidTooLong,
    /// `nbf` or `iat` is unusable or in the future, or `iat` is missing where it is required.
    #[error("the assertion is not valid yet, or does not say since when it is")]
    NotYetValid,
    /// `jti` is missing, no text, empty or too long (RFC 7523 §3, 7).
    #[error("the assertion has no usable id")]
    TokenId,
    /// `tenant` is no text, or not the tenant whose people the issuer vouches for.
    #[error("the assertion is about somebody of another tenant")]
    Tenant,
    /// `client_id` is not the client that presents the assertion.
    #[error("the assertion was made for another client")]
    Client,
    /// `resource` is missing, or is not one absolute URI.
    #[error("the assertion names no single resource")]
    Resource,
    /// `scope` is outside the grammar of RFC 6749 §3.3.
    #[error("the scope of the assertion is malformed")]
    Scope,
}
