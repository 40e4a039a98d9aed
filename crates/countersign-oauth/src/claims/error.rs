//! Why the claims of a token are refused, for the audit log.

use thiserror::Error;

use crate::dpop::Thumbprint;
use crate::json::JsonError;

/// Why a token with a good signature is refused. The text never contains a part of the token.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimsError {
    /// The payload is no strict JSON object.
    #[error("the claims cannot be read: {0}")]
    Json(JsonError),
    /// `typ` says that this is another kind of token (RFC 9068 §4, RFC 8725 §3.11).
    #[error("the type in the header is not that of an access token")]
    Type,
    /// The claims are those of an ID token or a refresh token (RFC 8725 §3.12).
    #[error("the claims are those of another kind of token")]
    OtherKindOfToken,
    /// The token is bound to a key (`cnf`), so that it is no bearer token (RFC 7800 §3.1).
    #[error("the token is bound to a key of its holder and cannot be used as a bearer token")]
    SenderConstrained,
    /// A proof of possession came with a token that is bound to no key (RFC 9449 §7.1).
    #[error("the token is bound to no key, and came with a proof of possession")]
    NotBound,
    /// The token is bound to another key than the proven one (RFC 9449 §7.1).
    #[error("the token is bound to another key than that of the proof")]
    OtherKey,
    /// `cnf` is no binding to a key by `jkt` alone (RFC 9449 §6.1).
    #[error("the token is bound in a way that is not supported")]
    ConfirmationInvalid,
    /// `iss` is absent.
    #[error("the token names no issuer")]
    IssuerMissing,
    /// `iss` is no string.
    #[error("the issuer is not a text")]
    IssuerInvalid,
    /// `iss` is not one of the accepted issuers.
    #[error("the issuer of the token is not accepted here")]
    IssuerMismatch,
    /// `aud` is absent.
    #[error("the token names no audience")]
    AudienceMissing,
    /// `aud` is neither a non-empty string nor a non-empty array of them.
    #[error("the audience is not a text or an array of texts")]
    AudienceInvalid,
    /// `aud` names none of the accepted audiences, or another one where that is refused.
    #[error("the token is meant for another audience")]
    AudienceMismatch,
    /// `sub` is absent.
    #[error("the token names no subject")]
    SubjectMissing,
    /// `sub` is no string, empty, too long or has control characters.
    #[error("the subject is not a text of 1 to 1024 bytes without control characters")]
    SubjectInvalid,
    /// `exp` is absent.
    #[error("the token has no expiry time")]
    ExpiryMissing,
    /// `exp` is no usable NumericDate.
    #[error("the expiry time is not a usable number")]
    ExpiryInvalid,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is no usable NumericDate.
    #[error("the start of validity is not a usable number")]
    NotBeforeInvalid,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is no usable NumericDate.
    #[error("the time of issue is not a usable number")]
    IssuedAtInvalid,
    /// `iat` is in the future.
    #[error("the token was issued in the future")]
    IssuedInTheFuture,
    /// `iat` is after `exp`.
    #[error("the token was issued after it expired")]
    IssuedAfterExpiry,
    /// The lifetime is longer than the policy allows.
    #[error("the lifetime of the token is longer than allowed here")]
    LifetimeTooLong,
    /// A scope claim is neither a string nor an array of strings.
    #[error("the scopes are neither a text nor an array of texts")]
    ScopeInvalid,
    /// `client_id` or `azp` is no string.
    #[error("the client id is not a text")]
    ClientIdInvalid,
    /// `jti` is no string.
    #[error("the token id is not a text")]
    TokenIdInvalid,
    /// A claim that the policy requires is absent or null.
    #[error("a required claim is absent")]
    RequiredClaimMissing,
    /// A claim that the policy requires is no NumericDate, or one in the future.
    #[error("a claim that has to be a time in the past is none")]
    NotPast,
}

impl ClaimsError {
    /// What is wrong with presenting a token that is bound to the key `bound`, or to none,
    /// with a proof of `proven`, or with none (RFC 9449 §7.1, §7.2).
    pub fn of_binding(bound: Option<&Thumbprint>, proven: Option<&Thumbprint>) -> Option<Self> {
        match (bound, proven) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::NotBound),
            (Some(_), None) => Some(Self::SenderConstrained),
            (Some(bound), Some(proven)) => (bound != proven).then_some(Self::OtherKey),
        }
    }
}

/// Why a policy cannot be made. The text says what to change.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither an issuer nor an audience is set.
    #[error(
        "set an issuer, an audience, or both: without them a token made for any other service \
         would be accepted here"
    )]
    NothingExpected,
    /// An issuer or audience is the empty text.
    #[error("an issuer or audience is empty; remove it or set its value")]
    EmptyValue,
    /// The leeway is above five minutes.
    #[error("the leeway is {0} seconds; at most 300 are allowed")]
    LeewayTooLong(u64),
    /// The maximum lifetime is zero.
    #[error("the maximum lifetime is zero, which would refuse every token")]
    NoLifetime,
}
