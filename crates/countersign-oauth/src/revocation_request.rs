//! Requests about one token: revocation, RFC 7009 §2.1, and introspection,
//! RFC 7662 §2.1, which have the same parameters.

use thiserror::Error;

use crate::Secret;
use crate::form::Form;

/// What the client says that the token is. It only says where to look first:
/// "An invalid hint […] the authorization server MUST extend its search".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "this server issues two kinds of tokens"
)]
pub enum TokenTypeHint {
    /// `access_token`.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

/// Why a request cannot be read; to the client it is `invalid_request`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenInQuestionError {
    /// A parameter is included more than once.
    #[error("a parameter is included more than once")]
    Repeated,
    /// `token` is missing.
    #[error("token is missing")]
    Missing,
}

/// The token that a request is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenInQuestion {
    /// Whatever text was sent; it may be no token at all.
    pub token: Secret,
    /// Unknown hints are ignored (RFC 7009 §2.1).
    pub hint: Option<TokenTypeHint>,
}

impl TokenInQuestion {
    /// Reads the form of a POST request.
    ///
    /// # Errors
    ///
    /// [`TokenInQuestionError`] if `token` is missing or a parameter is repeated.
    pub fn parse(form: &Form) -> Result<Self, TokenInQuestionError> {
        if form.has_repeated(&[]) {
            return Err(TokenInQuestionError::Repeated);
        }
        let one = |name| form.one(name).map_err(|_| TokenInQuestionError::Repeated);
        let hint = match one("token_type_hint")? {
            Some("access_token") => Some(TokenTypeHint::AccessToken),
            Some("refresh_token") => Some(TokenTypeHint::RefreshToken),
            _ => None,
        };
        let token = one("token")?.ok_or(TokenInQuestionError::Missing)?;
        Ok(Self {
            token: Secret::new(token),
            hint,
        })
    }
}
