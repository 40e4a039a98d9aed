//! Why a verified request is refused, for the audit log, and the code that the
//! client is told: RFC 6749 §4.1.2.1.

use std::fmt;

use crate::authorization_error::AuthorizationErrorCode;
use crate::pkce::PkceError;
use crate::requested_scope::ScopeRefusal;
use crate::resource_indicator::InvalidTarget;

/// Why a request with a verified address is refused. Its text is fixed, has no
/// part of the request in it and fits the characters of RFC 6749 §4.1.2.1, so
/// that the client may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestRefusal {
    /// A parameter other than `resource` is included more than once.
    Repeated,
    /// `state` is too long.
    StateTooLong,
    /// `request` was sent.
    RequestObject,
    /// `request_uri` was sent.
    RequestUri,
    /// `registration` was sent.
    Registration,
    /// `response_type` is missing.
    ResponseTypeMissing,
    /// `response_type` is not `code`.
    ResponseType,
    /// `response_mode` is not `query`.
    ResponseMode,
    /// `code_challenge` is missing (RFC 7636 §4.4.1, RFC 9700 §2.1.1).
    ChallengeMissing,
    /// `code_challenge_method` is missing, which means `plain`, or is not `S256`.
    ChallengeMethod,
    /// `code_challenge` does not fit its grammar.
    Challenge(PkceError),
    /// `dpop_jkt` is no thumbprint (RFC 9449 §10).
    Thumbprint,
    /// The resource is malformed or unknown.
    Target(InvalidTarget),
    /// The scope is malformed or not allowed.
    Scope(ScopeRefusal),
    /// `prompt` is unknown or contradicts itself.
    Prompt,
    /// `prompt=none` and nobody is logged in.
    LoginNeeded,
    /// `prompt=none` and consent must be asked.
    ConsentNeeded,
    /// The client may not use the authorization code grant.
    GrantTypeNotAllowed,
    /// The person, or a policy of the server, denied.
    Denied,
    /// A dependency, such as the store, is down for now.
    Unavailable,
}

impl RequestRefusal {
    /// The code that the client is told.
    pub const fn code(self) -> AuthorizationErrorCode {
        match self {
            Self::Repeated
            | Self::StateTooLong
            | Self::ResponseTypeMissing
            | Self::ResponseMode
            | Self::ChallengeMissing
            | Self::ChallengeMethod
            | Self::Challenge(_)
            | Self::Thumbprint
            | Self::Prompt => AuthorizationErrorCode::InvalidRequest,
            Self::RequestObject => AuthorizationErrorCode::RequestNotSupported,
            Self::RequestUri => AuthorizationErrorCode::RequestUriNotSupported,
            Self::Registration => AuthorizationErrorCode::RegistrationNotSupported,
            Self::ResponseType => AuthorizationErrorCode::UnsupportedResponseType,
            Self::Target(_) => AuthorizationErrorCode::InvalidTarget,
            Self::Scope(_) => AuthorizationErrorCode::InvalidScope,
            Self::LoginNeeded => AuthorizationErrorCode::LoginRequired,
            Self::ConsentNeeded => AuthorizationErrorCode::ConsentRequired,
            Self::GrantTypeNotAllowed => AuthorizationErrorCode::UnauthorizedClient,
            Self::Denied => AuthorizationErrorCode::AccessDenied,
            Self::Unavailable => AuthorizationErrorCode::TemporarilyUnavailable,
        }
    }

    /// A sentence for the developer of the client.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Repeated => "a parameter is included more than once",
            Self::StateTooLong => "state is longer than 4096 bytes",
            Self::RequestObject => "request objects are not supported",
            Self::RequestUri => "request_uri is not supported",
            Self::Registration => "registration within a request is not supported",
            Self::ResponseTypeMissing => "response_type is missing",
            Self::ResponseType => "response_type must be code",
            Self::ResponseMode => "response_mode must be query",
            Self::ChallengeMissing => "code_challenge is missing",
            Self::ChallengeMethod => "code_challenge_method must be S256",
            Self::Challenge(_) => "code_challenge must be 43 characters of base64url",
            Self::Thumbprint => "dpop_jkt must be 43 characters of base64url",
            Self::Target(_) => "resource is malformed, unknown, or names several resources",
            Self::Scope(_) => "scope is malformed, unknown or not allowed for this client",
            Self::Prompt => "prompt is unknown or contradicts itself",
            Self::LoginNeeded => "nobody is logged in and prompt is none",
            Self::ConsentNeeded => "consent is needed and prompt is none",
            Self::GrantTypeNotAllowed => "this client may not use the authorization code grant",
            Self::Denied => "the request was denied",
            Self::Unavailable => "the server is temporarily unable to handle the request",
        }
    }
}

impl fmt::Display for RequestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl std::error::Error for RequestRefusal {}

impl From<InvalidTarget> for RequestRefusal {
    fn from(reason: InvalidTarget) -> Self {
        Self::Target(reason)
    }
}

impl From<ScopeRefusal> for RequestRefusal {
    fn from(reason: ScopeRefusal) -> Self {
        Self::Scope(reason)
    }
}
