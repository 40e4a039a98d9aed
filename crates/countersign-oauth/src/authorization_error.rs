//! Error codes of the authorization endpoint: RFC 6749 §4.1.2.1.
//!
//! These reach the client by a redirect. What must not be redirected, such as
//! an unknown client, has no code here and is shown to the person instead.

/// A code of an authorization error response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever answers must decide about each code"
)]
pub enum AuthorizationErrorCode {
    /// A parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1).
    InvalidRequest,
    /// The client may not use this method (RFC 6749 §4.1.2.1).
    UnauthorizedClient,
    /// The person or the server said no (RFC 6749 §4.1.2.1).
    AccessDenied,
    /// Only `code` is supported (RFC 6749 §4.1.2.1).
    UnsupportedResponseType,
    /// A scope is unknown, malformed or not for this client (RFC 6749 §4.1.2.1).
    InvalidScope,
    /// Something unexpected happened here (RFC 6749 §4.1.2.1).
    ServerError,
    /// A dependency is down for now (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable,
    /// The resource is unknown or malformed (RFC 8707 §2).
    InvalidTarget,
    /// `prompt=none` and nobody is logged in (OpenID Connect Core §3.1.2.6).
    LoginRequired,
    /// `prompt=none` and consent is needed (OpenID Connect Core §3.1.2.6).
    ConsentRequired,
    /// `prompt=none` and something else must be asked (OpenID Connect Core §3.1.2.6).
    InteractionRequired,
    /// `request` is not supported (OpenID Connect Core §3.1.2.6).
    RequestNotSupported,
    /// `request_uri` is not supported (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported,
    /// `registration` is not supported (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported,
}

impl AuthorizationErrorCode {
    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
        }
    }
}
