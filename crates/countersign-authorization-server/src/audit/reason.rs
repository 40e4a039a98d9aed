//! Why something was refused, as one stable word of a closed list. `docs/audit.md` lists
//! them; none is ever renamed.

use countersign_oauth::authorization_error::AuthorizationErrorCode;
use countersign_oauth::registration_error::RegistrationErrorCode;
use countersign_oauth::token_error::TokenErrorCode;
use http::StatusCode;

use crate::upstream::UpstreamError;

/// Why something was refused, or why nothing could be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditReason {
    /// What a client that asked for an authorization was told (RFC 6749 §4.1.2.1).
    Authorization(AuthorizationErrorCode),
    /// What a client that asked for tokens was told (RFC 6749 §5.2).
    Token(TokenErrorCode),
    /// What a client that registered itself was told (RFC 7591 §3.2.2).
    Registration(RegistrationErrorCode),
    /// All that is known is the status of the answer (RFC 9110 §15.5).
    Status(StatusCode),
    /// Too many attempts.
    RateLimited,
    /// There is no such client.
    UnknownClient,
    /// An authorization request that nobody can be answered to.
    MalformedRequest,
    /// The answer was to go to an address that the client has not.
    ForeignRedirectUri,
    /// The initial access token is missing, unknown or was used.
    NoInitialAccessToken,
    /// The token is of another client.
    OtherClient,
    /// The token is for another resource.
    OtherResource,
    /// The name or the password is wrong.
    WrongPassword,
    /// A link that was used, has expired or is none of ours.
    UnusableLink,
    /// A form of another page or another login.
    ForgedForm,
    /// What came back from a provider is no answer.
    MalformedCallback,
    /// Its state is unknown, expired or was used.
    UnknownState,
    /// It is the state of another provider.
    OtherProvider,
    /// It is the state of another browser.
    OtherBrowser,
    /// It is the answer of another issuer.
    OtherIssuer,
    /// The person logged in and may not in, by the rules of the operator.
    NotAllowed,
    /// It is not certain who logged in.
    NotProven,
    /// The account is disabled, or there is none any more.
    DisabledAccount,
    /// A provider did not answer.
    ProviderUnavailable,
    /// A provider refused.
    ProviderRefused,
    /// What a provider answered is no answer.
    BadAnswer,
    /// Something that is needed, such as the store, was down.
    Unavailable,
}

impl AuditReason {
    /// Every word that [`Self::word`] can be, and those of [`super::ClientRefusal`].
    pub const WORDS: &[&str] = &[
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "invalid_target",
        "login_required",
        "consent_required",
        "interaction_required",
        "request_not_supported",
        "request_uri_not_supported",
        "registration_not_supported",
        "invalid_client",
        "invalid_grant",
        "unsupported_grant_type",
        "unsupported_token_type",
        "use_dpop_nonce",
        "invalid_dpop_proof",
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "invalid_software_statement",
        "unapproved_software_statement",
        "method_not_allowed",
        "not_acceptable",
        "body_too_slow",
        "body_too_large",
        "unsupported_media_type",
        "not_found",
        "rate_limited",
        "unknown_client",
        "malformed_request",
        "foreign_redirect_uri",
        "no_initial_access_token",
        "other_client",
        "other_resource",
        "wrong_password",
        "unusable_link",
        "forged_form",
        "malformed_callback",
        "unknown_state",
        "other_provider",
        "other_browser",
        "other_issuer",
        "not_allowed",
        "not_proven",
        "disabled_account",
        "provider_unavailable",
        "provider_refused",
        "bad_answer",
        "unavailable",
        "malformed_credential",
        "wrong_secret",
        "bad_assertion",
        "replayed_assertion",
        "no_keys",
        "public_client",
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authorization(code) => code.as_str(),
            Self::Token(code) => code.as_str(),
            Self::Registration(code) => code.as_str(),
            Self::Status(status) => of_status(status),
            Self::RateLimited => "rate_limited",
            Self::UnknownClient => "unknown_client",
            Self::MalformedRequest => "malformed_request",
            Self::ForeignRedirectUri => "foreign_redirect_uri",
            Self::NoInitialAccessToken => "no_initial_access_token",
            Self::OtherClient => "other_client",
            Self::OtherResource => "other_resource",
            Self::WrongPassword => "wrong_password",
            Self::UnusableLink => "unusable_link",
            Self::ForgedForm => "forged_form",
            Self::MalformedCallback => "malformed_callback",
            Self::UnknownState => "unknown_state",
            Self::OtherProvider => "other_provider",
            Self::OtherBrowser => "other_browser",
            Self::OtherIssuer => "other_issuer",
            Self::NotAllowed => "not_allowed",
            Self::NotProven => "not_proven",
            Self::DisabledAccount => "disabled_account",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderRefused => "provider_refused",
            Self::BadAnswer => "bad_answer",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<&UpstreamError> for AuditReason {
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Unavailable(_) => Self::ProviderUnavailable,
            UpstreamError::BadAnswer(_) => Self::BadAnswer,
            UpstreamError::Refused(_) => Self::ProviderRefused,
            UpstreamError::Identity(_) => Self::NotProven,
            UpstreamError::NotAllowed(_) => Self::NotAllowed,
        }
    }
}

const fn of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::NOT_ACCEPTABLE => "not_acceptable",
        StatusCode::REQUEST_TIMEOUT => "body_too_slow",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        _ => "invalid_request",
    }
}
