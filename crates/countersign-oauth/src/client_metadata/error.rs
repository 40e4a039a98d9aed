//! Why metadata is refused, and the code that the client is told: RFC 7591 §3.2.2.

use thiserror::Error;

use crate::json::JsonError;
use crate::redirect_uri::InvalidRedirectUri;
use crate::registration_error::RegistrationErrorCode;

/// Why client metadata is refused. The text is fixed and names the member.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMetadataError {
    /// The request is too long.
    #[error("the request is longer than 65536 bytes")]
    TooLong,
    /// The body is no strict JSON object.
    #[error("the body must be one JSON object without repeated members")]
    Json(JsonError),
    /// A redirection URI.
    #[error(transparent)]
    RedirectUri(#[from] InvalidRedirectUri),
    /// `token_endpoint_auth_method`.
    #[error("token_endpoint_auth_method is not supported")]
    AuthMethod,
    /// `grant_types`.
    #[error("grant_types has one that is not supported, or is not an array of texts")]
    GrantTypes,
    /// `response_types`.
    #[error("response_types has one that is not supported, or is not an array of texts")]
    ResponseTypes,
    /// `grant_types` and `response_types`, or the method of authentication, contradict.
    #[error(
        "grant_types, response_types and token_endpoint_auth_method contradict each other: \
         code needs authorization_code and the reverse, refresh_token needs authorization_code, \
         client_credentials needs authentication"
    )]
    Contradiction,
    /// `application_type`.
    #[error("application_type must be web or native")]
    ApplicationType,
    /// `client_name`, `contacts`, `software_id` or `software_version`.
    #[error("client_name, contacts, software_id or software_version is not a text or too long")]
    Text,
    /// `client_uri`, `logo_uri`, `tos_uri` or `policy_uri`.
    #[error("client_uri, logo_uri, tos_uri and policy_uri must be http or https addresses")]
    PageUri,
    /// `scope`.
    #[error("scope is malformed or has none of the scopes of this server")]
    Scope,
    /// `dpop_bound_access_tokens` is no boolean (RFC 9449 §5.2).
    #[error("dpop_bound_access_tokens must be true or false")]
    DpopBound,
    /// `jwks_uri`.
    #[error("jwks_uri must be an https address of a public host")]
    JwksUri,
    /// `jwks`.
    #[error("jwks must have 1 to 20 public keys that are fit for signatures")]
    Jwks,
    /// Keys missing for `private_key_jwt`, or given twice.
    #[error("private_key_jwt needs jwks or jwks_uri, not both")]
    Keys,
    /// The software statement is no signed token.
    #[error("software_statement is not a signed token")]
    SoftwareStatementInvalid,
    /// A software statement, which nobody is trusted to make.
    #[error("software_statement is signed by nobody who is trusted here")]
    SoftwareStatementUnapproved,
}

impl ClientMetadataError {
    /// The code that the client is told.
    pub const fn code(self) -> RegistrationErrorCode {
        match self {
            Self::RedirectUri(_) => RegistrationErrorCode::InvalidRedirectUri,
            Self::TooLong
            | Self::Json(_)
            | Self::AuthMethod
            | Self::GrantTypes
            | Self::ResponseTypes
            | Self::Contradiction
            | Self::ApplicationType
            | Self::Text
            | Self::PageUri
            | Self::Scope
            | Self::DpopBound
            | Self::JwksUri
            | Self::Jwks
            | Self::Keys => RegistrationErrorCode::InvalidClientMetadata,
            Self::SoftwareStatementInvalid => RegistrationErrorCode::InvalidSoftwareStatement,
            Self::SoftwareStatementUnapproved => RegistrationErrorCode::UnapprovedSoftwareStatement,
        }
    }
}
