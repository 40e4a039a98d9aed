//! The authorization request: RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2,
//! OpenID Connect Core §3.1.2.1 (`prompt`), §6 (request objects, refused).
//!
//! An [`UnverifiedRequest`] names a client and perhaps an address, and neither
//! is believed: it has no method that yields a redirect, so that an error is
//! shown to the person (RFC 6749 §4.1.2.1). Only the [`VerifiedRequest`] made
//! from it, once the address is one that the client registered, can answer
//! there.
//!
//! Whether somebody is logged in and consents is not judged here.

mod prompt;
mod refusal;
mod verified;

use thiserror::Error;

use crate::client_id::ClientId;
use crate::form::{Form, FormError};
use crate::redirect_uri::{ApplicationType, RedirectMismatch, RedirectUri, match_redirect_uri};

pub use prompt::{Prompt, Prompts};
pub use refusal::RequestRefusal;
pub use verified::{MAX_STATE_BYTES, VerifiedRequest};

/// Why an authorization request cannot be answered by a redirect. The person
/// sees a page with status 400.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnusableRequest {
    /// The parameters cannot be decoded.
    #[error(transparent)]
    Form(#[from] FormError),
    /// `client_id` or `redirect_uri` is included more than once.
    #[error("client_id or redirect_uri is included more than once")]
    Repeated,
    /// A parameter is in the query and in the body of one request.
    #[error("a parameter is in the query and in the body")]
    QueryAndBody,
    /// `client_id` is missing or no client id.
    #[error("client_id is missing or malformed")]
    ClientId,
    /// No answer may be sent to the address.
    #[error(transparent)]
    Redirect(#[from] RedirectMismatch),
}

/// A request of which nothing is verified.
#[derive(Clone, Debug)]
pub struct UnverifiedRequest {
    form: Form,
    client_id: ClientId,
    redirect_uri: Option<String>,
}

impl UnverifiedRequest {
    /// Reads a GET request; `query` is the part of the target behind `?`.
    /// Unknown parameters are ignored (RFC 6749 §3.1).
    ///
    /// # Errors
    ///
    /// [`UnusableRequest`] if the query has no single reading or names no client.
    pub fn parse_get(query: &str) -> Result<Self, UnusableRequest> {
        Self::of(Form::parse(query.as_bytes())?)
    }

    /// Reads a POST request, whose parameters are in the body, the query or
    /// both, but none of them in both.
    ///
    /// # Errors
    ///
    /// As [`UnverifiedRequest::parse_get`], and if the body is no form.
    pub fn parse_post(
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Self, UnusableRequest> {
        let query = Form::parse(query.unwrap_or_default().as_bytes())?;
        let body = Form::parse_post(content_type, None, body)?;
        if query
            .names()
            .any(|name| body.names().any(|other| other == name))
        {
            return Err(UnusableRequest::QueryAndBody);
        }
        Self::of(query.joined(body))
    }

    fn of(form: Form) -> Result<Self, UnusableRequest> {
        let client_id = form
            .one("client_id")
            .map_err(|_| UnusableRequest::Repeated)?;
        let client_id = client_id
            .and_then(|id| ClientId::parse(id).ok())
            .ok_or(UnusableRequest::ClientId)?;
        // An empty address is no registered one; it is not treated as omitted.
        let redirect_uri = form
            .sent("redirect_uri")
            .map_err(|_| UnusableRequest::Repeated)?
            .map(str::to_owned);
        Ok(Self {
            form,
            client_id,
            redirect_uri,
        })
    }

    /// The client that the request names. Nothing proves that it sent it.
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Makes the request answerable, if its address is one of `registered`.
    ///
    /// # Errors
    ///
    /// [`UnusableRequest::Redirect`] if no answer may be sent there.
    pub fn verify_redirect(
        self,
        registered: &[RedirectUri],
        application_type: ApplicationType,
    ) -> Result<VerifiedRequest, UnusableRequest> {
        let requested = self.redirect_uri.as_deref();
        let redirect = match_redirect_uri(requested, registered, application_type)?;
        Ok(VerifiedRequest::new(self.form, self.client_id, redirect))
    }
}
