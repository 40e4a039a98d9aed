//! Between whoever sends requests to a protected resource and whoever has the tokens
//! for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use countersign_oauth::{ResourceUri, Secret};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use thiserror::Error;
use url::Url;

/// An answer of an [`Authorizer`] on its way.
pub type Authorizing<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthorizerError>> + Send + 'a>>;

/// Has the credentials for one protected resource.
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// The header fields that `request` needs, such as `Authorization` (RFC 6750 §2.1)
    /// and `DPoP` (RFC 9449 §4.1). None while there are no credentials: the refusal
    /// says then how to get some.
    ///
    /// # Errors
    ///
    /// [`AuthorizerError`] if there should be credentials and there are none; the
    /// request is not sent then.
    fn authorize<'a>(&'a self, request: Outgoing<'a>) -> Authorizing<'a, HeaderMap>;

    /// Told of an answer 401 or 403. [`Next::Again`] says that the same request may
    /// work with what [`authorize`](Self::authorize) answers now.
    ///
    /// # Errors
    ///
    /// [`AuthorizerError`] if it tried to get credentials in vain.
    fn refused<'a>(&'a self, refused: Refused<'a>) -> Authorizing<'a, Next>;

    /// Told the header fields of every other answer, which may carry the nonce for the
    /// next proof (RFC 9449 §8.2).
    fn answered(&self, request: Outgoing<'_>, headers: &HeaderMap) {
        let _ = (request, headers);
    }
}

/// A request that is about to be sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The target, without fragment.
    pub url: &'a Url,
}

impl<'a> Outgoing<'a> {
    /// A request with `method` to `url`.
    pub const fn new(method: &'a Method, url: &'a Url) -> Self {
        Self { method, url }
    }
}

/// Checks that `request` goes to the host of `server`: what is for one is shown to no other,
/// whoever mixed them up.
pub(crate) fn check_target(
    server: &ResourceUri,
    request: Outgoing<'_>,
) -> Result<(), AuthorizerError> {
    let own = Url::parse(server.as_str());
    if own.is_ok_and(|own| own.origin() == request.url.origin()) {
        return Ok(());
    }
    Err(AuthorizerError(format!(
        "the credentials are for {server}, and the request goes to another server: nothing is \
         shown there; name the same server in both places"
    )))
}

/// A request that was refused.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Refused<'a> {
    /// The request.
    pub request: Outgoing<'a>,
    /// What it is about, such as `tools/call delete_user`; attempts are counted for
    /// each.
    pub operation: &'a str,
    /// What [`Authorizer::authorize`] had answered for it.
    pub shown: &'a HeaderMap,
    /// 401 or 403.
    pub status: StatusCode,
    /// The header fields of the answer, with its challenges.
    pub headers: &'a HeaderMap,
    /// How often this request was sent before, with 0 for the first time.
    pub attempt: u32,
}

impl<'a> Refused<'a> {
    /// `request` was sent for `operation` with the fields `shown`, `attempt` times
    /// before, and is answered `status` with `headers`.
    pub const fn new(
        request: Outgoing<'a>,
        operation: &'a str,
        shown: &'a HeaderMap,
        status: StatusCode,
        headers: &'a HeaderMap,
        attempt: u32,
    ) -> Self {
        Self {
            request,
            operation,
            shown,
            status,
            headers,
            attempt,
        }
    }
}

impl Refused<'_> {
    /// The access token that was shown.
    pub(crate) fn shown_token(&self) -> Option<Secret> {
        let value = self.shown.get(AUTHORIZATION)?.to_str().ok()?;
        let (_, token) = value.split_once(' ')?;
        Some(Secret::new(token))
    }
}

impl fmt::Debug for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `shown` carries credentials.
        f.debug_struct("Refused")
            .field("request", &self.request)
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// What to do about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Ask for header fields and send the request once more.
    Again,
    /// The refusal is the answer.
    GiveUp,
}

/// Why there are no credentials, as one sentence for people. It never carries a secret
/// nor text of a stranger that was not made printable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
#[expect(clippy::exhaustive_structs, reason = "authorizers of others make one")]
pub struct AuthorizerError(pub String);
