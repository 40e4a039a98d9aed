//! The token request: RFC 6749 §4.1.3, §4.4.2 and §6, RFC 7636 §4.5, RFC 8707 §2.2,
//! RFC 7523 §2.1, RFC 8693 §2.1.
//!
//! The client is authenticated from the same form before
//! ([`client_authentication`](crate::client_authentication)). Whether a code or
//! token is known is for the store.

use thiserror::Error;

use crate::form::{Form, Repeated};
use crate::grant_type::GrantType;
use crate::pkce::{CodeVerifier, PkceError};
use crate::requested_scope::{self, ScopeRefusal};
use crate::token_error::TokenErrorCode;
use crate::token_exchange::{ExchangeRequestError, TokenExchangeRequest};
use crate::{ScopeSet, Secret};

/// Why a token request cannot be read, for the audit log.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenRequestError {
    /// A parameter other than `resource` is included more than once.
    #[error("a parameter is included more than once")]
    Repeated,
    /// `grant_type` is missing.
    #[error("grant_type is missing")]
    GrantTypeMissing,
    /// No grant type of this server.
    #[error("grant_type is not supported")]
    GrantTypeUnknown,
    /// `code` is missing.
    #[error("code is missing")]
    CodeMissing,
    /// `refresh_token` is missing.
    #[error("refresh_token is missing")]
    RefreshTokenMissing,
    /// `assertion` is missing (RFC 7523 §2.1).
    #[error("assertion is missing")]
    AssertionMissing,
    /// The request for an exchange (RFC 8693 §2.1) lacks something or asks for what is
    /// not done here.
    #[error(transparent)]
    Exchange(#[from] ExchangeRequestError),
    /// `code_verifier` does not fit its grammar.
    #[error(transparent)]
    Verifier(#[from] PkceError),
    /// `scope` is malformed.
    #[error(transparent)]
    Scope(#[from] ScopeRefusal),
}

impl TokenRequestError {
    /// The code that the client is told.
    pub const fn code(self) -> TokenErrorCode {
        match self {
            Self::Repeated
            | Self::GrantTypeMissing
            | Self::CodeMissing
            | Self::RefreshTokenMissing
            | Self::AssertionMissing
            | Self::Exchange(_)
            | Self::Verifier(_) => TokenErrorCode::InvalidRequest,
            Self::GrantTypeUnknown => TokenErrorCode::UnsupportedGrantType,
            Self::Scope(_) => TokenErrorCode::InvalidScope,
        }
    }
}

impl From<Repeated> for TokenRequestError {
    fn from(_: Repeated) -> Self {
        Self::Repeated
    }
}

/// What a client asks the token endpoint for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenRequest {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(AuthorizationCodeRequest),
    /// RFC 6749 §6.
    RefreshToken(RefreshTokenRequest),
    /// RFC 6749 §4.4.2.
    ClientCredentials(ClientCredentialsRequest),
    /// RFC 7523 §2.1.
    JwtBearer(JwtBearerRequest),
    /// RFC 8693 §2.1.
    TokenExchange(TokenExchangeRequest),
}

/// A code to be redeemed (RFC 6749 §4.1.3). A `scope` beside it is ignored:
/// what was consented to is granted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorizationCodeRequest {
    /// The code.
    pub code: Secret,
    /// `redirect_uri` as it was sent.
    pub redirect_uri: Option<String>,
    /// The proof (RFC 7636 §4.5).
    pub code_verifier: Option<CodeVerifier>,
    /// All values of `resource` (RFC 8707 §2.2).
    pub resource: Vec<String>,
}

/// A refresh token to be rotated (RFC 6749 §6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshTokenRequest {
    /// The refresh token.
    pub refresh_token: Secret,
    /// A part of what was granted; all of it if absent.
    pub scope: Option<ScopeSet>,
    /// All values of `resource` (RFC 8707 §2.2).
    pub resource: Vec<String>,
}

/// A token for the client itself (RFC 6749 §4.4.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCredentialsRequest {
    /// What the client asks for.
    pub scope: Option<ScopeSet>,
    /// All values of `resource` (RFC 8707 §2.2).
    pub resource: Vec<String>,
}

/// A token for whom somebody else vouches (RFC 7523 §2.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwtBearerRequest {
    /// The assertion.
    pub assertion: Secret,
    /// What the client asks for; all that the assertion allows if absent.
    pub scope: Option<ScopeSet>,
    /// All values of `resource` (RFC 8707 §2.2).
    pub resource: Vec<String>,
}

impl TokenRequest {
    /// Reads the form of a POST request. Unknown parameters are ignored
    /// (RFC 6749 §3.2).
    ///
    /// # Errors
    ///
    /// [`TokenRequestError`] says what is missing, repeated or malformed.
    pub fn parse(form: &Form) -> Result<Self, TokenRequestError> {
        Self::parse_offered(form, &GrantType::ALL)
    }

    /// As [`TokenRequest::parse`], for a server that offers the grant types `offered`
    /// alone: of the others nothing is read.
    ///
    /// # Errors
    ///
    /// [`TokenRequestError`] says what is missing, repeated or malformed.
    pub fn parse_offered(form: &Form, offered: &[GrantType]) -> Result<Self, TokenRequestError> {
        if form.has_repeated(&["resource"]) {
            return Err(TokenRequestError::Repeated);
        }
        let grant_type = form
            .one("grant_type")?
            .ok_or(TokenRequestError::GrantTypeMissing)?;
        let grant_type = GrantType::parse(grant_type).filter(|known| offered.contains(known));
        let grant_type = grant_type.ok_or(TokenRequestError::GrantTypeUnknown)?;
        let resource = form.all("resource").map(str::to_owned).collect();
        Ok(match grant_type {
            GrantType::AuthorizationCode => {
                let code = form.one("code")?.ok_or(TokenRequestError::CodeMissing)?;
                let code_verifier = form.one("code_verifier")?.map(CodeVerifier::parse);
                Self::AuthorizationCode(AuthorizationCodeRequest {
                    code: Secret::new(code),
                    redirect_uri: form.one("redirect_uri")?.map(str::to_owned),
                    code_verifier: code_verifier.transpose()?,
                    resource,
                })
            }
            GrantType::RefreshToken => {
                let token = form
                    .one("refresh_token")?
                    .ok_or(TokenRequestError::RefreshTokenMissing)?;
                Self::RefreshToken(RefreshTokenRequest {
                    refresh_token: Secret::new(token),
                    scope: requested_scope::parse(form.one("scope")?)?,
                    resource,
                })
            }
            GrantType::ClientCredentials => Self::ClientCredentials(ClientCredentialsRequest {
                scope: requested_scope::parse(form.one("scope")?)?,
                resource,
            }),
            GrantType::JwtBearer => {
                let assertion = form.one("assertion")?;
                let assertion = assertion.ok_or(TokenRequestError::AssertionMissing)?;
                Self::JwtBearer(JwtBearerRequest {
                    assertion: Secret::new(assertion),
                    scope: requested_scope::parse(form.one("scope")?)?,
                    resource,
                })
            }
            GrantType::TokenExchange => Self::TokenExchange(TokenExchangeRequest::parse(form)?),
        })
    }

    /// The grant type of the request.
    pub const fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
            Self::JwtBearer(_) => GrantType::JwtBearer,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

/// The redirection URI of a code and of its redemption differ (RFC 6749 §4.1.3);
/// to the client it is `invalid_grant`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("redirect_uri is not that of the authorization request")]
#[non_exhaustive]
pub struct RedirectUriDiffers;

impl AuthorizationCodeRequest {
    /// RFC 6749 §4.1.3: `redirect_uri` is "REQUIRED, if the 'redirect_uri'
    /// parameter was included in the authorization request […], and their values
    /// MUST be identical".
    ///
    /// `used` is where the code was sent, `was_sent` whether the authorization
    /// request named it.
    ///
    /// # Errors
    ///
    /// [`RedirectUriDiffers`] if it is missing though it was sent, or differs.
    pub fn check_redirect_uri(&self, used: &str, was_sent: bool) -> Result<(), RedirectUriDiffers> {
        let fits = match &self.redirect_uri {
            Some(redirect_uri) => redirect_uri == used,
            None => !was_sent,
        };
        fits.then_some(()).ok_or(RedirectUriDiffers)
    }
}
