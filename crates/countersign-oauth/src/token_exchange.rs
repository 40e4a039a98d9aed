//! The request for an exchange of tokens: RFC 8693 §2.1.
//!
//! One kind is done here: a resource server gives the access token with which it was
//! called, and gets one for another resource. Who acts is the client that asks, which is
//! authenticated; there is no other actor.

use thiserror::Error;

use crate::form::{Form, Repeated};
use crate::requested_scope;
use crate::token_request::TokenRequestError;
use crate::{ScopeSet, Secret};

/// `urn:ietf:params:oauth:token-type:access_token` (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// `urn:ietf:params:oauth:token-type:refresh_token` (RFC 8693 §3).
pub const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// `urn:ietf:params:oauth:token-type:id_token` (RFC 8693 §3).
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// `urn:ietf:params:oauth:token-type:id-jag`
/// (draft-ietf-oauth-identity-assertion-authz-grant §9).
pub const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// Why a request for an exchange is refused; to the client it is `invalid_request`
/// (RFC 8693 §2.2.2).
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeRequestError {
    /// `subject_token` is missing.
    #[error("subject_token is missing")]
    SubjectTokenMissing,
    /// `subject_token_type` is missing or another one than [`ACCESS_TOKEN`].
    #[error("subject_token_type is missing or is not an access token")]
    SubjectTokenType,
    /// `requested_token_type` is another one than [`ACCESS_TOKEN`].
    #[error("requested_token_type is not an access token")]
    RequestedTokenType,
    /// `actor_token` or `actor_token_type` was sent.
    #[error("an actor token is not accepted: the client that asks is who acts")]
    ActorToken,
}

/// An access token to be exchanged (RFC 8693 §2.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenExchangeRequest {
    /// The access token with which the client was called.
    pub subject_token: Secret,
    /// What the client asks for.
    pub scope: Option<ScopeSet>,
    /// All values of `resource` and the value of `audience`, which means the same here.
    pub resource: Vec<String>,
}

impl TokenExchangeRequest {
    pub(crate) fn parse(form: &Form) -> Result<Self, TokenRequestError> {
        let sent = |name: &str| -> Result<bool, Repeated> { Ok(form.sent(name)?.is_some()) };
        if sent("actor_token")? || sent("actor_token_type")? {
            return Err(ExchangeRequestError::ActorToken.into());
        }
        let token = form.one("subject_token")?;
        let token = token.ok_or(ExchangeRequestError::SubjectTokenMissing)?;
        if form.one("subject_token_type")? != Some(ACCESS_TOKEN) {
            return Err(ExchangeRequestError::SubjectTokenType.into());
        }
        let requested = form.one("requested_token_type")?;
        if requested.is_some_and(|requested| requested != ACCESS_TOKEN) {
            return Err(ExchangeRequestError::RequestedTokenType.into());
        }
        let resource = form.all("resource").chain(form.one("audience")?);
        Ok(Self {
            subject_token: Secret::new(token),
            scope: requested_scope::parse(form.one("scope")?)?,
            resource: resource.map(str::to_owned).collect(),
        })
    }
}
